"""Imported agents, and what goes into any agent."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import fsstore
from fsstore import NoRun, Store, data_store, run_agent

Json = dict[str, Any]
Write = Callable[[str, str], Path]

COUNTER = """
async def run(input_dict, tools):
    number = data_store.get("count", 0) + 1
    data_store.set("count", number)
    return {"count": number}
"""


async def imported(input_dict: Json, tools: Json) -> Json:
    data_store.set("who", input_dict["who"])
    await asyncio.sleep(0)
    return {"who": data_store.get("who"), "agent": data_store.agent}


def test_an_imported_function_finds_the_handle_of_its_run(store: Store) -> None:
    assert run_agent(imported, {"who": "me"}, store=store) == {"who": "me", "agent": "imported"}
    assert store.get("who") == "me"


def test_the_imported_data_store_is_like_the_handle(store: Store) -> None:
    def agent(input_dict: Json, tools: Json) -> Any:
        data_store["a"] = 1
        data_store.use_namespace("other").set("b", 2)
        assert data_store["a"] == 1
        assert "a" in data_store
        assert "b" not in data_store
        assert bool(data_store)
        assert list(data_store) == ["a"]
        assert "'default'" in repr(data_store)
        del data_store["a"]
        with pytest.raises(KeyError):
            data_store["a"]
        with pytest.raises(AttributeError):
            data_store.no_such_verb()  # type: ignore[attr-defined]
        return data_store.list_namespaces()

    assert run_agent(agent, store=store) == ["other"]


def test_a_callable_object_and_a_partial_are_agents(store: Store) -> None:
    class Agent:
        def __call__(self, input_dict: Json, tools: Json) -> Any:
            return data_store.agent

    def add(more: int, input_dict: Json, tools: Json) -> int:
        return int(input_dict["n"]) + more

    assert run_agent(Agent(), store=store) == "Agent"
    assert run_agent(functools.partial(add, 2), {"n": 1}, store=store) == 3


def test_a_thread_pool_of_asyncio_belongs_to_the_run(store: Store) -> None:
    async def agent(input_dict: Json, tools: Json) -> None:
        await asyncio.to_thread(lambda: data_store.set("k", data_store.agent))
        await data_store.aio.set("aio", 1)

    run_agent(agent, store=store, name="threaded")
    assert store.get_all() == {"aio": 1, "k": "threaded"}


def test_outside_a_run_there_is_no_data_store() -> None:
    for use in (
        lambda: data_store.get("k"),
        lambda: data_store["k"],
        lambda: "k" in data_store,
        lambda: list(data_store),
        lambda: data_store.agent,
    ):
        with pytest.raises(NoRun, match="run_agent"):
            use()
    with pytest.raises(NoRun):
        data_store["k"] = 1
    with pytest.raises(NoRun):
        del data_store["k"]
    assert "None" in repr(data_store)


def test_after_a_run_there_is_none_again(store: Store) -> None:
    def fails(input_dict: Json, tools: Json) -> None:
        raise RuntimeError("no")

    run_agent(imported, {"who": 1}, store=store)
    with pytest.raises(RuntimeError):
        run_agent(fails, store=store)
    with pytest.raises(NoRun):
        data_store.get("who")


def test_the_store_may_be_a_path_or_open(tmp_path: Path, write: Write) -> None:
    agent = write("counter.py", COUNTER)
    assert run_agent(agent, store=str(tmp_path / "store")) == {"count": 1}
    assert run_agent(agent, store=tmp_path / "store", namespace="n") == {"count": 1}
    with fsstore.open(tmp_path / "store", agent="somebody", namespace="elsewhere") as store:
        assert run_agent(agent, store=store) == {"count": 2}
        assert store.use_namespace("default").get("count") == 2  # still open
        assert store.use_namespace("default").info("count").updated_by == "counter"
    assert (tmp_path / "store/default/count.json").read_text() == "2\n"
    assert (tmp_path / "store/n/count.json").read_text() == "1\n"


def test_the_input_is_the_agents_own(store: Store) -> None:
    def agent(input_dict: Json, tools: Json) -> int:
        size = len(input_dict)
        input_dict["more"] = 1
        return size

    input = {"a": 1}
    assert [run_agent(agent, input, store=store) for _ in range(2)] == [1, 1]
    assert input == {"a": 1}
    assert run_agent(agent, store=store) == 0


def test_tools_are_passed_on(store: Store) -> None:
    def agent(input_dict: Json, tools: Json) -> Any:
        return tools.pop("double")(input_dict["n"])

    tools = {"double": lambda n: 2 * n}
    assert run_agent(agent, {"n": 4}, store=store, tools=tools) == 8
    assert list(tools) == ["double"]
    assert run_agent(lambda input_dict, tools: tools, store=store) == {}
