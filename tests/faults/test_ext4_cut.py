"""The power of a real ext4 is cut after every call that changes it: what was acknowledged is there, nothing is torn."""

from __future__ import annotations

import contextlib
import mmap
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

import fsstore
from fsstore import Store
from fsstore.engines.files import log

from .disturbed import ROUNDS
from .ext4 import MODES, Image
from .flaws import flawed
from .tally import TALLY
from .traced import Call, Child, trace
from .verbs import VERBS, Verb, complaint, outcomes, prepare, state

pytestmark = pytest.mark.usefixtures("strace")

_SIZE = 256 * 1024  # of the log; all of it is read after each cut
_EVERY_ROUND = {"set-deep", "set-over", "set-metadata"}
_CHANGES_NOTHING = {"open", "openat", "openat2", "creat", "close", "flock"}  # unless it makes a file
_ACKNOWLEDGED = Call("sched_yield", 1, "")

Opening = Callable[[Path], AbstractContextManager[Callable[[], Any]]]
"""Open what is needed at this path, and give what the child is to do."""


def on_open_store(act: Callable[[Store], Any], durability: str = "power") -> Opening:
    """The child finds the store open."""

    @contextlib.contextmanager
    def opening(root: Path) -> Iterator[Callable[[], Any]]:
        store = fsstore.open(root, durability=durability)
        try:
            yield lambda: act(store)
        finally:
            with contextlib.suppress(fsstore.StoreError, OSError):  # the power may be off
                store.close()

    return opening


def cuts(image: Image, opening: Opening, scratch: Path, modes: list[str], step: int = 1) -> Iterator[tuple[Call, str]]:
    """Each change (or every so many) and mode, with the power cut after it, and the disk mounted again."""
    image.restore()
    with image.mounted(), opening(image.root) as act:
        calls = [call for call in trace(act, scratch / "calls") if _is_change(call)]
    for call in [*calls[::step], _ACKNOWLEDGED]:
        for mode in modes:
            TALLY["cuts of an ext4 image"] += 1
            image.restore()
            with image.mounted(), opening(image.root) as act:
                _cut_after(call, act, image, mode)
            with image.mounted():
                yield call, mode


def _is_change(call: Call) -> bool:
    return call.name not in _CHANGES_NOTHING or "O_CREAT|O_EXCL" in call.arguments


def _cut_after(call: Call, act: Callable[[], Any], image: Image, mode: str) -> None:
    """Stop a child when it has made the call, cut the power, kill the child."""
    child = Child(act, f"{call.name}:signal=STOP:when={call.nth}")
    child.begin()
    _, status = os.waitpid(child.pid, os.WUNTRACED)
    assert os.WIFSTOPPED(status), (call, status)
    image.cut(mode)
    os.kill(child.pid, signal.SIGKILL)
    assert child.end().signal == signal.SIGKILL


def complaints(verb: Verb, image: Image, scratch: Path, modes: list[str]) -> Iterator[str]:
    """What is wrong after which cut."""
    before, after = outcomes(verb, scratch / "undisturbed", "power")
    for call, mode in cuts(image, on_open_store(verb.act), scratch, modes):
        done = call is _ACKNOWLEDGED
        if wrong := complaint(image.root, before, after, done=done, durability="power"):
            yield f"cut after {call}, {mode}: {wrong}"


@pytest.fixture(autouse=True)
def _short_log(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log, "SIZE", _SIZE)


@pytest.fixture(scope="module")
def new_disk(scratch_for_all: Path) -> Image:
    """A disk with nothing on it."""
    return Image.made(scratch_for_all / "new")


@pytest.fixture(scope="module")
def disk_with_store(scratch_for_all: Path) -> Image:
    """A disk with a store on it."""
    image = Image.made(scratch_for_all / "with store")
    with pytest.MonkeyPatch.context() as patch, image.mounted():
        patch.setattr(log, "SIZE", _SIZE)
        with fsstore.open(image.root, durability="power") as store:
            prepare(store)
    image.save()
    return image


VERBS_OF_ROUND = [verb for verb in VERBS if ROUNDS > 1 or verb.name in _EVERY_ROUND]


@pytest.mark.parametrize("verb", VERBS_OF_ROUND, ids=lambda verb: verb.name)
def test_cut_after_every_change(verb: Verb, disk_with_store: Image, scratch: Path) -> None:
    assert list(complaints(verb, disk_with_store, scratch, list(MODES))) == []


