"""The ``ops`` hook: one report per call, after the call, with what it was about and what it found."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from fsstore import InvalidName, Namespace, NotFound, Operation, Store, UnsupportedType

Call = Callable[[Namespace], Any]


@pytest.fixture
def seen() -> list[Operation]:
    return []


@pytest.fixture
def handle(store: Store, seen: list[Operation]) -> Namespace:
    store.use_namespace("n").set_many({"a": [1], "a:b": {"x": "y"}, "c": None})
    return store.handle("n", agent="alice", ops=seen.append)


# Each call on a namespace that holds a, a:b and c, with the key, found, count and preview it reports.
REPORTS: dict[str, tuple[Call, str, str | None, bool | None, int, str]] = {
    "get": (lambda h: h.get("a"), "get", "a", True, 1, "[1]"),
    "get a null": (lambda h: h.get("c"), "get", "c", True, 1, "null"),
    "get nothing": (lambda h: h.get("x", 5), "get", "x", False, 0, ""),
    "[]": (lambda h: h["a"], "get", "a", True, 1, "[1]"),
    "set a new key": (lambda h: h.set("x", {"k": 1}), "set", "x", False, 1, '{"k":1}'),
    "set an old key": (lambda h: h.set("a", 2), "set", "a", True, 1, "2"),
    "set the same value": (lambda h: h.set("a", [1]), "set", "a", True, 1, "[1]"),
    "delete": (lambda h: h.delete("a"), "delete", "a", True, 1, ""),
    "delete nothing": (lambda h: h.delete("x"), "delete", "x", False, 0, ""),
    "list_keys": (lambda h: h.list_keys(), "list_keys", None, None, 3, ""),
    "list_keys of a prefix": (lambda h: h.list_keys("a", limit=1), "list_keys", "a", None, 1, ""),
    "list_namespaces": (lambda h: h.list_namespaces("n"), "list_namespaces", "n", None, 1, ""),
    "get_all": (lambda h: h.get_all(), "get_all", None, None, 3, ""),
    "get_many": (lambda h: h.get_many(["a", "c", "x"]), "get_many", None, None, 2, ""),
    "get_prefix": (lambda h: h.get_prefix("a:"), "get_prefix", "a:", None, 1, ""),
    "set_many": (lambda h: h.set_many({"a": 1, "x": 2}), "set_many", None, None, 2, ""),
    "set_many of nothing": (lambda h: h.set_many({}), "set_many", None, None, 0, ""),
    "delete_many": (lambda h: h.delete_many(["a", "x"]), "delete_many", None, None, 1, ""),
    "delete_prefix": (lambda h: h.delete_prefix("a"), "delete_prefix", "a", None, 2, ""),
    "clear": (lambda h: h.clear(), "clear", None, None, 3, ""),
    "replace_all": (lambda h: h.replace_all({"a": [1], "x": 2}), "replace_all", None, None, 4, ""),
    "exists": (lambda h: h.exists("a"), "exists", "a", True, 1, ""),
    "in": (lambda h: "x" in h, "exists", "x", False, 0, ""),
    "info": (lambda h: h.info("a"), "info", "a", True, 1, ""),
    "count": (lambda h: h.count("a"), "count", "a", None, 2, ""),
    "items": (lambda h: list(h.items()), "scan", None, None, 3, ""),
    "scan": (lambda h: list(h.scan("a")), "scan", "a", None, 2, ""),
    "copy": (lambda h: h.copy("a", "x"), "copy", "a", True, 1, ""),
    "move": (lambda h: h.move("a", "x"), "move", "a", True, 2, ""),
    "stats": (lambda h: h.stats(), "stats", None, None, 3, ""),
}


@pytest.mark.parametrize(("call", "op", "key", "found", "count", "preview"), REPORTS.values(), ids=REPORTS.keys())
def test_each_verb_reports_once(
    handle: Namespace,
    seen: list[Operation],
    call: Call,
    op: str,
    key: str | None,
    found: bool | None,
    count: int,
    preview: str,
) -> None:
    call(handle)
    assert seen == [Operation(op, "n", key, "alice", found, count, preview)]


def test_the_report_comes_after_the_write(store: Store) -> None:
    found: list[Any] = []
    store.handle(ops=lambda operation: found.append(store.get("k"))).set("k", 1)
    assert found == [1]


def test_the_hook_goes_with_use_namespace(handle: Namespace, seen: list[Operation]) -> None:
    handle.use_namespace("m").set("k", 1)
    assert [(one.op, one.namespace, one.agent) for one in seen] == [("set", "m", "alice")]


def test_a_handle_without_a_hook_reports_to_nobody(handle: Namespace, seen: list[Operation]) -> None:
    handle.store.use_namespace("n").set("k", 1)
    assert seen == []


def test_what_was_refused_is_not_reported(handle: Namespace, seen: list[Operation]) -> None:
    with pytest.raises(UnsupportedType):
        handle.set("k", b"")
    with pytest.raises(InvalidName):
        handle.get("\ud800")
    assert seen == []


def test_what_was_not_found_is_reported_before_it_is_raised(handle: Namespace, seen: list[Operation]) -> None:
    with pytest.raises(NotFound):
        handle.info("x")
    with pytest.raises(NotFound):
        handle["x"]
    assert [(one.op, one.key, one.found, one.count) for one in seen] == [
        ("info", "x", False, 0),
        ("get", "x", False, 0),
    ]


@pytest.mark.parametrize("value", ["x" * 10_000, list(range(10_000)), {"k": "é" * 10_000}], ids=["str", "list", "dict"])
def test_the_preview_is_bounded(handle: Namespace, seen: list[Operation], value: Any) -> None:
    handle.set("big", value)
    assert handle.get("big") == value
    assert [len(one.preview) for one in seen] == [200, 200]
    assert all(one.preview[:20] == seen[0].preview[:20] and one.preview.endswith("…") for one in seen)


def test_a_preview_of_200_characters_is_whole(handle: Namespace, seen: list[Operation]) -> None:
    handle.set("k", "x" * 198)
    handle.set("k", "x" * 199)
    assert [one.preview for one in seen] == [f'"{"x" * 198}"', f'"{"x" * 198}…']


def test_what_the_hook_raises_reaches_the_caller(store: Store) -> None:
    def refuse(operation: Operation) -> None:
        raise RuntimeError(operation.op)

    with pytest.raises(RuntimeError, match="set"):
        store.handle(ops=refuse).set("k", 1)
    assert store.get("k") == 1


def test_an_operation_cannot_be_changed(handle: Namespace, seen: list[Operation]) -> None:
    handle.get("a")
    with pytest.raises(AttributeError):
        seen[0].op = "other"  # type: ignore[misc]
