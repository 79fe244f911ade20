"""What git and a snapshot may do to each other's index at the same instant, one instant at a time."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import fsstore
from fsstore.history.publish import Publisher

from .mixed_flaws import FLAWS
from .stores import StoreRepo


@pytest.fixture
def repo(scratch: Path) -> StoreRepo:
    found = StoreRepo(scratch / "store")
    found.run("maker", a=1, b=2, c=3)
    return found


def hidden(repo: StoreRepo) -> bool:
    """An edit in the second of the index, of the same size, then a snapshot of another key: is it hidden from git?"""
    with repo.open("two") as store:
        for number in range(20):
            store.set("a", 4 - number % 2)
            if _edited_in_the_second_of_a_snapshot(repo, store):
                break
        else:
            pytest.fail("it took too long each time")
        before = repo.at("default/a.json")
        _early_in_a_second()  # before that git looks into the file
        store.use_namespace("far").set("b", 5)  # in the same directory the edit would be seen
        store.snapshot()
    return repo.at("default/a.json") == before and repo.status() == []


def _edited_in_the_second_of_a_snapshot(repo: StoreRepo, store: fsstore.Store) -> bool:
    _early_in_a_second()
    path, index = repo.path("a"), repo.root / ".git/index"
    os.utime(path)
    second = int(path.stat().st_mtime)  # the snapshot has to see this one, and end in it
    time.sleep(0.05)  # so that the kernel's clock has gone on, each time
    store.snapshot()
    time.sleep(0.05)
    repo.write("a", "7\n")
    return second == int(path.stat().st_mtime) == int(index.stat().st_mtime)


def _early_in_a_second() -> None:
    time.sleep(1.02 - time.time() % 1)


def test_an_edit_in_the_same_second_and_of_the_same_size_is_not_hidden(repo: StoreRepo) -> None:
    assert not hidden(repo)
    repo.snapshot()
    assert repo.at("default/a.json") == "7\n"
    repo.check()


def test_it_would_be_without_marks_in_the_index(repo: StoreRepo, monkeypatch: pytest.MonkeyPatch) -> None:
    FLAWS["racy entries are not smudged"](monkeypatch)
    assert hidden(repo)


def test_a_snapshot_that_ends_in_a_later_second_hides_nothing_by_itself(
    repo: StoreRepo, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So it is no proof that there are marks, and is tried again."""
    FLAWS["racy entries are not smudged"](monkeypatch)
    sound, slow = fsstore.Store.snapshot, [1.0]

    def snapshot(self: fsstore.Store) -> object:
        time.sleep(slow.pop() if slow else 0.0)
        return sound(self)

    monkeypatch.setattr(fsstore.Store, "snapshot", snapshot)
    assert hidden(repo)


def staged_meanwhile(repo: StoreRepo, patch: pytest.MonkeyPatch, act: Callable[[], object]) -> None:
    """Let a person act right before a snapshot takes the lock of the index."""
    sound = Publisher.move

    def move(self: Publisher, *args: Any, **options: Any) -> None:
        patch.setattr(Publisher, "move", sound)
        act()
        sound(self, *args, **options)

    patch.setattr(Publisher, "move", move)
    repo.run("one", b=5)


def add(repo: StoreRepo) -> None:
    repo.write("a", '"mine"\n')
    repo.git("add", "default/a.json")


def test_what_is_staged_during_a_snapshot_stays_staged(repo: StoreRepo, monkeypatch: pytest.MonkeyPatch) -> None:
    staged_meanwhile(repo, monkeypatch, lambda: add(repo))
    repo.check("M  default/a.json")


def test_it_would_be_gone_if_the_index_were_replaced_unseen(repo: StoreRepo, monkeypatch: pytest.MonkeyPatch) -> None:
    FLAWS["the index is replaced whatever became of it"](monkeypatch)
    staged_meanwhile(repo, monkeypatch, lambda: add(repo))
    assert repo.status() == [" M default/a.json"]


def test_what_is_committed_during_a_snapshot_stays(repo: StoreRepo, monkeypatch: pytest.MonkeyPatch) -> None:
    before = repo.head()

    def commit() -> None:
        add(repo)
        repo.git("commit", "-qm", "mine")

    staged_meanwhile(repo, monkeypatch, commit)
    assert repo.commits(before) == ["Ann: M default/a.json", "one: M default/b.json"]
    repo.check()


def put_back(repo: StoreRepo) -> None:
    """Do what git commit does if it has read the index before a snapshot, and writes it after."""
    index = repo.root / ".git/index"
    old = index.read_bytes()
    repo.run("one", a=4)
    (repo.root / ".git/index.lock").write_bytes(old)
    os.rename(repo.root / ".git/index.lock", index)
    assert repo.status() == ["MM default/a.json"]


@pytest.mark.parametrize("key", ["a", "b"])
def test_an_old_index_put_back_by_git_undoes_nothing(repo: StoreRepo, key: str) -> None:
    before = repo.head()
    put_back(repo)
    repo.run("two", **{key: 5})
    assert repo.commits(before) == ["one: M default/a.json", f"two: M default/{key}.json"]
    repo.check()


def test_an_old_index_put_back_by_git_while_a_run_goes_on(repo: StoreRepo) -> None:
    before = repo.head()
    put_back(repo)
    with repo.open("two") as store, store.run() as data:
        data.set("a", 5)
        repo.snapshot_elsewhere()
        assert repo.status() == [" M default/a.json"]
    assert repo.commits(before) == ["one: M default/a.json", "two: M default/a.json"]
    repo.check()


def test_it_would_undo_a_snapshot_if_it_were_taken_for_staged(repo: StoreRepo, monkeypatch: pytest.MonkeyPatch) -> None:
    FLAWS["what git put back is taken for staged"](monkeypatch)
    before = repo.head()
    put_back(repo)
    repo.run("two", a=5)
    assert repo.commits(before)[1] == "Ann: M default/a.json"


def test_an_old_content_that_a_person_stages_is_staged(repo: StoreRepo) -> None:
    repo.run("one", a=4)
    repo.git("restore", "--staged", "--source=HEAD~1", "default/a.json")
    repo.run("two", b=5)
    repo.check("MM default/a.json")
