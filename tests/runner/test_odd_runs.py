"""Runs with odd names, in odd places, and of odd ends: none leaves anything behind, or gets in the way of others."""

from __future__ import annotations

import contextvars
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import filelock
import pytest

import fsstore
from fsstore.engines.files import runs as runs_module
from fsstore.engines.files.atomic import Tree
from fsstore.engines.files.runs import Runs
from fsstore.errors import Closed, Conflict, InvalidName
from fsstore.reading import current
from fsstore.records import Run


@pytest.mark.parametrize("names", [{"agent": "a\0b"}, {"run_id": "a\0b"}, {"run_id": "\udc80"}, {"agent": "\ud800"}])
def test_a_name_that_no_program_can_be_told_is_refused(store: fsstore.Store, names: dict[str, Any]) -> None:
    with pytest.raises(InvalidName):
        store.run(**names)
    with store.run("sound") as data:
        data.set("a", 1)
    assert current.get(None) is None
    assert "FSSTORE_RUN" not in os.environ


def test_a_run_may_end_in_another_context_than_it_began_in(tmp_path: Path) -> None:
    def generator() -> Iterator[None]:
        with store.run("agent") as data:
            data.set("a", 1)
            yield

    with fsstore.open(tmp_path / "store") as store:
        work = generator()
        contextvars.copy_context().run(next, work)
        contextvars.copy_context().run(next, work, None)
        assert [commit.agent for commit in store.log(key="a")] == ["agent"]


@pytest.mark.parametrize("snapshot", [True, False])
def test_runs_of_a_store_without_git_leave_nothing_behind(tmp_path: Path, snapshot: bool) -> None:
    with fsstore.open(tmp_path / "store", git=False) as store:
        for number in range(3):
            with store.run("agent", snapshot=snapshot, on_error="rollback") as data:
                data.set("a", number)
    assert list((tmp_path / "store/.fsstore/runs").iterdir()) == []


def test_a_run_whose_id_is_used_again_is_not_forgotten(tmp_path: Path) -> None:
    ended = Run("job", "agent", None, "2026-01-01T00:00:00Z", "ok", None, undoable=True)
    again = ended._replace(since="2026-01-02T00:00:00Z", status="running")
    mine, theirs = Runs(Tree(str(tmp_path))), Runs(Tree(str(tmp_path)))
    mine.begin(ended)
    mine.end(ended)
    known = list(theirs.all().values())
    mine.begin(again)
    theirs.forget(known)
    assert theirs.all() == {"job": again}
    assert mine.keeps_images("job")
    mine.end(again._replace(status="failed"))
    theirs.forget(known)
    assert theirs.all()["job"].status == "failed"
    theirs.forget(list(theirs.all().values()))
    assert theirs.all() == {}


def test_an_id_can_be_used_again_while_somebody_looks_whether_its_last_run_lives(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Run("job", "agent", None, "2026-01-01T00:00:00Z", "running", None, undoable=False)
    dead = Runs(Tree(str(tmp_path)))
    dead.begin(run)
    os.close(dead._held.pop("job"))  # as if it had been killed
    mine, theirs = Runs(Tree(str(tmp_path))), Runs(Tree(str(tmp_path)))
    sound, raised = filelock.lock_descriptor, []

    def lock_descriptor(fd: int, **options: Any) -> bool:
        locked = sound(fd, **options)
        monkeypatch.setattr(runs_module, "lock_descriptor", sound)
        thread.start()
        thread.join(0.05)  # it finds the file locked
        return locked

    def begin() -> None:
        try:
            mine.begin(run._replace(since="2026-01-02T00:00:00Z"))
        except Conflict as error:
            raised.append(error)

    thread = threading.Thread(target=begin)
    monkeypatch.setattr(runs_module, "lock_descriptor", lock_descriptor)
    monkeypatch.setattr(runs_module, "_MOMENT", 60.0)  # this one, who looks, may be stopped meanwhile
    assert theirs.all()["job"].status == "killed"
    thread.join()
    assert raised == []
    assert theirs.all()["job"].status == "running"
    os.close(mine._held.pop("job"))


def test_a_run_whose_store_is_closed_in_it_is_over(tmp_path: Path) -> None:
    store = fsstore.open(tmp_path / "store")
    with pytest.raises(Closed), store.run("agent") as data:
        data.set("a", 1)
        store.close()
    with fsstore.open(tmp_path / "store") as again:
        commit = again.snapshot()
    assert commit is not None
    assert (commit.agent, commit.status) == ("agent", "ok")
