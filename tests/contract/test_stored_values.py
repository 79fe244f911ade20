"""Values: what is stored comes back as it was, and what could not come back is refused before anything changes."""

from __future__ import annotations

import dataclasses
import enum
import math
import uuid
from collections import OrderedDict, defaultdict, deque, namedtuple
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from fsstore import InvalidValue, Store, UnsupportedType


class Colour(enum.Enum):
    RED = "red"


class Level(enum.IntEnum):
    HIGH = 3


class Mode(enum.StrEnum):
    FAST = "fast"


@dataclasses.dataclass
class Point:
    x: int


class Name(str):
    __slots__ = ()


class Size(int):
    pass


Pair = namedtuple("Pair", "left right")

FAITHFUL: list[Any] = [
    *(None, True, False, 0, -1, 1.5, "", "text", [], {}, [[]], {"": {"": ""}}, [None, {"a": None}]),
    *(
        "\u2028\u2029",
        "😀",
        "é and e\u0301",
        "日本語",
        '"\\/\b\f\n\r\t',
        "\x00\x1f\x7f\x85",
        "\ufeff",
        "<!-- </script>",
    ),
    *(2**53, 2**53 + 1, 2**63 - 1, -(2**63), 2**63, 2**64 - 1, 2**64, -(2**63) - 1, 10**30, -(10**400), [1, 10**40]),
    *(0.1, 1e-7, 1e22, 1.7976931348623157e308, 5e-324, 123456789012345680.0),
    {"b": 1, "a": {"d": [1, "2", 3.0], "c": None}, "big": 10**30, "float": 1e22},
    {"%": 1, "$.a": 2, "a b": 3, "\u2028": 4, "😀": 5},
    ["x" * 100_000],
]


def exactly(value: Any) -> str:
    """Tells 1 from 1.0 from True, 0.0 from -0.0, and one order of members from another."""
    return repr(value)


@pytest.mark.parametrize("value", FAITHFUL, ids=lambda value: repr(value)[:30])
def test_a_value_comes_back_exactly(store: Store, value: Any) -> None:
    store.set("k", value)
    for found in (store.get("k"), store.get_all()["k"], store.info("k").value, dict(store.items())["k"]):
        assert exactly(found) == exactly(value)


BECOMES: list[tuple[Any, Any]] = [
    ((1, (2, ())), [1, [2, []]]),
    ({"t": (None,)}, {"t": [None]}),
    (Pair(1, "r"), [1, "r"]),
    (OrderedDict(b=1, a=2), {"b": 1, "a": 2}),
    (defaultdict(list, a=[1]), {"a": [1]}),
    (Name("n"), "n"),
    (Size(5), 5),
    (
        {1: "a", 2.5: "b", None: "c", False: "d", Name("n"): "e"},
        {"1": "a", "2.5": "b", "null": "c", "false": "d", "n": "e"},
    ),
    ({10**30: 1}, {"1000000000000000000000000000000": 1}),
]


@pytest.mark.parametrize(("value", "expected"), BECOMES, ids=lambda value: repr(value)[:30])
def test_what_has_one_obvious_json_form_takes_it(store: Store, value: Any, expected: Any) -> None:
    store.set("k", value)
    assert exactly(store.get("k")) == exactly(expected)
    assert type(store.get("k")) is type(expected)


@pytest.mark.parametrize("old", [1, 1.0, True, "1", [1], [1.0], {"a": 1}, {"a": True}, 0, 0.0, -0.0, False])
@pytest.mark.parametrize("new", [1, 1.0, True, "1", [1], [1.0], {"a": 1}, {"a": True}, 0, 0.0, -0.0, False])
def test_values_that_python_calls_equal_are_told_apart(store: Store, old: Any, new: Any) -> None:
    store.set("k", old)
    before = store.info("k")
    store.set("k", new)
    assert exactly(store.get("k")) == exactly(new)
    assert (store.info("k").revision == before.revision) is (exactly(old) == exactly(new))
    assert (store.info("k").updated_at == before.updated_at) is (exactly(old) == exactly(new))


def test_the_sign_of_zero_is_kept(store: Store) -> None:
    store.set("k", [-0.0, 0.0])
    assert [math.copysign(1, number) for number in store.get("k")] == [-1, 1]


def test_the_order_of_members_is_kept_and_counts(store: Store) -> None:
    store.set("k", {"b": 1, "a": 2})
    before = store.info("k")
    store.set("k", {"a": 2, "b": 1})
    assert list(store.get("k")) == ["a", "b"]
    assert store.info("k").revision != before.revision


WRAPS: dict[str, tuple[Callable[[Any], Any], str]] = {
    "itself": (lambda value: value, "$"),
    "in a list": (lambda value: [0, value], "$[1]"),
    "in a member": (lambda value: {"a": 1, "items": [{}, {}, {}, {"when": value}]}, "$.items[3].when"),
    "in a tuple": (lambda value: ((value,),), "$[0][0]"),
    "under an odd name": (lambda value: {"a b": {'q"': value}}, '$["a b"]["q\\""]'),
    "beside None": (lambda value: {"n": None, "v": [value]}, "$.v[0]"),
    "beside a big integer": (lambda value: [10**30, value], "$[1]"),
}
UNSUPPORTED: list[tuple[Any, str, str]] = [
    (b"raw", "bytes", "base64"),
    (bytearray(b"raw"), "bytearray", "base64"),
    (memoryview(b"raw"), "memoryview", "base64"),
    ({1, 2}, "set", "sorted"),
    (frozenset({1}), "frozenset", "sorted"),
    (datetime(2026, 6, 30, tzinfo=UTC), "datetime", "isoformat"),
    (date(2026, 6, 30), "date", "isoformat"),
    (uuid.UUID(int=1), "UUID", "str(value)"),
    (Decimal("1.5"), "Decimal", "str(value)"),
    (Colour.RED, "Colour", "value.value"),
    (Level.HIGH, "Level", "value.value"),
    (Mode.FAST, "Mode", "value.value"),
    (Point(1), "Point", "dict"),
    (1 + 2j, "complex", "value.real"),
    (deque([1]), "deque", "list"),
    (object(), "object", "dict"),
    (len, "builtin_function_or_method", "dict"),
    (..., "ellipsis", "dict"),
    (range(3), "range", "list"),
]


