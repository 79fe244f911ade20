"""What changed between two values, or two commits."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import jsonpatch
import jsonpointer
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from fsstore.commits import Difference
from fsstore.errors import BadValue
from fsstore.history import compare
from fsstore.history.compare import diff, same, steps

from .gitrepo import GitRepo

_NAMES = st.sampled_from(["a", "b", "", "~", "/", "a/b", "~1", "0", "é"])
_LEAVES = (
    st.none() | st.booleans() | st.integers(-1, 2) | st.sampled_from([0.0, 1.0, -0.5]) | st.sampled_from(["", "a", "1"])
)
_VALUES = st.recursive(
    _LEAVES, lambda inner: st.lists(inner, max_size=5) | st.dictionaries(_NAMES, inner, max_size=4), max_leaves=14
)


def patched(old: Any, differences: list[Difference]) -> Any:
    """The old value with the differences applied by another implementation of JSON patches."""
    operations = [
        {"op": each.op, "path": each.path} | ({} if each.op == "remove" else {"value": each.new})
        for each in differences
    ]
    return jsonpatch.apply_patch(copy.deepcopy(old), operations)


@settings(max_examples=400, deadline=None)
@given(_VALUES, _VALUES)
@example([1, 2, 3, 4], [1, 3, 4])
@example({"a": 1}, {"a": True})
@example([[1]], [[1.0]])
@example(1, 1.0)
@example({"a/b": {"~": [1]}}, {"a/b": {"~": []}})
def test_the_steps_lead_from_the_old_to_the_new(old: Any, new: Any) -> None:
    found = steps(old, new)
    assert same(patched(old, found), new)
    assert same(old, new) == (not found)


@settings(max_examples=200, deadline=None)
@given(_VALUES, _VALUES)
def test_each_step_tells_what_it_replaces(old: Any, new: Any) -> None:
    for number, each in enumerate(found := steps(old, new)):
        before = patched(old, found[:number])
        if each.op != "add":
            assert same(jsonpointer.resolve_pointer(before, each.path), each.old)
        if each.op != "remove":
            assert same(jsonpointer.resolve_pointer(patched(before, [each]), each.path), each.new)
        assert each.old is None or each.op != "add"
        assert each.new is None or each.op != "remove"


def test_what_is_equal_at_both_ends_of_an_array_is_left_out() -> None:
    assert steps([1, 2, 3, 4, 5], [1, 2, 9, 4, 5]) == [Difference("replace", "/2", 3, 9)]
    assert steps([1, 2, 3], [1, 2, 7, 8, 3]) == [Difference("add", "/2", None, 7), Difference("add", "/3", None, 8)]
    assert steps([1, 2, 2, 3], [1, 2, 3]) == [Difference("remove", "/2", 2, None)]
    assert steps([{"a": 1, "b": 2}, 5], [{"a": 1, "b": 3}, 5]) == [Difference("replace", "/0/b", 2, 3)]


def test_types_differ_even_where_python_calls_them_equal() -> None:
    assert [same(a, b) for a, b in ((1, 1.0), (1, True), (0, False), (0.0, False), (1.0, 1.0), ([1], [True]))] == [
        *(False, False, False, False, True, False)
    ]
    assert steps({"n": 1}, {"n": 1.0}) == [Difference("replace", "/n", 1, 1.0)]


def test_a_flaw_of_types_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compare, "same", lambda old, new: old == new)
    with pytest.raises(AssertionError):
        test_types_differ_even_where_python_calls_them_equal()


def test_the_steps_of_arrays() -> None:
    for old, new in (([], [1, 2, 3]), ([1, 2, 3], []), ([1, 2, 3, 4], [4, 1]), ([[1], [2]], [[2, 1], [], [5]])):
        assert patched(old, steps(old, new)) == new


def test_a_flaw_of_order_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    sound = compare._of_items
    monkeypatch.setattr(compare, "_of_items", lambda old, new, path: reversed(list(sound(old, new, path))))
    with pytest.raises((AssertionError, jsonpatch.JsonPatchException)):
        test_the_steps_of_arrays()


@pytest.fixture
def repo(tmp_path: Path) -> GitRepo:
    return GitRepo(tmp_path / "store")


def changes(repo: GitRepo, old: str | None, new: str | None) -> list[Any]:
    objects = repo.repository.objects
    commits = [None if each is None else objects.commit(bytes.fromhex(each)) for each in (old, new)]
    return diff(objects, *commits)


def test_two_commits(repo: GitRepo) -> None:
    repo.write("default/a.json", {"n": 1, "same": [1]})
    repo.write("default/gone.json", None)
    repo.write("default/bad.json", b"{")
    repo.write("README.md", b"# old\n")
    first = repo.commit()
    repo.write("default/a.json", {"n": 2, "same": [1]})
    repo.write("files%3Ax%2Fy/src%2F/new.json", [1])
    repo.write("default/bad.json", {"good": True})
    repo.write("default/not key.txt", b"x")
    repo.write("README.md", b"# new\n")
    (repo.root / "default/gone.json").unlink()
    second = repo.commit()

    found = {each.path: each for each in changes(repo, first, second)}
    assert list(found) == sorted(found)
    assert found["default/a.json"] == (
        "default/a.json",
        "default",
        "a",
        "changed",
        {"n": 1, "same": [1]},
        {"n": 2, "same": [1]},
        [Difference("replace", "/n", 1, 2)],
    )
    assert found["default/gone.json"][1:] == ("default", "gone", "removed", None, None, [])
    new = found["files%3Ax%2Fy/src%2F/new.json"]
    assert new[1:] == ("files:x/y", "src/new", "added", None, [1], [])
    bad = found["default/bad.json"]
    assert isinstance(bad.old, BadValue)
    assert (bad.old.path, bad.old.line, bad.old.column) == (f"{first[:12]}:default/bad.json", 1, 2)
    assert (bad.kind, bad.new, bad.details) == ("changed", {"good": True}, [])
    assert (found["default/not key.txt"].namespace, found["default/not key.txt"].key) == ("default", None)
    assert (found["README.md"].namespace, found["README.md"].kind) == (None, "changed")
    assert len(found) == 6


def test_there_and_back(repo: GitRepo) -> None:
    first, second = repo.put("default/a.json", 1), repo.put("default/a.json", 2)
    assert changes(repo, first, first) == []
    assert [(each.old, each.new) for each in changes(repo, second, first)] == [(2, 1)]
    assert [each.kind for each in changes(repo, None, first)] == ["added"]
    assert [each.kind for each in changes(repo, first, None)] == ["removed"]


def test_links_and_directories_are_no_values(repo: GitRepo) -> None:
    first = repo.put("default/a.json", 1)
    (repo.root / "default/a.json").unlink()
    (repo.root / "default/a.json").symlink_to("/etc/passwd")
    second = repo.commit()
    (change,) = changes(repo, first, second)
    assert isinstance(change.new, BadValue)
    assert "symbolic link" in change.new.reason
    (repo.root / "default/a.json").unlink()
    third = repo.put("default/a.json/b.json", 1)
    assert {each.path: each.kind for each in changes(repo, second, third)} == {
        "default/a.json": "removed",
        "default/a.json/b.json": "added",
    }
