"""Runs within runs: each has its own handle, and the outer one keeps its own."""

from __future__ import annotations

import contextvars
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fsstore import Store, data_store, run_agent, run_agent_async

Json = dict[str, Any]
Write = Callable[[str, str], Path]

COUNTER = """
async def run(input_dict, tools):
    number = data_store.get("count", 0) + 1
    data_store.set("count", number)
    return {"count": number}
"""


def test_an_async_agent_may_call_run_agent_inside_its_loop(store: Store, write: Write) -> None:
    inner = write("counter.py", COUNTER)

    async def outer(input_dict: Json, tools: Json) -> Json:
        data_store.set("before", data_store.agent)
        result: Json = run_agent(inner, store=data_store.store, namespace="inner")
        data_store.set("after", data_store.agent)
        return result

    assert run_agent(outer, store=store) == {"count": 1}
    assert store.get_all() == {"after": "outer", "before": "outer"}
    inside = store.use_namespace("inner")
    assert (inside.get("count"), inside.info("count").updated_by) == (1, "counter")


def test_an_agent_file_may_run_another_by_await(store: Store, write: Write) -> None:
    inner = write("counter.py", COUNTER)
    source = """
from fsstore import data_store as imported, run_agent_async

async def run(input_dict, tools):
    first = await run_agent_async(input_dict["agent"], store=data_store.store, name="child")
    assert imported.run_id == data_store.run_id
    data_store.set("by", data_store.agent)
    return first
"""
    assert run_agent(write("parent.py", source), {"agent": str(inner)}, store=store) == {"count": 1}
    assert store.info("count").updated_by == "child"
    assert store.info("by").updated_by == "parent"


def test_imported_agents_nest_and_each_has_its_own_handle(store: Store) -> None:
    def leaf(input_dict: Json, tools: Json) -> list[str | None]:
        return [data_store.agent, data_store.name]

    def middle(input_dict: Json, tools: Json) -> list[list[str]]:
        inner = run_agent(leaf, store=data_store.store, namespace="leaf")
        return [inner, [data_store.agent, data_store.name]]

    assert run_agent(middle, store=store, namespace="middle") == [["leaf", "leaf"], ["middle", "middle"]]


def test_a_nested_run_sees_the_callers_context(store: Store) -> None:
    """Tracing and the like keep what they know in context variables, also from one run to the next below."""
    trace: contextvars.ContextVar[str] = contextvars.ContextVar("trace")

    def inner(input_dict: Json, tools: Json) -> str:
        return trace.get("none")

    async def outer(input_dict: Json, tools: Json) -> list[str]:
        trace.set("outer's")
        return [run_agent(inner, store=data_store.store), await run_agent_async(inner, store=data_store.store)]

    assert run_agent(outer, store=store) == ["outer's", "outer's"]


def test_a_nested_failure_leaves_the_outer_run_its_handle(store: Store) -> None:
    def fails(input_dict: Json, tools: Json) -> None:
        raise LookupError("inner")

    async def outer(input_dict: Json, tools: Json) -> str:
        with pytest.raises(LookupError, match="inner"):
            run_agent(fails, store=data_store.store)
        with pytest.raises(LookupError, match="inner"):
            await run_agent_async(fails, store=data_store.store)
        return str(data_store.agent)

    assert run_agent(outer, store=store) == "outer"