@pytest.mark.parametrize(("wrap", "path"), WRAPS.values(), ids=WRAPS.keys())
@pytest.mark.parametrize(("value", "name", "way_out"), UNSUPPORTED, ids=[name for _, name, _ in UNSUPPORTED])
def test_a_type_without_json_form_is_refused(
    store: Store, value: Any, name: str, way_out: str, wrap: Callable[[Any], Any], path: str
) -> None:
    store.set("k", "old", {"m": 1})
    before = store.info("k")
    with pytest.raises(UnsupportedType) as caught:
        store.set("k", wrap(value))
    assert isinstance(caught.value, TypeError)
    assert (caught.value.json_path, caught.value.type_name) == (path, name)
    message = str(caught.value)
    assert message.startswith(f"key 'k' of namespace 'default' was not set: {path}: {name} is no JSON type; ")
    assert way_out in message
    assert store.info("k") == before


CYCLE: list[Any] = []
CYCLE.append(CYCLE)
INVALID: list[tuple[str, Any, str]] = [
    ("nan", math.nan, "$"),
    ("inf in a list", [1.0, math.inf], "$[1]"),
    ("-inf beside None", {"a": None, "b": -math.inf}, "$.b"),
    ("nan beside a big integer", [10**30, {"x": math.nan}], "$[1].x"),
    ("nan in metadata's neighbour", {"a": [None, math.nan]}, "$.a[1]"),
    ("lone surrogate", {"a": ["x\ud800"]}, "$.a[0]"),
    ("lone surrogate in a name", {"a": {"\udc00": 1}}, "$.a.<name>"),
    ("nan as a name", {math.nan: 1}, "$.<name>"),
    ("colliding names", {"a": {1: "x", "1": "y"}}, '$.a["1"]'),
    ("colliding null", {None: 1, "null": 2}, "$.null"),
    ("colliding true", {"true": 1, True: 2}, "$.true"),
    ("more digits than Python prints", [10**5000], "$[0]"),
]


@pytest.mark.parametrize(("value", "path"), [(value, path) for _, value, path in INVALID], ids=[i[0] for i in INVALID])
def test_a_value_json_could_not_give_back_is_refused(store: Store, value: Any, path: str) -> None:
    store.set("k", "old")
    before = store.info("k")
    with pytest.raises(InvalidValue) as caught:
        store.set("k", value)
    assert isinstance(caught.value, ValueError)
    assert caught.value.json_path == path
    assert str(caught.value).startswith(f"key 'k' of namespace 'default' was not set: {path}: ")
    assert store.info("k") == before


@pytest.mark.parametrize(
    "member", [b"k", ("a",), Colour.RED, Mode.FAST, Level.HIGH, uuid.UUID(int=1), date(2026, 1, 1)]
)
def test_a_member_whose_name_is_no_text_is_refused(store: Store, member: Any) -> None:
    store.set("k", "old")
    with pytest.raises(UnsupportedType) as caught:
        store.set("k", {"a": [{member: 1}]})
    assert caught.value.json_path == "$.a[0].<name>"
    assert caught.value.type_name == type(member).__name__
    assert store.get("k") == "old"


def nested(levels: int, innermost: Any, wrap: Callable[[Any], Any]) -> Any:
    value = innermost
    for _ in range(levels):
        value = wrap(value)
    return value


@pytest.mark.parametrize("wrap", [lambda value: [value], lambda value: {"a": value}], ids=["arrays", "objects"])
@pytest.mark.parametrize("innermost", [1, "x", 10**30], ids=repr)
def test_depth_is_limited_to_254_levels(store: Store, wrap: Callable[[Any], Any], innermost: Any) -> None:
    deepest = nested(254, innermost, wrap)
    store.set("k", deepest)
    assert store.get("k") == deepest
    for levels in (255, 256, 1024, 100_000):
        with pytest.raises(InvalidValue, match="nested deeper than 254 levels"):
            store.set("k", nested(levels, innermost, wrap))
    assert store.get("k") == deepest


@pytest.mark.parametrize("innermost", [[], {}], ids=repr)
def test_an_empty_container_is_a_level_too(store: Store, innermost: Any) -> None:
    store.set("k", nested(253, innermost, lambda value: [value]))
    with pytest.raises(InvalidValue, match="nested deeper than 254 levels"):
        store.set("k", nested(254, innermost, lambda value: [value]))


def test_a_value_that_contains_itself_is_refused(store: Store) -> None:
    with pytest.raises(InvalidValue, match="nested deeper than 254 levels"):
        store.set("k", CYCLE)
    assert store.list_keys() == []
