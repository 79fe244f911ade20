"""Who made the parts of a value what they are."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fsstore.commits import Blame
from fsstore.errors import BadValue, NotFound
from fsstore.history import blaming
from fsstore.history.blaming import blame

from .gitrepo import GitRepo


@pytest.fixture
def repo(tmp_path: Path) -> GitRepo:
    return GitRepo(tmp_path / "store")


def blamed(repo: GitRepo, key: str) -> list[Blame]:
    repository = repo.repository
    return blame(repository.objects, repo.history(), repository.refs.head().commit, "default", key)


def of_members(repo: GitRepo, key: str) -> dict[str | None, str]:
    return {each.member: each.commit.id for each in blamed(repo, key)}


def test_members_are_blamed_one_by_one(repo: GitRepo) -> None:
    a = repo.put("default/k.json", {"one": 1, "two": [1], "gone": 1})
    b = repo.put("default/k.json", {"two": [1], "one": 1.0})
    c = repo.put("default/k.json", {"two": [1], "one": 1.0, "three": None})
    first = blamed(repo, "k")[0]
    assert (first.member, first.value, first.commit.id) == ("two", [1], a)
    assert of_members(repo, "k") == {"two": a, "one": b, "three": c}


def test_types_count(repo: GitRepo) -> None:
    for value in (1, True, 1.0, 1):
        last = repo.put("default/k.json", {"n": value})
    assert of_members(repo, "k") == {"n": last}


def test_a_flaw_of_types_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blaming, "same", lambda old, new: old == new)
    with pytest.raises(AssertionError):
        test_types_count(GitRepo(tmp_path / "flawed"))


def test_another_format_is_no_change(repo: GitRepo) -> None:
    a = repo.put("default/k.json", {"n": 1})
    repo.put("default/k.json", b'{"n":1}')
    assert of_members(repo, "k") == {"n": a}
    b = repo.put("default/v.json", [1])
    repo.put("default/v.json", b"[1]")
    assert of_members(repo, "v") == {None: b}


def test_bad_json_between_is_passed_over(repo: GitRepo) -> None:
    a = repo.put("default/k.json", {"same": 1, "n": 1})
    repo.put("default/k.json", b"{")
    c = repo.put("default/k.json", {"same": 1, "n": 2})
    assert of_members(repo, "k") == {"same": a, "n": c}
    repo.put("default/k.json", b"{")
    with pytest.raises(BadValue):
        blamed(repo, "k")


def test_a_key_made_again_is_new(repo: GitRepo) -> None:
    repo.put("default/k.json", {"n": 1})
    repo.remove("default/k.json")
    with pytest.raises(NotFound):
        blamed(repo, "k")
    c = repo.put("default/k.json", {"n": 1})
    assert of_members(repo, "k") == {"n": c}


def test_a_value_that_is_no_object_is_one_part(repo: GitRepo) -> None:
    repo.put("default/k.json", {"n": 1})
    b = repo.put("default/k.json", [1])
    assert [(each.member, each.value, each.commit.id) for each in blamed(repo, "k")] == [(None, [1], b)]
    c = repo.put("default/k.json", {"n": 1})
    assert of_members(repo, "k") == {"n": c}
    repo.put("default/k.json", {})
    assert blamed(repo, "k") == []


@pytest.fixture
def merged(repo: GitRepo) -> tuple[GitRepo, dict[str, str]]:
    """Two branches that changed one member each; the merge took both, and a third is its own."""
    base = repo.put("default/k.json", {"x": 0, "y": 0, "z": 0, "same": 0})
    repo.git("switch", "-q", "-c", "side")
    side = repo.put("default/k.json", {"x": 1, "y": 0, "z": 0, "same": 0})
    repo.git("switch", "-q", "main")
    main = repo.put("default/k.json", {"x": 0, "y": 1, "z": 0, "same": 0})
    repo.clock += 60
    repo.git("merge", "-q", "side", check=False)
    merge = repo.put("default/k.json", {"x": 1, "y": 1, "z": 1, "same": 0}, "merged")
    return repo, {"x": side, "y": main, "z": merge, "same": base}


def test_members_are_followed_through_merges(merged: tuple[GitRepo, dict[str, str]]) -> None:
    repo, expected = merged
    assert of_members(repo, "k") == expected


def test_a_flaw_of_first_parents_is_noticed(
    merged: tuple[GitRepo, dict[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    sound = blaming._steps

    def steps(*given: Any) -> Iterator[Any]:
        return ((commit, now, before[:1]) for commit, now, before in sound(*given))

    monkeypatch.setattr(blaming, "_steps", steps)
    with pytest.raises(AssertionError):
        test_members_are_followed_through_merges(merged)


def test_nothing_committed_yet(repo: GitRepo) -> None:
    with pytest.raises(NotFound):
        blamed(repo, "a")
