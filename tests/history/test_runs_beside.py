"""Runs that begin or end while somebody else's snapshot, or look at the list, is under way."""

from __future__ import annotations

import os
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from fsstore.engines.files import runs as runs_module
from fsstore.engines.files.atomic import Tree
from fsstore.engines.files.locked import sharing
from fsstore.engines.files.runs import Runs
from fsstore.engines.files.worktree import WorkTree
from fsstore.records import Run

from .stores import StoreRepo


def _run(status: str) -> Run:
    return Run("one", "agent", None, "2026-01-01T00:00:00Z", status, None, undoable=False)


def test_a_run_that_ends_while_it_is_looked_at_was_not_killed(scratch: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mine, theirs = Runs(Tree(str(scratch))), Runs(Tree(str(scratch)))
    mine.begin(_run("running"))

    def meanwhile(fd: int) -> AbstractContextManager[bool]:
        mine.end(_run("ok"))  # after its status was read
        return sharing(fd)

    monkeypatch.setattr(runs_module, "sharing", meanwhile)
    assert theirs.all()["one"].status == "ok"


def test_what_a_longer_status_left_behind_is_not_read(scratch: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mine, theirs = Runs(Tree(str(scratch))), Runs(Tree(str(scratch)))
    mine.begin(_run("running"))
    found: list[Run] = []

    def ftruncate(fd: int, size: int) -> None:  # where a reader may look
        found.extend(theirs.all().values())

    with monkeypatch.context() as patch:
        patch.setattr(os, "ftruncate", ftruncate)
        mine.end(_run("ok"))
    assert [run.status for run in found] == ["ok"]


def test_a_run_that_began_meanwhile_is_committed_whole(scratch: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    repo = StoreRepo(scratch / "store")
    before = repo.head()
    late = repo.open("late")
    sound, looks = WorkTree.since, 0

    def since(self: WorkTree, marks: Any, *numbers: Any) -> Any:
        nonlocal looks
        looks += 1
        if looks == 1:  # the run is none of those that the snapshot knows; it sees what it wrote in some stripes only
            found = sound(self, marks, *numbers)
            with late.run("late", snapshot=False) as data:
                data.set_many({f"late{number}": 1 for number in range(20)})
            return found
        return sound(self, marks, *numbers)

    repo.path("first").write_text("2\n")
    with repo.open("early") as store:
        store.set_many({f"early{number}": 1 for number in range(10)})
        with monkeypatch.context() as patch:
            patch.setattr(WorkTree, "since", since)
            store.snapshot()
    assert [commit.partition(":")[0] for commit in repo.commits(before)] == ["Ann", "early"]
    late.snapshot()
    assert [commit.partition(":")[0] for commit in repo.commits(before)] == ["Ann", "early", "late"]
    assert repo.commits(before)[-1].count("A default/late") == 20
    repo.check()
