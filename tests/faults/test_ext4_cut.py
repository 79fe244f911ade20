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
from .traced import Call, Child, trace
from .verbs import VERBS, Verb, complaint, outcomes, prepare, state

pytestmark = pytest.mark.usefixtures("strace")

_SIZE = 256 * 1024  # of the log; all of it is read after each cut
_EVERY_ROUND = {"set-new", "set-deep", "set-over", "set-metadata", "delete", "set_many", "transaction"}
_CHANGES_NOTHING = {"open", "openat", "openat2", "creat", "close", "flock"}  # unless it makes a file
_ACKNOWLEDGED = Call("sched_yield", 1, "")

Opening = Callable[[Path], AbstractContextManager[Callable[[], Any]]]
"""Open what is needed at this path, and give what the child is to do."""


def on_open_store(act: Callable[[Store], Any]) -> Opening:
    """The child finds the store open."""

    @contextlib.contextmanager
    def opening(root: Path) -> Iterator[Callable[[], Any]]:
        store = fsstore.open(root, durability="power")
        try:
            yield lambda: act(store)
        finally:
            with contextlib.suppress(fsstore.StoreError, OSError):  # the power may be off
                store.close()

    return opening


def cuts(image: Image, opening: Opening, scratch: Path, modes: list[str]) -> Iterator[tuple[Call, str]]:
    """Each change and mode, with the power cut after that change, and the disk mounted again for whoever looks."""
    image.restore()
    with image.mounted(), opening(image.root) as act:
        calls = [call for call in trace(act, scratch / "calls") if _is_change(call)]
    for call in [*calls, _ACKNOWLEDGED]:
        for mode in modes:
            image.restore()
            with image.mounted(), opening(image.root) as act:
                _cut_after(call, act, lambda mode=mode: image.cut(mode))
            with image.mounted():
                yield call, mode


def _is_change(call: Call) -> bool:
    return call.name not in _CHANGES_NOTHING or "O_CREAT|O_EXCL" in call.arguments


def _cut_after(call: Call, act: Callable[[], Any], cut: Callable[[], None]) -> None:
    """Stop a child when it has made the call, cut the power, kill the child."""
    child = Child(act, f"{call.name}:signal=STOP:when={call.nth}")
    child.begin()
    _, status = os.waitpid(child.pid, os.WUNTRACED)
    assert os.WIFSTOPPED(status), (call, status)
    cut()
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
    (scratch_for_all / "new").mkdir()
    return Image(scratch_for_all / "new")


@pytest.fixture(scope="module")
def disk_with_store(scratch_for_all: Path) -> Image:
    """A disk with a store on it."""
    (scratch_for_all / "with store").mkdir()
    image = Image(scratch_for_all / "with store")
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


def on_no_store(root: Path) -> AbstractContextManager[Callable[[], Any]]:
    """The child makes the store."""

    def act() -> None:
        store = fsstore.open(root, durability="power")
        store.set("a", 1)
        acknowledged(store)

    return contextlib.nullcontext(act)
