"""merge() is JSON Merge Patch and patch() is JSON Patch, as RFC 7386 and RFC 6902 show them by example."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from fsstore import Conflict, InvalidValue, NotFound, Store, StoreError, UnsupportedType

# RFC 7386, appendix A: the value, the patch, the result.
MERGES: list[tuple[Any, Any, Any]] = [
    ({"a": "b"}, {"a": "c"}, {"a": "c"}),
    ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
    ({"a": "b"}, {"a": None}, {}),
    ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
    ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
    ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
    ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
    ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
    ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
    ([1, 2], {"a": "b", "c": None}, {"a": "b"}),
    ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
]
# The same appendix: patches that are no objects replace the value, which set() is for.
REPLACING = [["c"], None, "bar"]


@pytest.mark.parametrize(("old", "patch", "new"), MERGES, ids=repr)
def test_merge(store: Store, old: Any, patch: Any, new: Any) -> None:
    store.set("k", old)
    given = copy.deepcopy(patch)
    assert store.merge("k", patch) == new == store.get("k")
    assert patch == given


@pytest.mark.parametrize("patch", REPLACING, ids=repr)
def test_merge_takes_only_objects(store: Store, patch: Any) -> None:
    store.set("k", {"a": "b"})
    with pytest.raises(UnsupportedType, match="dict"):
        store.merge("k", patch)
    assert store.get("k") == {"a": "b"}


@pytest.mark.parametrize("old", ["text", 1, None, True, [1]], ids=repr)
def test_merge_replaces_what_is_no_object(store: Store, old: Any) -> None:
    store.set("k", old)
    assert store.merge("k", {"a": 1}) == {"a": 1} == store.get("k")


def test_merge_into_a_missing_key(store: Store) -> None:
    assert store.merge("k", {"a": {"b": 1, "c": None}}) == {"a": {"b": 1}} == store.get("k")
    assert store.merge("empty", {}) == {} == store.get("empty")


def test_merge_keeps_the_order_of_the_members(store: Store) -> None:
    store.set("k", {"z": 1, "y": 2, "x": 3})
    assert list(store.merge("k", {"w": 4, "y": 5, "z": None})) == ["y", "x", "w"]


@pytest.mark.xfail(strict=True, reason="members are compared before their names are made strings")
@pytest.mark.parametrize(("patch", "new"), [({1: 2}, {"1": 2}), ({1: None}, {})], ids=repr)
def test_merge_of_members_whose_names_are_no_strings(store: Store, patch: Any, new: Any) -> None:
    store.set("k", {1: 0})
    assert store.merge("k", patch) == new


def test_merge_of_what_json_has_no_form_for(store: Store) -> None:
    store.set("k", {"a": 1})
    with pytest.raises(UnsupportedType, match="'k'") as raised:
        store.merge("k", {"b": {"c": {1}}})
    assert raised.value.json_path == "$.b.c"
    assert store.get("k") == {"a": 1}


# RFC 6902, appendix A: the value, the operations, the result.
PATCHES: dict[str, tuple[Any, list[dict[str, Any]], Any]] = {
    "A.1": (
        {"foo": "bar"},
        [{"op": "add", "path": "/baz", "value": "qux"}],
        {"foo": "bar", "baz": "qux"},
    ),
    "A.2": (
        {"foo": ["bar", "baz"]},
        [{"op": "add", "path": "/foo/1", "value": "qux"}],
        {"foo": ["bar", "qux", "baz"]},
    ),
    "A.3": ({"baz": "qux", "foo": "bar"}, [{"op": "remove", "path": "/baz"}], {"foo": "bar"}),
    "A.4": ({"foo": ["bar", "qux", "baz"]}, [{"op": "remove", "path": "/foo/1"}], {"foo": ["bar", "baz"]}),
    "A.5": (
        {"baz": "qux", "foo": "bar"},
        [{"op": "replace", "path": "/baz", "value": "boo"}],
        {"baz": "boo", "foo": "bar"},
    ),
    "A.6": (
        {"foo": {"bar": "baz", "waldo": "fred"}, "qux": {"corge": "grault"}},
        [{"op": "move", "from": "/foo/waldo", "path": "/qux/thud"}],
        {"foo": {"bar": "baz"}, "qux": {"corge": "grault", "thud": "fred"}},
    ),
    "A.7": (
        {"foo": ["all", "grass", "cows", "eat"]},
        [{"op": "move", "from": "/foo/1", "path": "/foo/3"}],
        {"foo": ["all", "cows", "eat", "grass"]},
    ),
    "A.8": (
        {"baz": "qux", "foo": ["a", 2, "c"]},
        [{"op": "test", "path": "/baz", "value": "qux"}, {"op": "test", "path": "/foo/1", "value": 2}],
        {"baz": "qux", "foo": ["a", 2, "c"]},
    ),
    "A.10": (
        {"foo": "bar"},
        [{"op": "add", "path": "/child", "value": {"grandchild": {}}}],
        {"foo": "bar", "child": {"grandchild": {}}},
    ),
    "A.11": (
        {"foo": "bar"},
        [{"op": "add", "path": "/baz", "value": "qux", "xyz": 123}],
        {"foo": "bar", "baz": "qux"},
    ),
    "A.14": ({"/": 9, "~1": 10}, [{"op": "test", "path": "/~01", "value": 10}], {"/": 9, "~1": 10}),
    "A.16": (
        {"foo": ["bar"]},
        [{"op": "add", "path": "/foo/-", "value": ["abc", "def"]}],
        {"foo": ["bar", ["abc", "def"]]},
    ),
    "copy": ({"a": [1]}, [{"op": "copy", "from": "/a", "path": "/b"}], {"a": [1], "b": [1]}),
    "the whole value": ({"a": 1}, [{"op": "replace", "path": "", "value": [2]}], [2]),
    "no operation": ({"a": 1}, [], {"a": 1}),
}


@pytest.mark.parametrize(("old", "operations", "new"), PATCHES.values(), ids=list(PATCHES))
def test_patch(store: Store, old: Any, operations: list[dict[str, Any]], new: Any) -> None:
    store.set("k", old)
    given = copy.deepcopy(operations)
    assert store.patch("k", operations) == new == store.get("k")
    assert operations == given


# The same appendix: what fails, for a test that does.
FAILING_TESTS: dict[str, tuple[Any, Any]] = {
    "A.9": ({"baz": "qux"}, {"op": "test", "path": "/baz", "value": "bar"}),
    "A.15": ({"/": 9, "~1": 10}, {"op": "test", "path": "/~01", "value": "10"}),
    "a boolean is no number": ({"a": 1}, {"op": "test", "path": "/a", "value": True}),
}


@pytest.mark.parametrize(("old", "operation"), FAILING_TESTS.values(), ids=list(FAILING_TESTS))
def test_a_test_that_fails_is_a_conflict(store: Store, old: Any, operation: dict[str, Any]) -> None:
    store.set("k", old)
    with pytest.raises(Conflict, match="'k'") as raised:
        store.patch("k", [{"op": "add", "path": "/new", "value": 1}, operation])
    assert (raised.value.namespace, raised.value.key) == ("default", "k")
    assert store.get("k") == old


# And what cannot be done at all.
IMPOSSIBLE: dict[str, Any] = {
    "A.12": {"op": "add", "path": "/baz/bat", "value": "qux"},
    "A.13": {"op": "remove"},
    "an unknown op": {"op": "shout", "path": "/foo"},
    "no op": {"path": "/foo"},
    "remove what is missing": {"op": "remove", "path": "/nothing"},
    "replace what is missing": {"op": "replace", "path": "/nothing", "value": 1},
    "test what is missing": {"op": "test", "path": "/nothing", "value": 1},
    "no value": {"op": "add", "path": "/new"},
    "no from": {"op": "move", "path": "/new"},
    "from what is missing": {"op": "copy", "from": "/nothing", "path": "/new"},
    "past the end of a list": {"op": "add", "path": "/list/9", "value": 1},
    "a name in a list": {"op": "add", "path": "/list/x", "value": 1},
    "a number with a leading zero": {"op": "replace", "path": "/list/00", "value": 1},
    "into its own child": {"op": "move", "from": "/object", "path": "/object/inside"},
    "inside of a number": {"op": "add", "path": "/number/x", "value": 1},
    "inside of a string": {"op": "remove", "path": "/foo/0"},
    "inside of null": {"op": "replace", "path": "/null/x", "value": 1},
    "a path that is no pointer": {"op": "add", "path": "foo", "value": 1},
    "a path that is no string": {"op": "add", "path": 5, "value": 1},
    "a bad escape": {"op": "add", "path": "/~2", "value": 1},
    "no object": "add",
    "a number": 5,
}
DOCUMENT = {"foo": "bar", "list": [1], "object": {"inside": 1}, "number": 1, "null": None}


@pytest.mark.parametrize("operation", IMPOSSIBLE.values(), ids=list(IMPOSSIBLE))
def test_what_cannot_be_applied_changes_nothing(store: Store, operation: Any) -> None:
    store.set("k", DOCUMENT)
    operations = [{"op": "add", "path": "/first", "value": 1}, operation]
    with pytest.raises((InvalidValue, Conflict)) as raised:
        store.patch("k", operations)
    assert "'k'" in str(raised.value)
    assert store.get("k") == DOCUMENT


NO_LIST = pytest.mark.xfail(strict=True, reason="raises a bare TypeError")


@pytest.mark.parametrize(
    "operations",
    [pytest.param(5, marks=NO_LIST), pytest.param(None, marks=NO_LIST), "add", {"op": "remove", "path": "/foo"}],
    ids=repr,
)
def test_operations_are_a_list(store: Store, operations: Any) -> None:
    store.set("k", DOCUMENT)
    with pytest.raises(StoreError):
        store.patch("k", operations)
    assert store.get("k") == DOCUMENT


def test_patch_of_a_missing_key(store: Store) -> None:
    with pytest.raises(NotFound) as raised:
        store.patch("k", [{"op": "add", "path": "", "value": 1}])
    assert (raised.value.namespace, raised.value.key) == ("default", "k")
    assert store.list_keys() == []


def test_later_operations_do_not_change_what_the_caller_gave(store: Store) -> None:
    operations: list[dict[str, Any]] = [
        {"op": "add", "path": "/list", "value": [1]},
        {"op": "add", "path": "/list/-", "value": 2},
    ]
    given = copy.deepcopy(operations)
    store.set("k", {})
    for _ in range(2):
        assert store.patch("k", operations) == {"list": [1, 2]}
    assert operations == given


def test_patch_with_what_json_has_no_form_for(store: Store) -> None:
    store.set("k", {"a": 1})
    with pytest.raises(UnsupportedType, match="'k'"):
        store.patch("k", [{"op": "add", "path": "/b", "value": {1}}])
    assert store.get("k") == {"a": 1}
