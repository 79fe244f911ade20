"""A power cut at every change of every verb: what was acknowledged is there, the rest old or new, nothing torn."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest

import fsstore
from fsstore.engines.files import log

from .cutfs import MODES
from .disturbed import ROUNDS
from .flaws import flawed
from .forgetting import Disk, empty
from .tally import TALLY
from .verbs import VERBS, State, Verb, complaint, prepare, state


@pytest.fixture(autouse=True)
def _short_log(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log, "SIZE", 256 * 1024)  # each case reads all of it through the file system


def states(disk: Disk, verb: Verb, durability: str) -> tuple[State, State, int]:
    """What is stored before and after, and how many changes the verb takes; the disk is left as before."""
    with fsstore.open(disk.root, durability=durability) as store:
        prepare(store)
        before = state(store)
    disk.tell("save")
    with fsstore.open(disk.root, durability=durability) as store:
        disk.tell("arm 0")
        verb.act(store)
        changes = disk.changes
        after = state(store)
    return before, after, changes


def cut(disk: Disk, verb: Verb, at: int, mode: str, durability: str = "power") -> bool:
    """Run the verb with a cut at a change; whether it was acknowledged all the same."""
    disk.tell("restore")
    acknowledged = False
    store = fsstore.open(disk.root, durability=durability)
    disk.tell(f"arm {at}")
    with contextlib.suppress(fsstore.StoreError):
        verb.act(store)
        acknowledged = True
    with contextlib.suppress(fsstore.StoreError, OSError):
        store.close()
    disk.tell(f"cut {mode}")
    return acknowledged


def complaints(disk: Disk, verb: Verb, step: int = 1, modes: tuple[str, ...] = MODES) -> Iterator[str]:
    """What is wrong after a cut, for every change (or every so many) and mode."""
    before, after, changes = states(disk, verb, "power")
    assert changes >= 4
    cases = [(at, mode) for at in range(1, changes + 2) for mode in modes]
    for at, mode in cases[::step]:
        TALLY["power cuts"] += 1
        done = cut(disk, verb, at, mode)
        if wrong := complaint(disk.copied(), before, after, done=done, durability="power"):
            yield f"cut at {at} of {changes}, {mode}: {wrong}"


@pytest.mark.parametrize("verb", VERBS, ids=lambda verb: verb.name)
def test_cut_at_every_change(verb: Verb, forgetful: Disk) -> None:
    step = 1 if ROUNDS > 1 else 2 if verb.writes == 1 else 7
    assert list(complaints(forgetful, verb, step)) == []


def test_a_new_store(forgetful: Disk) -> None:
    verb = Verb("open and set", lambda store: None, 1)
    forgetful.tell("arm 0")
    with fsstore.open(forgetful.root, durability="power") as store:
        store.set("a", 1)
        changes = forgetful.changes
    for at in range(1, changes + 2):
        for mode in MODES:
            TALLY["power cuts"] += 1
            empty(forgetful)
            forgetful.tell(f"arm {at}")
            acknowledged = False
            with (
                contextlib.suppress(fsstore.StoreError, OSError),
                fsstore.open(forgetful.root, durability="power") as store,
            ):
                store.set("a", 1)
                acknowledged = True
            forgetful.tell(f"cut {mode}")
            with fsstore.open(forgetful.copied(), durability="power") as store:
                found = store.get("a")
                assert found == 1 or (found is None and not acknowledged), (at, mode, changes, verb.name)
                store.set("a", 2)
                assert list(store.doctor()) == []


def _set_often(store: fsstore.Store) -> None:
    for number in range(5):
        store.set("a", {"n": number, "text": "x" * 1000})


def test_at_a_checkpoint(forgetful: Disk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log, "SIZE", 8192)
    verb = Verb("many sets", _set_often, 1)
    before, _, changes = states(forgetful, verb, "power")
    for at in range(1, changes + 2, 1 if ROUNDS > 1 else 2):
        for mode in MODES:
            TALLY["power cuts"] += 1
            forgetful.tell("restore")
            acknowledged = -1
            store = fsstore.open(forgetful.root, durability="power")
            forgetful.tell(f"arm {at}")
            with contextlib.suppress(fsstore.StoreError):
                for number in range(5):
                    store.set("a", {"n": number, "text": "x" * 1000})
                    acknowledged = number
            with contextlib.suppress(fsstore.StoreError, OSError):
                store.close()
            forgetful.tell(f"cut {mode}")
            with fsstore.open(forgetful.copied(), durability="power") as store:
                found = store.get("a").get("n", -1)
                assert acknowledged <= found <= acknowledged + 1, (at, mode, changes)
                assert state(store)["bystander"] == before["bystander"]


def test_without_durability_the_next_operations_work(forgetful: Disk) -> None:
    verb = next(verb for verb in VERBS if verb.name == "set_many")
    _, _, changes = states(forgetful, verb, "process")
    for at in range(1, changes + 2):
        for mode in MODES:
            TALLY["power cuts"] += 1
            cut(forgetful, verb, at, mode, "process")
            with fsstore.open(forgetful.copied()) as store:
                store.get_all(errors="skip")
                store.set_many({"a": 1, "b:c": 2, "new:1": 3})
                assert store.get_many(["a", "b:c", "new:1"]) == {"a": 1, "b:c": 2, "new:1": 3}


@pytest.mark.parametrize(
    ("name", "verb"),
    [
        ("no-sync-of-the-log", "set-over"),
        ("renamed-before-sync", "set-over"),
        ("no-checksum", "set_many"),
        ("no-replay", "set-over"),
        ("no-sync-of-a-new-store", "set-new"),
    ],
)
def test_flaws_are_seen(name: str, verb: str, forgetful: Disk) -> None:
    with flawed(name):
        if name == "no-sync-of-a-new-store":
            with pytest.raises((AssertionError, fsstore.NotAStore)):
                test_a_new_store(forgetful)
            return
        assert next(complaints(forgetful, next(each for each in VERBS if each.name == verb)), None) is not None


def test_a_checkpoint_without_sync_is_seen(forgetful: Disk, monkeypatch: pytest.MonkeyPatch) -> None:
    with flawed("no-sync-at-a-checkpoint"), pytest.raises((AssertionError, fsstore.BadValue)):
        test_at_a_checkpoint(forgetful, monkeypatch)
