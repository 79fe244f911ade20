"""Journals that are compacted while runs go on, or between snapshots, still tell who deleted what."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import fsstore
from fsstore.engines.files import journal
from fsstore.engines.files.runs import Runs
from fsstore.history.step import Step

from .stores import StoreRepo


@pytest.fixture
def repo(scratch: Path) -> StoreRepo:
    found = StoreRepo(scratch / "store")
    found.run("maker", a=1, b=1)
    return found


@pytest.fixture(autouse=True)
def _often(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """At every write of a stripe its journal is compacted."""
    with monkeypatch.context() as patch:
        patch.setattr(journal, "_COMPACT_AT", 10)
        patch.setattr(journal, "_LOOK_EVERY", 1)
        patch.setattr(journal, "_is_long", lambda fd: True)
        yield


def _elsewhere(act: Callable[[], object]) -> None:
    """Do something in a thread, which is in no run."""
    with ThreadPoolExecutor(1) as pool:
        pool.submit(act).result()


def _fill(data: fsstore.Namespace) -> None:
    """Write to every stripe."""
    data.set_many({f"k{number}": number for number in range(400)})


def _long_run(repo: StoreRepo, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    before = repo.head()
    monkeypatch.setattr("fsstore.history.step._NOTED", 0.0)  # as if the run had gone on for longer

    def other() -> None:
        with repo.open() as store, store.run("other") as data:
            data.set("c", 1)

    with repo.open() as store, store.run("long") as data:
        data.delete("a")
        _elsewhere(lambda: threading.Event().wait(0.1))
        _elsewhere(other)
        _fill(data)
    return [commit.partition(",")[0] for commit in repo.commits(before)]


def test_what_a_long_run_deleted_is_its_own(repo: StoreRepo, monkeypatch: pytest.MonkeyPatch) -> None:
    assert _long_run(repo, monkeypatch) == ["other: A default/c.json", "long: D default/a.json"]
    repo.check()


def test_a_flaw_that_forgets_what_runs_deleted_is_noticed(repo: StoreRepo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Runs, "oldest", lambda self: math.inf)
    repo.open().close()
    assert _long_run(repo, monkeypatch)[1].startswith("Ann: D default/a.json")


@pytest.mark.parametrize("git", [True, False])
def test_a_deletion_can_be_taken_back(scratch: Path, git: bool) -> None:
    with fsstore.open(scratch / "store", git=git) as store:
        store.set("a", 1)
        with pytest.raises(ZeroDivisionError), store.run("long", on_error="rollback") as data:
            data.delete("a")
            _fill(data)
            raise ZeroDivisionError
        assert store.get_all() == {"a": 1}


def test_what_is_deleted_during_a_snapshot_is_its_agent_s(repo: StoreRepo, monkeypatch: pytest.MonkeyPatch) -> None:
    before = repo.head()
    sound = Step._commit
    with repo.open("late") as late:

        def commit(self: Step, groups: list[object]) -> object:
            with monkeypatch.context() as patch:
                patch.setattr(Step, "_commit", sound)
                _elsewhere(lambda: late.delete("a"))
            return sound(self, groups)  # type: ignore[arg-type]

        repo.write("b", '"edited"\n')
        monkeypatch.setattr(Step, "_commit", commit)
        repo.snapshot()
        monkeypatch.setattr(Step, "_commit", sound)
        _fill(late)
    repo.snapshot()
    told = [commit.partition(",")[0] for commit in repo.commits(before)]
    assert told == ["Ann: M default/b.json", "late: D default/a.json"]
    repo.check()
