"""Runs with odd names, in odd places, and of odd ends: none leaves anything behind, or gets in the way of others."""

from __future__ import annotations

import contextlib
import contextvars
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import filelock
import pytest

import fsstore
from fsstore.engines.files import runs as runs_module
from fsstore.engines.files.atomic import Tree
from fsstore.engines.files.locked import sharing
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


def killed(root: Path) -> Run:
    """A run of a process that was killed."""
    run = Run("job", "agent", None, "2026-01-01T00:00:00Z", "running", None, undoable=False)
    dead = Runs(Tree(str(root)))
    dead.begin(run)
    os.close(dead._held.pop("job"))
    return run


@contextlib.contextmanager
def looking(root: Path) -> Iterator[None]:
    """Somebody looks whether a run lives, and is stopped in the middle of it."""
    fd = os.open(next((root / ".fsstore/runs").glob("*.json")), os.O_RDONLY)
    try:
        with sharing(fd) as is_over:
            assert is_over
            yield
    finally:
        os.close(fd)


def test_an_id_can_be_used_again_while_somebody_looks_whether_its_last_run_lives(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = killed(tmp_path)._replace(since="2026-01-02T00:00:00Z")
    looks = contextlib.ExitStack()
    looks.enter_context(looking(tmp_path))

    def pauses(seconds: float) -> Iterator[None]:
        assert seconds >= 10
        yield
        looks.close()
        yield

    mine, theirs = Runs(Tree(str(tmp_path))), Runs(Tree(str(tmp_path)))
    with monkeypatch.context() as patch:
        patch.setattr(runs_module, "pauses", pauses)
        mine.begin(run)
    assert theirs.all() == {"job": run}
    os.close(mine._held.pop("job"))


def test_whether_a_run_lives_is_told_while_others_look(tmp_path: Path) -> None:
    run = killed(tmp_path)
    mine, theirs = Runs(Tree(str(tmp_path))), Runs(Tree(str(tmp_path)))
    with looking(tmp_path):
        assert theirs.all()["job"].status == "killed"
        theirs.forget([run])
    assert theirs.all() == {}
    mine.begin(run)
    assert theirs.all() == {"job": run}
    theirs.forget([run])
    assert theirs.all() == {"job": run}
    os.close(mine._held.pop("job"))


def test_an_id_that_is_in_use_is_refused_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mine, theirs = Runs(Tree(str(tmp_path))), Runs(Tree(str(tmp_path)))
    run = killed(tmp_path)
    mine.begin(run)
    monkeypatch.setattr(runs_module, "pauses", lambda seconds: iter([None]))
    with pytest.raises(Conflict):
        theirs.begin(run)
    os.close(mine._held.pop("job"))


def test_who_looks_by_a_lock_of_its_own_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A flaw: whoever looks is taken for a run by others who do."""

    @contextlib.contextmanager
    def alone(fd: int) -> Iterator[bool]:
        yield filelock.lock_descriptor(fd, blocking=False)

    monkeypatch.setattr(runs_module, "sharing", alone)
    with pytest.raises(AssertionError):
        test_whether_a_run_lives_is_told_while_others_look(tmp_path)
    other = tmp_path / "other"
    other.mkdir()
    with pytest.raises(Conflict):
        test_an_id_can_be_used_again_while_somebody_looks_whether_its_last_run_lives(other, monkeypatch)


def test_a_run_whose_store_is_closed_in_it_is_over(tmp_path: Path) -> None:
    store = fsstore.open(tmp_path / "store")
    with pytest.raises(Closed), store.run("agent") as data:
        data.set("a", 1)
        store.close()
    with fsstore.open(tmp_path / "store") as again:
        commit = again.snapshot()
    assert commit is not None
    assert (commit.agent, commit.status) == ("agent", "ok")