@contextlib.contextmanager
def on_no_store(root: Path) -> Iterator[Callable[[], Any]]:
    """The child makes the store."""
    yield lambda: fsstore.open(root, durability="power").set("a", 1)


def test_a_new_store(new_disk: Image, scratch: Path) -> None:
    for call, mode in cuts(new_disk, on_no_store, scratch, list(MODES)):
        with fsstore.open(new_disk.root, durability="power") as store:
            assert store.get("a") in ([1] if call is _ACKNOWLEDGED else [None, 1]), (call, mode)
            store.set("a", 2)
            assert list(store.doctor()) == []


def test_at_checkpoints(disk_with_store: Image, scratch: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The log has room for two records, so that it is emptied again and again."""
    monkeypatch.setattr(log, "SIZE", 8192)
    acknowledged = mmap.mmap(-1, 1)  # shared with the child

    def set_one_after_the_other(store: Store) -> Iterator[None]:
        for number in range(3):
            store.set(f"new:{number}", "x" * 900)
            yield

    def act(store: Store) -> None:
        acknowledged[0] = 0
        for number, _ in enumerate(set_one_after_the_other(store), 1):
            acknowledged[0] = number

    with fsstore.open(scratch / "undisturbed", durability="power") as store:
        prepare(store)
        expected = [state(store), *(state(store) for _ in set_one_after_the_other(store))]
    names = set()
    for call, mode in cuts(disk_with_store, on_open_store(act), scratch, list(MODES)):
        names.add(call.name)
        with fsstore.open(disk_with_store.root, durability="power") as store:
            done = acknowledged[0]
            assert state(store) in expected[done : done + 2], (call, mode, done)
    assert "syncfs" in names


@contextlib.contextmanager
def on_broken_store(root: Path) -> Iterator[Callable[[], Any]]:
    """The child opens a store, and so brings it in order."""
    yield lambda: fsstore.open(root, durability="power")


@pytest.mark.parametrize("mode", list(MODES))
@pytest.mark.parametrize("published", [False, True], ids=["logged", "published"])
def test_cut_again_in_the_recovery(published: bool, mode: str, disk_with_store: Image, scratch: Path) -> None:
    verb = next(verb for verb in VERBS if verb.name == "set_many")
    before, after = outcomes(verb, scratch / "undisturbed", "power")
    broken = disk_with_store.copied(scratch / "broken")
    last = Call("linkat", 1, "") if published else Call("fdatasync", 1, "")
    with broken.mounted(), on_open_store(verb.act)(broken.root) as act:
        _cut_after(last, act, broken, mode)
    broken.save()
    names = set()
    for call, again in cuts(broken, on_broken_store, scratch, list(MODES)):
        names.add(call.name)
        wrong = complaint(broken.root, before, after, done=True, durability="power")  # the log was synced
        assert wrong is None, (call, again)
    assert "syncfs" in names


@pytest.mark.parametrize(
    ("name", "verb", "mode"),
    [
        ("no-sync-of-the-log", "set-over", "journal lost"),
        ("no-replay", "set-over", "journal lost"),
        ("renamed-before-sync", "set_many", "journal flushed"),
    ],
)
def test_flaws_are_seen(name: str, verb: str, mode: str, disk_with_store: Image, scratch: Path) -> None:
    flawed_verb = next(each for each in VERBS if each.name == verb)
    with flawed(name):
        assert next(complaints(flawed_verb, disk_with_store, scratch, [mode]), None) is not None


def test_a_new_store_that_is_not_synced_is_seen(new_disk: Image, scratch: Path) -> None:
    with flawed("no-sync-of-a-new-store"), pytest.raises((AssertionError, fsstore.StoreError)):
        test_a_new_store(new_disk, scratch)


def test_a_checkpoint_without_sync_is_seen(
    disk_with_store: Image, scratch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with flawed("no-sync-at-a-checkpoint"), pytest.raises((AssertionError, fsstore.StoreError)):
        test_at_checkpoints(disk_with_store, scratch, monkeypatch)


def test_a_recovery_without_sync_is_seen(disk_with_store: Image, scratch: Path) -> None:
    with flawed("no-sync-at-a-checkpoint"), pytest.raises(AssertionError, match="old"):
        test_cut_again_in_the_recovery(False, "journal lost", disk_with_store, scratch)
