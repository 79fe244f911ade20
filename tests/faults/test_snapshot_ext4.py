"""The power of a real ext4 is cut in snapshots and between them: the history and the files agree."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import fsstore
from fsstore import Store

from .disturbed import ROUNDS
from .ext4 import MODES, Image
from .flaws import flawed
from .plans import PLAN, act, complaint
from .repositories import Counter, commit_some, git, prepare
from .test_ext4_cut import cuts, on_open_store

pytestmark = pytest.mark.usefixtures("strace")


class Ground:
    """A disk with a store on it."""

    def __init__(self, directory: Path) -> None:
        self.image = Image.made(directory / "disk")
        self.counter = Counter()
        with self.image.mounted(), fsstore.open(self.image.root) as store:
            prepare(store)
            commit_some(self.image.root, store)
            self.before = git(self.image.root, "rev-list", "HEAD").split()
        self.image.save()

    def act(self, store: Store) -> None:
        """What the child does."""
        self.counter.clear()
        act(store, self.counter)


def complaints(ground: Ground, scratch: Path, modes: list[str], step: int) -> Iterator[str]:
    """What is wrong after which cut."""
    opening = on_open_store(ground.act, "snapshot")
    for call, mode in cuts(ground.image, opening, scratch, modes, step):
        if wrong := complaint(ground.image.root, ground.before, ground.counter.done):
            yield f"cut after {call}, {mode}: {wrong}"


@pytest.fixture(scope="module")
def ground(scratch_for_all: Path) -> Ground:
    return Ground(scratch_for_all)


def test_cut_after_changes(ground: Ground, scratch: Path) -> None:
    assert list(complaints(ground, scratch, list(MODES), 1 if ROUNDS > 1 else 17)) == []
    assert ground.counter.done == len(PLAN)


def test_flaws_are_seen(ground: Ground, scratch: Path) -> None:
    with flawed("no-recovery-after-a-cut"):
        assert next(complaints(ground, scratch, ["journal flushed"], 5), None) is not None
