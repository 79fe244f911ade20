"""Agents and a person with git at once: nothing acknowledged is lost, and nobody's commit is undone."""

from __future__ import annotations

import os
from pathlib import Path

from .mixed import work
from .mixed_check import problems
from .stores import StoreRepo

ROUNDS = int(os.environ.get("FSSTORE_MIXED_ROUNDS", "15"))


def test_agents_and_a_person(scratch: Path) -> None:
    repo = StoreRepo(scratch / "store")
    outcome = work(repo, ROUNDS, seed=1)
    names = [act.name for act in outcome.acts]
    assert len(outcome.writes) > 100
    assert {"edit", "add", "commit", "commit -a", "checkout", "stash", "pop", "move"} <= set(names)
    assert problems(repo, outcome) == []
