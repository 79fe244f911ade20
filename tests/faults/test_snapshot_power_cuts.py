"""A power cut at every change of snapshots and of what is written between them: the history and the files agree."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import fsstore

from .cutfs import MODES
from .disturbed import ROUNDS
from .flaws import flawed
from .forgetting import Disk
from .plans import PLAN, act, complaint
from .repositories import OLD, Counter, calls_of, commit_some, copy, git, prepare
from .tally import TALLY
from .traced import run


class Cuts:
    """One disk with a store whose power is cut while the plan is followed."""

    def __init__(self, disk: Disk) -> None:
        self._disk = disk
        self._counter = Counter()
        with fsstore.open(disk.root) as store:
            prepare(store)
            commit_some(disk.root, store)
        self._before = git(disk.root, "rev-list", "HEAD").split()
        disk.tell("save")
        self._run(0)
        self.changes = disk.changes
        assert self._counter.done == len(PLAN)
        assert self.changes >= 80

    def _run(self, at: int) -> None:
        self._disk.tell("restore")
        self._counter.clear()
        store = fsstore.open(self._disk.root)
        self._disk.tell(f"arm {at}")
        with contextlib.suppress(fsstore.StoreError):
            act(store, self._counter)
        with contextlib.suppress(fsstore.StoreError, OSError):
            store.close()

    def cut(self, at: int, mode: str) -> Path:
        """What is left after a cut at a change."""
        TALLY["power cuts of snapshots"] += 1
        self._run(at)
        self._disk.tell(f"cut {mode}")
        return self._disk.copied()

    def complaint(self, root: Path) -> str | None:
        """What is wrong with what the last cut has left."""
        return complaint(root, self._before, self._counter.done)


def complaints(cuts: Cuts, step: int, first: int = 0) -> Iterator[str]:
    """What is wrong after which cut."""
    cases = [(at, mode) for at in range(1, cuts.changes + 2) for mode in MODES]
    for at, mode in cases[first::step]:
        if wrong := cuts.complaint(cuts.cut(at, mode)):
            yield f"cut at {at} of {cuts.changes}, {mode}: {wrong}"


def test_cut_at_every_change(forgetful: Disk) -> None:
    assert list(complaints(Cuts(forgetful), 1 if ROUNDS > 1 else 8)) == []


@pytest.mark.usefixtures("strace")
@pytest.mark.parametrize("mode", MODES)
def test_killed_in_the_recovery(mode: str, forgetful: Disk, scratch: Path) -> None:
    cuts = Cuts(forgetful)
    left = cuts.cut(cuts.changes * 5 // 6, mode)
    copy(left, scratch / "store")
    calls = calls_of(lambda: fsstore.open(scratch / "store"), scratch / "store", scratch / "calls")
    assert len(calls) >= 10
    for call in calls if ROUNDS > 1 else calls[::5]:
        copy(left, scratch / "store")
        ended = run(lambda: fsstore.open(scratch / "store"), f"{call.name}:signal=KILL:when={call.nth}")
        assert ended.signal == signal.SIGKILL, ended
        assert cuts.complaint(scratch / "store") is None, call


@pytest.mark.parametrize("name", ["pack-not-synced", "no-recovery-of-snapshots", "no-recovery-after-a-cut"])
def test_flaws_are_seen(name: str, forgetful: Disk) -> None:
    with flawed(name):
        assert next(complaints(Cuts(forgetful), 4), None) is not None


def test_an_index_that_is_not_caught_up_is_seen(forgetful: Disk) -> None:
    cuts = Cuts(forgetful)
    with flawed("index-not-caught-up"):
        assert any(cuts.complaint(cuts.cut(at, "drop")) for at in range(cuts.changes // 3, cuts.changes))


def _conflict(root: Path) -> None:
    path = root / "default/a.json"
    git(root, "switch", "-q", "-c", "side")
    path.write_text("1\n")
    git(root, "commit", "-q", "-a", "-m", "side")
    git(root, "switch", "-q", "main")
    path.write_text("2\n")
    git(root, "commit", "-q", "-a", "-m", "main")
    assert "CONFLICT" in git(root, "merge", "side", check=False)


def _cut_short(root: Path) -> None:
    os.truncate(root / ".git/index", 100)


def _emptied(root: Path) -> None:
    os.truncate(root / ".git/index", 0)


@pytest.mark.parametrize(("by_hand", "committed"), [(_conflict, 2), (_cut_short, OLD["a"]), (_emptied, OLD["a"])])
def test_an_index_that_cannot_be_read(by_hand: Callable[[Path], None], committed: Any, scratch: Path) -> None:
    """Git does not sync its own index, and a person may be in the middle of something: the store opens all the same."""
    with fsstore.open(scratch / "store") as store:
        prepare(store)
        commit_some(scratch / "store", store)
    by_hand(scratch / "store")
    (scratch / "store/default/b.json").write_text("{")  # torn
    shutil.copytree(scratch / "store", scratch / "copy")  # on which no snapshot was made in this run of the system
    with fsstore.open(scratch / "copy") as store:
        assert store.get_all() == {**OLD, "a": committed}
        with pytest.raises((fsstore.RepositoryState, fsstore.DamagedHistory)):
            store.snapshot()
