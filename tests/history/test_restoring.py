"""Restoring over what others do at the same time: nothing that a commit should have had is overwritten."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from fsstore.engines.files.engine import FileEngine
from fsstore.errors import Conflict
from fsstore.history import restoring
from fsstore.ops import Delete, Expect, Put

from .stores import StoreRepo


@pytest.fixture
def repo(scratch: Path) -> StoreRepo:
    """Two versions of two keys, and a snapshot that has looked at every file a while after they were written."""
    found = StoreRepo(scratch / "store")
    found.run("maker", a=1, b=1)
    found.run("maker", a=2, b=2)
    time.sleep(1.1)
    for key in "ab":
        found.path(key).touch()
    time.sleep(0.05)
    found.snapshot()
    time.sleep(0.05)
    return found


def _elsewhere(act: Callable[[], object]) -> None:
    """Do something in a thread, which is in no run."""
    with ThreadPoolExecutor(1) as pool:
        pool.submit(act).result()


def _restored_over_an_edit_in_place(repo: StoreRepo, key: str | None) -> list[str]:
    before = repo.head()
    repo.write("a", "3\n")
    with repo.open("restorer") as store:
        store.restore("HEAD~1", "default", key)
    assert repo.path("a").read_text() == "1\n"
    return repo.commits(before)


@pytest.mark.parametrize("key", ["a", None])
def test_an_edit_in_place_is_committed_before_it_is_replaced(repo: StoreRepo, key: str | None) -> None:
    found = _restored_over_an_edit_in_place(repo, key)
    assert found[0] == "Ann: M default/a.json"
    assert len(found) == 2
    repo.check()


def test_a_flaw_that_expects_nothing_is_noticed(repo: StoreRepo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(restoring, "_expected", lambda *_: Expect.ANYTHING)
    assert not _restored_over_an_edit_in_place(repo, None)[0].startswith("Ann")


def test_an_edit_in_place_of_a_key_is_thrown_away_by_name(repo: StoreRepo) -> None:
    before = repo.head()
    repo.write("a", "3\n")
    with repo.open("restorer") as store:
        assert store.restore("HEAD", "default", "a").set == [("default", "a")]
    assert repo.path("a").read_text() == "2\n"
    assert repo.commits(before) == ["Ann: M default/a.json", "restorer: M default/a.json"]
    repo.check()


def test_what_a_run_under_way_wrote_is_replaced(repo: StoreRepo) -> None:
    def restore() -> None:
        with repo.open("restorer") as store:
            foretold = store.restore("HEAD", key="a", dry_run=True)
            assert (foretold.set, foretold.deleted) == ([("default", "a")], [])
            assert store.restore("HEAD", key="a").set == [("default", "a")]
            assert store.restore("HEAD", namespace="default").deleted == [("default", "new")]

    before = repo.head()
    with repo.open() as store, store.run("long") as data:
        data.set_many({"a": 3, "b": 3, "new": 3})
        _elsewhere(restore)
        assert data.get_all() == {"a": 2, "b": 2, "first": {"n": 1}}
        data.set("a", 4)
    assert repo.commits(before) == ["long: M default/a.json"]
    repo.check()


def test_what_others_write_in_between_is_committed_too(repo: StoreRepo, monkeypatch: pytest.MonkeyPatch) -> None:
    sound, late = FileEngine.commit, iter([3, 4])

    def commit(self: FileEngine, ops: Any, author: Any, **options: Any) -> Any:
        value = next(late, None)
        if author.agent == "restorer" and value is not None:
            with monkeypatch.context() as patch:
                patch.setattr(FileEngine, "commit", sound)
                repo.run("other", a=value)
        return sound(self, ops, author, **options)

    before = repo.head()
    monkeypatch.setattr(FileEngine, "commit", commit)
    with repo.open("restorer") as store:
        done = store.restore("HEAD~1", namespace="default")
    assert sorted(done.set) == [("default", "a"), ("default", "b")]
    told = [commit.partition(":")[0] for commit in repo.commits(before)]
    assert told == ["other", "other", "restorer"]
    repo.check()


def test_one_who_never_gets_a_turn_is_told(repo: StoreRepo, monkeypatch: pytest.MonkeyPatch) -> None:
    def commit(self: FileEngine, ops: list[Put | Delete], author: Any, **_: Any) -> Any:
        raise Conflict("a conflict", namespace="default", key="a", expected=None, actual=None)

    monkeypatch.setattr(FileEngine, "commit", commit)
    with repo.open("restorer") as store, pytest.raises(Conflict):
        store.restore("HEAD~1", key="a")
