"""Other threads, and git, act exactly between two steps of the history."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from files.scripted import before

import fsstore
from fsstore.history.history import History
from fsstore.history.objects import Objects
from fsstore.history.packs import Pack

from .stores import StoreRepo


@pytest.fixture
def repo(scratch: Path) -> StoreRepo:
    return StoreRepo(scratch / "store")


def test_another_thread_changes_the_order_of_the_packs(repo: StoreRepo, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it has found comes first, and so behind whoever is looking for the same just then, each time they look."""
    with repo.open() as store:
        for number in range(8):
            store.set("k", number)
            store.snapshot()
    objects = Objects(f"{repo.root}/.git")
    wanted = next(objects._all_packs()[-1].ids())
    sound = Pack.offset
    outer = [True]

    def offset(self: Pack, oid: bytes) -> int:
        found = sound(self, oid)
        packs = objects._packs
        if outer[0] and packs and self is packs[2]:
            outer[0] = False
            objects.read(oid)  # as another thread
            outer[0] = True
        return found

    monkeypatch.setattr(Pack, "offset", offset)
    assert objects.read(wanted)


def test_two_threads_want_the_history_first(repo: StoreRepo) -> None:
    with repo.open() as store:
        sound = store._make_history
        others = []

        def late() -> History:
            store._make_history = sound
            others.append(store._past)
            return sound()

        store._make_history = late
        assert store._past is others[0]
        assert list(store.log())
    assert others[0]._is_closed


def test_the_store_is_closed_while_its_history_is_made(repo: StoreRepo) -> None:
    store = repo.open()
    sound = store._make_history

    def late() -> History:
        made = sound()
        store.close()
        return made

    store._make_history = late
    with pytest.raises(fsstore.Closed):
        store.log()


def test_git_packs_loose_objects_while_they_are_listed(repo: StoreRepo, monkeypatch: pytest.MonkeyPatch) -> None:
    repo.git("commit", "--allow-empty", "-m", "loose")
    directory = next(path for path in (repo.root / ".git" / "objects").iterdir() if len(path.name) == 2)

    def packed() -> None:
        repo.git("gc", "--quiet", "--prune=now")
        assert not directory.exists()

    before(monkeypatch, os, "listdir", packed, lambda path=".": os.fspath(path) == str(directory))
    with repo.open() as store:
        known = list(store.log())
        store.gc()
        assert list(store.log()) == known
    assert not directory.exists()


def test_git_removes_the_directory_of_the_branch(repo: StoreRepo, monkeypatch: pytest.MonkeyPatch) -> None:
    repo.git("checkout", "-q", "-b", "feature/one")
    repo.git("pack-refs", "--all")
    refs = repo.root / ".git" / "refs" / "heads" / "feature"
    before(
        monkeypatch, os, "link", lambda: shutil.rmtree(refs), lambda _, to, **__: os.fsdecode(to).endswith("one.lock")
    )
    with repo.open() as store:
        store.set("k", 1)
        assert store.snapshot()
    assert repo.git("rev-parse", "--abbrev-ref", "HEAD").strip() == "feature/one"
    assert repo.git("status", "--porcelain") == ""
