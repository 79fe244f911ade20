"""Arguments that are not what they should be: one kind of error, on both engines, and nothing changed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import fsstore
from fsstore import InvalidName, Operation, Store, TooLarge, UnsupportedType, run_agent
from fsstore.ops import MAX_VALUE_BYTES

NO_TEXT: dict[str, Callable[[Any], object]] = {
    "list_keys": lambda store: store.list_keys(5),
    "after": lambda store: store.list_keys(after=5),
    "count": lambda store: store.count(5),
    "get_prefix": lambda store: store.get_prefix(5),
    "scan": lambda store: store.scan(5),
    "delete_prefix": lambda store: store.delete_prefix(5),
    "list_namespaces": lambda store: store.list_namespaces(5),
    "a part of a key": lambda store: store.key("a", None),
}


@pytest.mark.parametrize("call", NO_TEXT.values(), ids=NO_TEXT.keys())
def test_what_is_no_text(store: Store, call: Callable[[Any], object]) -> None:
    store.set("a", 1)
    with pytest.raises(InvalidName, match="is a str"):
        call(store)
    assert store.get_all() == {"a": 1}


@pytest.mark.parametrize("verb", ["set_many", "replace_all"])
def test_items_that_are_no_mapping(store: Store, verb: str) -> None:
    store.set("a", 1)
    with pytest.raises(UnsupportedType, match="items are a dict"):
        getattr(store, verb)([("a", 2)])
    assert store.get_all() == {"a": 1}


def test_a_value_over_the_limit(store: Store) -> None:
    store.set("a", 1)
    with pytest.raises(TooLarge, match="'a'") as caught:
        store.set("a", "x" * MAX_VALUE_BYTES)
    assert caught.value.limit == MAX_VALUE_BYTES
    assert store.get("a") == 1


def test_a_stream_that_is_left_is_told_too(store: Store) -> None:
    told: list[Operation] = []
    handle = store.handle(ops=told.append)
    store.set_many({"a": 1, "b": 2, "c": 3})
    stream = handle.scan()
    next(stream)
    next(stream)
    stream.close()  # type: ignore[attr-defined]
    assert [(one.op, one.count) for one in told] == [("scan", 2)]
    with pytest.raises(ValueError, match="errors="):
        handle.scan(errors="no")  # type: ignore[arg-type]
    handle.move("a", "a")
    assert told[-1].op == "move"


def test_an_agent_gets_the_store_of_a_handle(store: Store) -> None:
    def agent(input_dict: dict[str, Any], tools: dict[str, Any]) -> Any:
        return fsstore.data_store.get("k")

    store.use_namespace("default").set("k", "here")
    assert run_agent(agent, store=store.use_namespace("elsewhere")) == "here"

    def outer(input_dict: dict[str, Any], tools: dict[str, Any]) -> Any:
        return run_agent(agent, store=fsstore.data_store)

    assert run_agent(outer, store=store) == "here"
    with pytest.raises(InvalidName, match="at least one character"):
        run_agent(agent, store=store, namespace="")
