"""What a condition says of a value, operator by operator; an index may not know better."""

from __future__ import annotations

from typing import Any

import pytest

from fsstore import InvalidValue, Store, UnsupportedType
from fsstore.finding import conditions, paths
from fsstore.finding.conditions import same
from fsstore.ops import MISSING

BIG = 10**30

CASES: list[tuple[dict[str, Any], Any, bool]] = [
    ({"n": 1}, {"n": 1}, True),
    ({"n": 1}, {"n": 1.0}, True),
    ({"n": 1}, {"n": "1"}, False),
    ({"n": 1}, {"n": True}, False),
    ({"n": True}, {"n": 1}, False),
    ({"n": True}, {"n": True}, True),
    ({"n": None}, {"n": None}, True),
    ({"n": None}, {}, False),
    ({"n": 0}, {"n": False}, False),
    ({"n": 0}, {"n": -0.0}, True),
    ({"n": "a"}, {"n": "a"}, True),
    ({"n": "a"}, {"n": "A"}, False),
    ({"n": "ä" * 150}, {"n": "ä" * 150}, True),
    ({"n": "ä" * 150}, {"n": "ä" * 151}, False),
    ({"n": BIG}, {"n": BIG}, True),
    ({"n": BIG}, {"n": BIG + 1}, False),
    ({"n": BIG}, {"n": 1e30}, False),
    ({"n": {"gt": BIG}}, {"n": BIG + 1}, True),
    ({"n": {"gt": 10**400}}, {"n": 10**401}, True),
    ({"n": {"lt": 10**400}}, {"n": 5}, True),
    ({"n": {"gt": 2**53}}, {"n": 2**53 + 1}, True),
    ({"n": {"gt": 2.0**53}}, {"n": 2**53 + 1}, True),
    ({"n": [1, {"a": 2}]}, {"n": [1, {"a": 2.0}]}, True),
    ({"n": [1]}, {"n": [True]}, False),
    ({"n": {"eq": {}}}, {"n": {}}, True),
    ({"n": {"eq": {"a": 1}}}, {"n": {"a": 1, "b": 2}}, False),
    ({"n": {"ne": 1}}, {"n": 2}, True),
    ({"n": {"ne": 1}}, {}, True),
    ({"n": {"ne": 1}}, {"n": 1.0}, False),
    ({"n": {"ne": 1}}, {"n": "1"}, True),
    ({"n": {"gt": 1}}, {"n": 1}, False),
    ({"n": {"gte": 1}}, {"n": 1}, True),
    ({"n": {"lt": 1}}, {"n": 0.5}, True),
    ({"n": {"lte": 1}}, {"n": 1.5}, False),
    ({"n": {"gte": 1}}, {"n": "2"}, False),
    ({"n": {"gte": 0}}, {"n": True}, False),
    ({"n": {"gte": 0}}, {}, False),
    ({"n": {"gte": "a"}}, {"n": "b"}, True),
    ({"n": {"gt": "z"}}, {"n": "\U0001f600"}, True),
    ({"n": {"gt": "\uffff"}}, {"n": "\U0001f600"}, True),
    ({"n": {"gte": 1, "lt": 3}}, {"n": 2}, True),
    ({"n": {"gte": 1, "lt": 3}}, {"n": 3}, False),
    ({"n": {"gte": 1, "prefix": "a"}}, {"n": 2}, False),
    ({"n": {"in": [1, "a", None]}}, {"n": None}, True),
    ({"n": {"in": [1, "a", None]}}, {"n": "1"}, False),
    ({"n": {"in": [[1], {}]}}, {"n": [1]}, True),
    ({"n": {"in": []}}, {"n": 1}, False),
    ({"n": {"exists": True}}, {"n": None}, True),
    ({"n": {"exists": True}}, {}, False),
    ({"n": {"exists": False}}, {}, True),
    ({"n": {"exists": False}}, {"n": 0}, False),
    ({"n": {"exists": False}}, 3, True),
    ({"n": {"prefix": "ab"}}, {"n": "abc"}, True),
    ({"n": {"prefix": "ab"}}, {"n": "b"}, False),
    ({"n": {"prefix": ""}}, {"n": "b"}, True),
    ({"n": {"prefix": ""}}, {"n": 1}, False),
    ({"n": {"prefix": "ö" * 120}}, {"n": "ö" * 121}, True),
    ({"n": {"prefix": "ö" * 120}}, {"n": "ö" * 119}, False),
    ({"tags": {"contains": "x"}}, {"tags": ["y", "x"]}, True),
    ({"tags": {"contains": "x"}}, {"tags": ["xy"]}, False),
    ({"tags": {"contains": "x"}}, {"tags": "axb"}, True),
    ({"tags": {"contains": "x" * 201}}, {"tags": ["x" * 201]}, True),
    ({"tags": {"contains": "end"}}, {"tags": "x" * 300 + "end"}, True),
    ({"tags": {"contains": 1}}, {"tags": [True]}, False),
    ({"tags": {"contains": 1}}, {"tags": [1.0]}, True),
    ({"tags": {"contains": [1]}}, {"tags": [[1], 2]}, True),
    ({"tags": {"contains": {}}}, {"tags": [{}]}, True),
    ({"tags": {"contains": None}}, {"tags": [None]}, True),
    ({"tags": {"contains": 1999}}, {"tags": list(range(2000))}, True),
    ({"tags": {"contains": "x"}}, {"tags": {"x": 1}}, False),
    ({"tags.1": "b"}, {"tags": ["a", "b"]}, True),
    ({"tags.2": "b"}, {"tags": ["a", "b"]}, False),
    ({"tags.1": "b"}, {"tags": {"1": "b"}}, True),
    ({"tags.-1": "b"}, {"tags": ["a", "b"]}, False),
    ({"a.b": 3}, {"a": {"b": 3}}, True),
    ({"a.b": 3}, {"a.b": 3}, False),
    ({r"x\.y": 3}, {"x.y": 3}, True),
    ({r"x\.y": 3}, {"x": {"y": 3}}, False),
    ({r"x\\.y": 3}, {"x\\": {"y": 3}}, True),
    ({"": 3}, 3, True),
    ({"": {"gte": 3}}, 4, True),
    ({"": "3"}, 3, False),
    ({"a.": 1}, {"a": {"": 1}}, True),
    ({"n": 1, "status": "x"}, {"n": 1, "status": "x"}, True),
    ({"n": 1, "status": "x"}, {"n": 1, "status": "y"}, False),
    ({"other": 1, "n": 1}, {"n": 1, "other": 1}, True),
    ({"other": 1, "n": 1}, {"n": 1, "other": 2}, False),
    ({}, 3, True),
]


