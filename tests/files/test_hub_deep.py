"""An observer of a store whose paths are longer than the kernel takes in one call."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import fsstore
from fsstore.engines.files.atomic import Tree
from fsstore.engines.files.watching.endings import Endings
from fsstore.engines.files.watching.reconcile import Reconciler

from .recorder import Recorder

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="inotify is Linux's")

Pass = Callable[[float], None]
KEY = ":".join(["segment" * 10] * 20)


@pytest.fixture
def deep(scratch: Path, opener: str) -> Iterator[fsstore.Store]:
    """An open store in a directory whose own path the kernel does take."""
    here, root = os.open(scratch, os.O_RDONLY | os.O_DIRECTORY), str(scratch)
    while len(root) < 3000:
        os.mkdir("d" * 200, dir_fd=here)
        below = os.open("d" * 200, os.O_RDONLY | os.O_DIRECTORY, dir_fd=here)
        os.close(here)
        here, root = below, f"{root}/{'d' * 200}"
    os.close(here)
    with fsstore.open(root, agent="tester") as opened:
        opened.set(KEY, 1)
        assert len(opened.info(KEY).path) > 4096
        yield opened


def check_by_hand(deep: fsstore.Store) -> None:
    """A person saves a file in place."""
    watcher = Recorder(deep)
    try:
        watcher.learn()
        path = Path(deep.info(KEY).path)
        at = Tree(str(deep._engine.place)).open_handle(os.fsencode(path.parent))
        fd = os.open(path.name, os.O_WRONLY | os.O_TRUNC, dir_fd=at)
        os.write(fd, b"2\n")
        os.close(fd)
        os.close(at)
        assert watcher.told() == [f"updated default/{KEY} 2 by a person"]
    finally:
        watcher.feed.detach(watcher)


def test_what_a_person_saves_in_place_is_told(deep: fsstore.Store) -> None:
    check_by_hand(deep)


def test_a_look_in_one_call_at_what_is_there_is_noticed(deep: fsstore.Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """A flaw: what the kernel does not take in one call is not in place."""

    def is_in_place(self: Reconciler, path: str, status: os.stat_result) -> bool:
        try:
            return os.path.samestat(os.lstat(self._tree.absolute(path)), status)
        except OSError:
            return False

    monkeypatch.setattr(Reconciler, "_is_in_place", is_in_place)
    with pytest.raises(AssertionError):
        check_by_hand(deep)


def check_end(deep: fsstore.Store, let_pass: Pass) -> None:
    """A key ends by itself, of which the observer finds the end as it begins."""
    deep.set(KEY, 1, ttl=3600)
    watcher = Recorder(deep)
    try:
        watcher.learn()
        let_pass(7200)
        watcher.feed.sync(60)
        assert [(event.kind, event.key) for event in watcher.events()] == [("expired", KEY)]
    finally:
        watcher.feed.detach(watcher)


def test_what_ends_by_itself_is_told(deep: fsstore.Store, let_pass: Pass) -> None:
    check_end(deep, let_pass)


def test_ends_that_are_listed_in_one_call_are_noticed(
    deep: fsstore.Store, monkeypatch: pytest.MonkeyPatch, let_pass: Pass
) -> None:
    """A flaw: where the kernel does not take a path, there are no ends."""

    def listed(self: Endings, directory: str) -> tuple[set[str], set[str]]:
        entries = list(os.scandir(os.fsdecode(self._tree.absolute(directory))))
        return {each.name for each in entries if not each.is_dir()}, {each.name for each in entries if each.is_dir()}

    monkeypatch.setattr(Endings, "_listed", listed)
    with pytest.raises(AssertionError):
        check_end(deep, let_pass)
