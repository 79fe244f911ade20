"""Agents in files: what they find, and what comes of a file that is wrong."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import fsstore
from fsstore import Store, run_agent

Json = dict[str, Any]
Write = Callable[[str, str], Path]

COUNTER = """
async def run(input_dict, tools):
    number = data_store.get("count", 0) + 1
    data_store.set("count", number)
    return {"count": number}
"""


def test_an_async_agent_file_runs_with_a_global_data_store(store: Store, write: Write) -> None:
    agent = write("counter.py", COUNTER)
    assert [run_agent(agent, store=store), run_agent(str(agent), store=store)] == [{"count": 1}, {"count": 2}]
    assert store.get("count") == 2


def test_a_plain_agent_file_runs_too(store: Store, write: Write) -> None:
    agent = write("plain.py", "def run(input_dict, tools):\n    return data_store.set('k', input_dict['v'])\n")
    assert run_agent(agent, {"v": [1, None]}, store=store) is None
    assert store.get("k") == [1, None]


def test_any_awaitable_and_any_value_may_come_back(store: Store, write: Write) -> None:
    source = "import asyncio\ndef run(input_dict, tools):\n    return asyncio.sleep(0, result={1, 2})\n"
    assert run_agent(write("a.py", source), store=store) == {1, 2}


def test_each_run_of_a_file_has_globals_of_its_own(store: Store, write: Write) -> None:
    source = "calls = []\ndef run(input_dict, tools):\n    calls.append(1)\n    return len(calls)\n"
    agent = write("a.py", source)
    assert [run_agent(agent, store=store) for _ in range(2)] == [1, 1]


def test_a_file_knows_its_place_and_is_not_the_main_module(store: Store, write: Write) -> None:
    source = "if __name__ == '__main__':\n    1 / 0\ndef run(input_dict, tools):\n    return __file__\n"
    agent = write("a.py", source)
    assert run_agent(agent, store=store) == str(agent)


def test_dataclasses_and_pickle_work_in_a_file(store: Store, write: Write) -> None:
    source = """
import pickle
from dataclasses import dataclass, field
from typing import ClassVar

@dataclass
class Point:
    kind: ClassVar[str] = "point"
    x: int
    tags: list[str] = field(default_factory=list)

def run(input_dict, tools):
    point = pickle.loads(pickle.dumps(Point(input_dict["x"], ["a"])))
    data_store.set("point", [point.x, point.tags, point.kind])
    return isinstance(point, Point)
"""
    assert run_agent(write("points.py", source), {"x": 3}, store=store) is True
    assert store.get("point") == [3, ["a"], "point"]


def test_a_file_is_compiled_by_its_own_future_imports_alone(store: Store, write: Write) -> None:
    source = "def run(input_dict: dict, tools: dict) -> list:\n    return run.__annotations__['return']\n"
    assert run_agent(write("a.py", source), store=store) is list
    postponed = "from __future__ import annotations\n" + source
    assert run_agent(write("b.py", postponed), store=store) == "list"


def test_a_file_in_another_encoding_says_so_itself(store: Store, tmp_path: Path) -> None:
    agent = tmp_path / "latin.py"
    agent.write_bytes("# coding: latin-1\ndef run(input_dict, tools):\n    return 'é'\n".encode("latin-1"))
    assert run_agent(agent, store=store) == "é"


def test_what_the_agent_raises_comes_out_with_its_traceback(store: Store, write: Write) -> None:
    source = "def divide(n):\n    return 1 / n\n\nasync def run(input_dict, tools):\n    return divide(0)\n"
    agent = write("divider.py", source)
    with pytest.raises(ZeroDivisionError) as raised:
        run_agent(agent, store=store)
    frames = traceback.extract_tb(raised.value.__traceback__)[-2:]
    assert [(frame.filename, frame.name, frame.lineno) for frame in frames] == [
        (str(agent), "run", 5),
        (str(agent), "divide", 2),
    ]
    assert frames[1].line == "return 1 / n"


def test_what_was_written_before_a_failure_stays(store: Store, write: Write) -> None:
    source = "def run(input_dict, tools):\n    data_store.set('k', 1)\n    data_store.set('k', {1})\n"
    with pytest.raises(TypeError, match=r"\$: set"):
        run_agent(write("a.py", source), store=store)
    assert store.get("k") == 1


@pytest.mark.parametrize("source", ["def walk(): ...\n", "run = 3\n", ""])
def test_a_file_without_a_run_function_is_named(store: Store, write: Write, source: str) -> None:
    agent = write("empty.py", source)
    with pytest.raises(TypeError, match=r"empty\.py defines no run\(input_dict, tools\)") as raised:
        run_agent(agent, store=store)
    assert str(agent) in str(raised.value)


def test_a_missing_or_malformed_file_is_an_error_that_names_it(store: Store, write: Write, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"missing\.py"):
        run_agent(tmp_path / "missing.py", store=store)
    with pytest.raises(SyntaxError) as raised:
        run_agent(write("bad.py", "def run(:\n"), store=store)
    assert (raised.value.filename, raised.value.lineno) == (str(tmp_path / "bad.py"), 1)


def test_a_directory_that_is_no_store_is_refused_before_the_agent_runs(tmp_path: Path, write: Write) -> None:
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "letter.txt").write_text("dear")
    agent = write("a.py", "1 / 0\n")
    with pytest.raises(fsstore.NotAStore):
        run_agent(agent, store=tmp_path / "notes")
