"""Runs side by side, in one loop or in threads, do not get into each other's way."""

from __future__ import annotations

import asyncio
import dataclasses
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from fsstore import Store, data_store, run_agent, run_agent_async

Json = dict[str, Any]
Write = Callable[[str, str], Path]


TURNS = """
async def run(input_dict, tools):
    for number in range(20):
        data_store.set(f"k{number}", input_dict["who"])
        await tools["turn"]()
    return [data_store.agent, data_store.name, sorted(set(data_store.get_all().values()))]
"""


def test_runs_of_one_file_in_one_loop_do_not_mix(store: Store, write: Write) -> None:
    agent = write("turns.py", TURNS)

    async def all_of_them() -> list[Any]:
        together = asyncio.Barrier(5)  # every step waits for all the others, so that they alternate

        def one(number: int) -> Any:
            label = f"n{number}"
            tools = {"turn": together.wait}
            return run_agent_async(agent, {"who": number}, store=store, name=label, namespace=label, tools=tools)

        return await asyncio.gather(*map(one, range(5)))

    assert asyncio.run(all_of_them()) == [[f"n{number}", f"n{number}", [number]] for number in range(5)]
    assert store.use_namespace("n3").info("k7").updated_by == "n3"


def test_imported_agents_in_one_loop_do_not_mix(store: Store) -> None:
    async def agent(input_dict: Json, tools: Json) -> list[str]:
        seen = set()
        for _ in range(10):
            seen.add(data_store.name)
            await tools["turn"]()
        return sorted(seen)

    async def all_of_them() -> list[Any]:
        tools = {"turn": asyncio.Barrier(3).wait}
        return await asyncio.gather(
            *[run_agent_async(agent, store=store, namespace=name, tools=tools) for name in ("a", "b", "c")]
        )

    assert asyncio.run(all_of_them()) == [["a"], ["b"], ["c"]]


def test_runs_of_one_file_in_threads_with_stores_of_their_own(tmp_path: Path, write: Write) -> None:
    source = """
def run(input_dict, tools):
    tools["barrier"].wait()
    for number in range(50):
        data_store.set(f"k{number}", input_dict["who"])
    tools["barrier"].wait()
    return sorted(set(data_store.get_all().values()))
"""
    agent = write("writer.py", source)
    barrier = threading.Barrier(4, timeout=30)
    results: dict[int, Any] = {}

    def one(number: int) -> None:
        tools = {"barrier": barrier}
        results[number] = run_agent(agent, {"who": number}, store=tmp_path / f"store{number}", tools=tools)

    threads = [threading.Thread(target=one, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == {number: [number] for number in range(4)}


def test_parallel_runs_of_one_file_keep_their_classes_apart(store: Store, write: Write) -> None:
    """Pickle looks a class up by its module's name: two runs at once must not find each other's."""
    source = """
import pickle
from dataclasses import dataclass

@dataclass
class Box:
    content: int

async def run(input_dict, tools):
    raw = pickle.dumps(Box(input_dict["n"]))
    await tools["turn"]()
    return type(pickle.loads(raw)) is Box and pickle.loads(raw).content == input_dict["n"]
"""
    agent = write("box.py", source)

    async def both() -> list[Any]:
        tools = {"turn": asyncio.Barrier(2).wait}
        return await asyncio.gather(*[run_agent_async(agent, {"n": n}, store=store, tools=tools) for n in (1, 2)])

    assert asyncio.run(both()) == [True, True]


def test_a_dataclass_may_be_an_input(store: Store) -> None:
    """Inputs are whatever the caller has; only what is stored must be JSON."""

    @dataclasses.dataclass
    class Job:
        number: int

    def agent(input_dict: Json, tools: Json) -> Any:
        data_store.set("job", dataclasses.asdict(input_dict["job"]))
        return input_dict["job"].number

    assert run_agent(agent, {"job": Job(7)}, store=store) == 7
    assert store.get("job") == {"number": 7}