@pytest.mark.parametrize(("where", "value", "expected"), CASES)
def test_a_condition_holds_or_not(where: dict[str, Any], value: Any, expected: bool) -> None:
    assert all(each.holds(value) for each in conditions.parse(where)) is expected


def test_an_index_says_the_same(store: Store) -> None:
    """Every value against every condition, in each kind of store."""
    held = {f"k{number:03d}": value for number, (_, value, _) in enumerate(CASES)}
    store.set_many(held)
    for where, _, _ in CASES:
        wanted = conditions.parse(where)
        right = [key for key, value in held.items() if all(each.holds(value) for each in wanted)]
        found = store.find(where, limit=None)
        assert [hit.key for hit in found] == right, where
        assert all(same(hit.value, held[hit.key]) for hit in found)
        assert not found.cut
        assert found.errors == {}


@pytest.mark.parametrize(
    ("where", "part"),
    [
        ({"a.b": {"$gt": 3}}, r"where\['a.b'\]: '\$gt' is no operator; there are eq, ne"),
        ({"a.b": {}}, "no operator"),
        ({"a": {"gt": None}}, "gt cannot have null"),
        ({"a": {"gt": True}}, "gt cannot have true"),
        ({"a": {"lte": [1]}}, r"lte cannot have \[1\]"),
        ({"a": {"in": "abc"}}, "in cannot have .*a list"),
        ({"a": {"exists": 1}}, "exists cannot have 1; it takes true or false"),
        ({"a": {"prefix": 1}}, "prefix cannot have 1; it takes text"),
        ({"a": float("nan")}, "where"),
        ({"a\\": 1}, "ends with a backslash"),
    ],
)
def test_what_is_wrong_is_said_with_its_path(store: Store, where: dict[str, Any], part: str) -> None:
    with pytest.raises(InvalidValue, match=part) as caught:
        store.find(where)
    assert next(iter(where)) in str(caught.value).replace("\\\\", "\\")


@pytest.mark.parametrize("where", [["a"], "a", {1: 2}, {"a": {"in": [b""]}}, {"a": object()}])
def test_what_is_no_json(store: Store, where: Any) -> None:
    with pytest.raises(UnsupportedType):
        store.find(where)


def test_tuples_and_sets_are_lists(store: Store) -> None:
    store.set_many({"a": {"n": 1}, "b": {"n": [1, 2]}})
    assert [hit.key for hit in store.find({"n": {"in": {1, 5}}})] == ["a"]
    assert [hit.key for hit in store.find({"n": (1, 2)})] == ["b"]


def test_what_is_missing_is_no_value() -> None:
    assert paths.look_up({"a": [1]}, ("a", "1")) is MISSING
    assert not same(MISSING, None)
