"""Whose change of a namespace's rules it is, as git tells: an agent's, in its run, or a person's."""

from __future__ import annotations

from pathlib import Path

import pytest
from files.conftest import _no_process_stays
from history.stores import StoreRepo

from fsstore.engines.files import layout

__all__ = ["_no_process_stays"]
RULES = "default/.meta/.namespace.json"


@pytest.fixture
def repo(scratch: Path) -> StoreRepo:
    return StoreRepo(scratch / "store")


def test_an_agents_rules_are_its_own(repo: StoreRepo) -> None:
    with repo.open("shaper") as store:
        store.schema("default", {"type": "object"})
        before = repo.head()
        store.snapshot()
    assert repo.commits(before) == [f"shaper: A {RULES}"]
    assert repo.git("status", "--porcelain") == ""


def test_in_a_run_they_are_committed_with_it(repo: StoreRepo) -> None:
    before = repo.head()
    with repo.open() as store, store.run("shaper", "run-1") as data:
        data.schema("default", {"type": "object"})
        data.set("second", {"n": 2})
        assert repo.snapshot_elsewhere() == ""
        assert repo.commits(before) == []  # it waits for its run
    assert repo.commits(before) == [f"shaper: A {RULES}, A default/second.json"]
    assert "Run-Id: run-1" in repo.git("log", "-1", "--format=%B")


def test_a_persons_edit_is_the_persons(repo: StoreRepo) -> None:
    with repo.open("shaper") as store:
        store.schema("default", {"type": "object"})
        store.snapshot()
    before = repo.head()
    (repo.root / RULES).write_text('{"schema": {"type": ["object", "null"]}}\n')
    repo.snapshot()
    assert repo.commits(before) == [f"Ann: M {RULES}"]
    (repo.root / RULES).unlink()
    repo.snapshot()
    assert repo.commits(before) == [f"Ann: M {RULES}", f"Ann: D {RULES}"]


def test_a_persons_edit_over_an_agents_that_no_snapshot_has_is_the_persons(repo: StoreRepo) -> None:
    before = repo.head()
    with repo.open("shaper") as store:
        store.schema("default", {"type": "object"})
    (repo.root / RULES).write_text('{"schema": {"type": "null"}}\n')
    repo.snapshot()
    assert repo.commits(before) == [f"Ann: A {RULES}"]


def test_what_a_person_brings_back_with_git_is_the_persons(repo: StoreRepo) -> None:
    with repo.open("shaper") as store:
        store.schema("default", {"type": "object"})
        first = store.snapshot()
        assert first is not None
        store.schema("default", {"type": "array"})
        store.snapshot()
    before = repo.head()
    repo.git("checkout", first.id, "--", RULES)
    repo.git("reset", "-q")
    repo.snapshot()
    assert repo.commits(before) == [f"Ann: M {RULES}"]
    with repo.open() as store:
        assert store.schema("default") == {"type": "object"}


def test_a_past_commit_has_the_rules_of_its_time(repo: StoreRepo) -> None:
    with repo.open("shaper") as store:
        store.schema("default", {"type": "object"})
        first = store.snapshot()
        assert first is not None
        store.schema("default", None)
        assert store.at(first.id)._engine.rules("default").schema == {"type": "object"}


def test_a_clone_has_them(repo: StoreRepo) -> None:
    with repo.open("shaper") as store:
        store.schema("default", {"type": "object"})
        store.snapshot()
    repo.git("clone", "-q", str(repo.root), str(repo.root.parent / "clone"))
    assert (repo.root.parent / "clone" / RULES).read_bytes() == (repo.root / RULES).read_bytes()


def test_rules_that_are_no_keys_would_be_a_persons(repo: StoreRepo, monkeypatch: pytest.MonkeyPatch) -> None:
    """A flaw: the journal is not asked who wrote them."""
    monkeypatch.setattr(layout, "is_rules", lambda path: False)
    with pytest.raises(AssertionError):
        test_an_agents_rules_are_its_own(repo)
