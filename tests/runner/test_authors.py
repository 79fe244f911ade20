"""What is noted of a run: agent and run id in records and journal, operations in the hook."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import fsstore
from fsstore import Operation, Store, data_store, run_agent

Json = dict[str, Any]
Write = Callable[[str, str], Path]

COUNTER = """
async def run(input_dict, tools):
    number = data_store.get("count", 0) + 1
    data_store.set("count", number)
    return {"count": number}
"""


def journal(store: Path) -> list[Json]:
    """Who wrote what, as the store notes it on disk."""
    files = sorted((store / ".fsstore" / "journal").iterdir())
    lines = [json.loads(line) for file in files for line in file.read_text().splitlines() if line]
    return sorted((line for line in lines if "path" in line), key=lambda line: (line["time"], line["path"]))


def test_the_agents_name_is_noted_with_what_it_writes(store: Store, write: Write) -> None:
    agent = write("counter.py", COUNTER)
    run_agent(agent, store=store)
    run_agent(agent, store=store, name="second")
    record = store.info("count")
    assert (record.created_by, record.updated_by) == ("counter", "second")


def test_a_handle_knows_its_agent_run_and_namespace(store: Store) -> None:
    def agent(input_dict: Json, tools: Json) -> Json:
        other = data_store.use_namespace("other")
        return {"agent": data_store.agent, "name": data_store.name, "runs": [data_store.run_id, other.run_id]}

    first, second = (run_agent(agent, store=store, name="a", namespace="n") for _ in range(2))
    assert (first["agent"], first["name"]) == ("a", "n")
    assert len({*first["runs"]}) == len({*second["runs"]}) == 1
    assert first["runs"] != second["runs"]


def test_the_journal_has_agent_and_run_of_every_write(tmp_path: Path, write: Write) -> None:
    source = """
def run(input_dict, tools):
    data_store.set_many({"a": 1, "b": 2})
    data_store.use_namespace("other").set("c", 3)
    data_store.delete("a")
    return data_store.run_id
"""
    agent = write("writer.py", source)
    runs = [run_agent(agent, store=tmp_path / "store") for _ in range(2)]
    lines = journal(tmp_path / "store")
    assert {line["agent"] for line in lines} == {"writer"}
    paths = {run: sorted((line["op"], line["path"]) for line in lines if line["run"] == run) for run in runs}
    assert paths == {
        runs[0]: [
            ("create", "default/a.json"),
            ("create", "default/b.json"),
            ("create", "other/c.json"),
            ("delete", "default/a.json"),
        ],
        runs[1]: [("create", "default/a.json"), ("delete", "default/a.json")],  # b and c had the value already
    }


def test_the_ops_hook_sees_what_the_agent_does(store: Store, write: Write) -> None:
    seen: list[Operation] = []
    run_agent(write("counter.py", COUNTER), store=store, ops=seen.append)
    assert seen == [
        Operation("get", "default", "count", "counter", found=False, count=0, preview=""),
        Operation("set", "default", "count", "counter", found=False, count=1, preview="1"),
    ]
    store.get("count")
    assert len(seen) == 2


def test_the_hook_of_the_store_sees_runs_that_have_none(write: Write) -> None:
    of_store: list[Operation] = []
    of_run: list[Operation] = []
    agent = write("counter.py", COUNTER)
    with fsstore.open(":memory:", ops=of_store.append) as store:
        run_agent(agent, store=store)
        run_agent(agent, store=store, ops=of_run.append)
    assert [(each.op, each.agent) for each in of_store] == [("get", "counter"), ("set", "counter")]
    assert [(each.op, each.found) for each in of_run] == [("get", True), ("set", True)]
