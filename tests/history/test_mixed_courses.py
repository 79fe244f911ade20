"""The check of mixed use notices what it is there for: one short course of events for each flaw, step by step.

The same courses without the flaw leave nothing to complain of.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fsstore.history.edits import Edits
from fsstore.history.snapshots import Snapshots

from .mixed import Outcome, Person, Snapshot, Write, begin
from .mixed_agent import noting
from .mixed_check import problems
from .mixed_flaws import FLAWS
from .stores import StoreRepo


class Course:
    """An agent and a person who act in turn in one store."""

    def __init__(self, repo: StoreRepo, patch: pytest.MonkeyPatch) -> None:
        begin(repo)
        self._snapshots: list[Snapshot] = []
        patch.setattr(Snapshots, "_attempt", noting(self._snapshots.append))
        self.repo = repo
        self.person = Person(repo, 0)
        self._patch = patch
        self._writes: list[Write] = []

    def write(self, key: str) -> None:
        """A run of the agent that sets a key, and is committed."""
        value = f"a0-{len(self._writes):06d}"
        with self.repo.open("agent 0") as store:
            begun = time.monotonic()
            with store.run() as data:
                data.set(key, {"value": value})
                done = time.monotonic()
            self._writes.append(Write(key, value, begun, done, time.monotonic()))

    def during_next_search(self, act: Callable[[], object]) -> None:
        """Let the person act once, after a snapshot has looked for changes and before it locks the index."""
        sound = Edits.search

        def search(edits: Edits, **options: Any) -> None:
            sound(edits, **options)
            self._patch.setattr(Edits, "search", sound)
            act()

        self._patch.setattr(Edits, "search", search)

    def problems(self) -> list[str]:
        """What the check finds."""
        return problems(self.repo, Outcome(self._writes, self._snapshots, self.person.acts, []))


def staged_then_written(course: Course) -> None:
    """The agent writes over what the person has staged and not committed, and a person over that."""
    course.person.edit_and_add("k00")
    course.write("k00")
    course.person.edit("k00")


def staged_during_a_snapshot(course: Course) -> None:
    """The person stages a file while a snapshot of another is made; then the agent writes it."""
    course.during_next_search(lambda: course.person.edit_and_add("k00"))
    course.write("k01")
    course.write("k00")


def committed_after_a_snapshot(course: Course) -> None:
    """The person commits another file than the agent did."""
    course.write("k00")
    course.person.edit_and_add("k01")
    course.person.commit()


def put_back_after_a_snapshot(course: Course) -> None:
    """An index of before a snapshot comes back, as if a command of git had read it then; then the agent goes on."""
    index = course.repo.root / ".git/index"
    old = index.read_bytes()
    course.write("k00")
    (course.repo.root / ".git/index.lock").write_bytes(old)
    (course.repo.root / ".git/index.lock").rename(index)
    course.write("k00")


STAGED = "lost: Act(name='add', key='k00'"
COURSES = {
    "staged entries are ignored": (staged_then_written, STAGED),
    "the index is replaced whatever became of it": (staged_during_a_snapshot, STAGED),
    "the index stays behind the branch": (committed_after_a_snapshot, "undone: "),
    "what git put back is taken for staged": (put_back_after_a_snapshot, "undone: "),
}
"""By flaw: a course of events, and how the complaint begins."""


@pytest.fixture
def course(scratch: Path, monkeypatch: pytest.MonkeyPatch) -> Course:
    return Course(StoreRepo(scratch / "store"), monkeypatch)


@pytest.mark.parametrize("flaw", COURSES)
def test_a_course_is_sound(course: Course, flaw: str) -> None:
    COURSES[flaw][0](course)
    assert course.problems() == []


@pytest.mark.parametrize("flaw", COURSES)
def test_a_flaw_is_noticed(course: Course, flaw: str, monkeypatch: pytest.MonkeyPatch) -> None:
    act, complaint = COURSES[flaw]
    FLAWS[flaw](monkeypatch)
    act(course)
    monkeypatch.undo()
    assert [told for told in course.problems() if told.startswith(complaint)] != []
