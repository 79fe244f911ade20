"""A power cut at every change of snapshots and of what is written between them: the history and the files agree."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import fsstore
from fsstore import Store

from .cutfs import MODES
from .disturbed import ROUNDS
from .flaws import flawed
from .forgetting import Disk
from .repositories import AGENT, OLD, Keys, commit_some, git, prepare, wrong_history
from .tally import TALLY

GONE = object()


class Writer:
    """Sets, deletes and snapshots, with what was acknowledged of them."""

    def __init__(self, store: Store) -> None:
        self._store = store.handle(agent=AGENT)
        self.lives: dict[str, list[Any]] = {key: [value] for key, value in OLD.items()}
        """What each key was asked to be, oldest first."""
        self.least = dict.fromkeys(OLD, 0)
        """From where on in its life a key must be found: as the last acknowledged snapshot had it."""
        self.commits: list[str] = []
        """Acknowledged."""

    def set(self, key: str, value: Any) -> None:
        """A new value."""
        self.lives.setdefault(key, [GONE]).append(value)
        self.least.setdefault(key, 0)
        self._store.set(key, value)

    def delete(self, key: str) -> None:
        """No value."""
        self.lives[key].append(GONE)
        self._store.delete(key)

    def snapshot(self) -> None:
        """All so far is to stay."""
        made = self._store.store.snapshot()
        assert made is not None
        self.commits.append(made.id)
        self.least = {key: len(life) - 1 for key, life in self.lives.items()}

    def act(self) -> None:
        """Two snapshots, and writes before, between and after them."""
        self.set("a", {"text": "first " * 50})
        self.set("deep:new", [1])
        self.snapshot()
        self.set("a", {"text": "second " * 50})
        self.set("b", OLD["b"])
        self.delete("d")
        self.set("deep:new", {"text": "second " * 50})
        self.snapshot()
        self.set("a", {"text": "third " * 50})
        self.set("d", "again")
        self.delete("deep:new")

    def wrong_values(self, store: Store) -> str | None:
        """Which keys are older than the last acknowledged snapshot, newer than all, or torn."""
        found = store.get_all()
        for key, life in self.lives.items():
            value = found.get(key, GONE)
            if value not in life[self.least[key] :]:
                return f"{key} is {'gone' if value is GONE else str(value)[:40]}"
        return None

    def older(self, files: Keys, committed: Keys) -> list[str]:
        """Which keys the files have as they were before a commit."""
        return [
            key
            for key, life in self.lives.items()
            if _last(life, files.get(key, GONE)) < life.index(committed.get(key, GONE))
        ]


def _last(life: list[Any], value: Any) -> int:
    return max(at for at, one in enumerate(life) if one == value)


class Cuts:
    """One disk with a store, and a writer whose power is cut."""

    def __init__(self, disk: Disk) -> None:
        self._disk = disk
        with fsstore.open(disk.root) as store:
            prepare(store)
            commit_some(disk.root, store)
        self._before = git(disk.root, "rev-list", "HEAD").split()
        disk.tell("save")
        self._run(0)
        self.changes = disk.changes
        assert self.changes >= 80

    def _run(self, at: int) -> Writer:
        self._disk.tell("restore")
        store = fsstore.open(self._disk.root)
        writer = Writer(store)
        self._disk.tell(f"arm {at}")
        with contextlib.suppress(*(fsstore.StoreError,) if at else ()):
            writer.act()
        with contextlib.suppress(fsstore.StoreError, OSError):
            store.close()
        return writer

    def complaint(self, at: int, mode: str) -> str | None:
        """What is wrong after a cut at a change."""
        TALLY["power cuts of snapshots"] += 1
        writer = self._run(at)
        self._disk.tell(f"cut {mode}")
        root = self._disk.copied()
        acknowledged = [*self._before, *writer.commits]
        if broken := git(root, "fsck", "--full", "--strict", "--no-dangling", check=False):
            return f"git fsck: {broken}"
        try:
            with fsstore.open(root) as store:
                if (wrong := _unsafe(root)) or (wrong := writer.wrong_values(store)):
                    return wrong
                tip = git(root, "rev-parse", "HEAD").strip()
                if older := writer.older(store.get_all(), store.at(tip).get_all()):
                    return f"older than HEAD: {older}"
                store.snapshot()
                return wrong_history(root, [*acknowledged, tip], []) or writer.wrong_values(store)
        except fsstore.StoreError as error:
            return f"{type(error).__name__}: {error}"


def _unsafe(root: Path) -> str | None:
    """What a person's plain commit would take, though they staged nothing."""
    staged = git(root, "diff", "--cached", "--name-only").split()
    return f"a commit by hand would take {staged}" if staged else None


def complaints(cuts: Cuts, step: int, first: int = 0) -> Iterator[str]:
    """What is wrong after which cut."""
    cases = [(at, mode) for at in range(1, cuts.changes + 2) for mode in MODES]
    for at, mode in cases[first::step]:
        if wrong := cuts.complaint(at, mode):
            yield f"cut at {at} of {cuts.changes}, {mode}: {wrong}"


def test_cut_at_every_change(forgetful: Disk) -> None:
    assert list(complaints(Cuts(forgetful), 1 if ROUNDS > 1 else 7)) == []


@pytest.mark.parametrize("name", ["pack-not-synced", "no-recovery-of-snapshots", "no-recovery-after-a-cut"])
def test_flaws_are_seen(name: str, forgetful: Disk) -> None:
    with flawed(name):
        assert next(complaints(Cuts(forgetful), 4), None) is not None


def test_an_index_that_is_not_caught_up_is_seen(forgetful: Disk) -> None:
    cuts = Cuts(forgetful)
    with flawed("index-not-caught-up"):
        assert any(cuts.complaint(at, "drop") for at in range(cuts.changes // 4, cuts.changes))


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
