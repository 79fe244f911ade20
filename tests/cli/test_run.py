"""``fsstore run``: agents of both kinds, what they print, how they fail, how they are stopped."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import fsstore

from .command import ENTRY, Command, Result, process

PLAIN = """
def run(input_dict, tools):
    data_store.set("seen", input_dict)
    return {"count": len(input_dict), "agent": data_store.agent, "namespace": data_store.name}
"""
ASYNC = """
import asyncio

async def run(input_dict, tools):
    await asyncio.sleep(0)
    return {"got": input_dict, "stored": data_store.get("seen")}
"""


def agent(place: Path, text: str, name: str = "agent.py") -> str:
    (place / name).write_text(textwrap.dedent(text))
    return str(place / name)


def test_a_plain_and_an_async_agent_share_a_store(cli: Command, place: Path) -> None:
    first = process("run", agent(place, PLAIN, "first.py"), "--store", "state", "--input", '{"a": 1}')
    assert first == (0, '{"count":1,"agent":"first","namespace":"default"}\n', "")
    second = process("run", agent(place, ASYNC, "second.py"), "--store", "state")
    assert second == (0, '{"got":{},"stored":{"a":1}}\n', "")
    with fsstore.open(place / "state", create=False) as store:
        assert store.info("seen").updated_by == "first"


def test_agent_and_namespace(cli: Command, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = agent(place, PLAIN)
    words = ("run", path, "--store", "state", "--namespace", "other")
    assert cli(*words, "--agent", "bob").document == {"count": 0, "agent": "bob", "namespace": "other"}
    monkeypatch.setenv("FSSTORE_AGENT", "eve")
    assert cli(*words).document["agent"] == "eve"


def test_without_store_the_usual_one_is_meant_and_none_is_made(cli: Command, place: Path, directory: Path) -> None:
    path = agent(place, PLAIN)
    assert cli("run", path).status == 0
    assert cli.ok("get", "seen") == "{}\n"
    assert cli("-C", "..", "run", path).status == 2
    assert not (place / "fsstore.json").exists()


def test_input_from_standard_input_and_from_a_file(cli: Command, place: Path) -> None:
    path = agent(place, "def run(input_dict, tools): return input_dict")
    (place / "in.json").write_text('{"from": "file"}')
    assert cli.ok("run", path, "--store", "s", "--input", "@in.json") == '{"from":"file"}\n'
    assert cli.ok("run", path, "--store", "s", "--input", "-", stdin=b'{"from": "stdin"}') == '{"from":"stdin"}\n'


@pytest.mark.parametrize("given", ["[1]", "null", "{", "nonsense"])
def test_input_is_an_object(cli: Command, place: Path, given: str) -> None:
    result = cli("run", agent(place, PLAIN), "--store", "state", "--input", given)
    assert (result.status, result.out) == (4, "")
    assert "--input" in result.err
    assert not (place / "state").exists()


def test_nothing_but_the_result_is_on_stdout(place: Path) -> None:
    path = agent(
        place,
        """
        import os, subprocess, sys
        print("module")
        def run(input_dict, tools):
            print("run")
            sys.stdout.write("write\\n")
            sys.stdout.flush()
            subprocess.run(["echo", "child"], check=True)
            print("late")
            return "result"
        """,
    )
    result = process("run", path, "--store", "state")
    assert (result.status, result.out) == (0, '"result"\n')
    assert sorted(result.err.split()) == ["child", "late", "module", "run", "write"]


def test_operations_are_told_on_stderr(cli: Command, place: Path) -> None:
    result = cli("run", agent(place, PLAIN), "--store", "state", "--ops", "--input", '{"a": 1}')
    assert result.document["count"] == 1
    assert [json.loads(line) for line in result.err.splitlines()] == [
        {
            "op": "set",
            "namespace": "default",
            "key": "seen",
            "agent": "agent",
            "found": False,
            "count": 1,
            "preview": '{"a":1}',
        }
    ]


def test_the_agent_is_like_a_script(place: Path) -> None:
    (place / "lib").mkdir()
    agent(place, "NAME = 'neighbour'", "lib/beside_the_agent.py")
    path = agent(
        place,
        """
        import sys, beside_the_agent
        def run(input_dict, tools):
            return [beside_the_agent.NAME, sys.argv, sys.path[0]]
        """,
        "lib/agent.py",
    )
    assert process("run", path, "--store", "state").document == ["neighbour", [path], f"{place}/lib"]
    assert process("run", "lib/agent.py", "--store", "state").document[2] == f"{place}/lib"


FAILING = """
def deeper():
    raise ZeroDivisionError("the reason")

{kind} run(input_dict, tools):
    data_store.set("before", True)
    deeper()
"""


@pytest.mark.parametrize("kind", ["def", "async def"])
def test_a_failing_agent_is_status_1_with_its_own_traceback(cli: Command, place: Path, kind: str) -> None:
    path = agent(place, FAILING.format(kind=kind))
    result = process("run", path, "--store", "state")
    assert (result.status, result.out) == (1, "")
    lines = result.err.splitlines()
    assert lines[0] == "Traceback (most recent call last):"
    assert lines[1] == f'  File "{path}", line 7, in run'
    assert lines[-1] == "ZeroDivisionError: the reason"
    assert "fsstore/" not in result.err
    assert "asyncio" not in result.err
    assert cli.ok("-C", "state", "get", "before") == "true\n"


def test_a_failure_as_json(cli: Command, place: Path) -> None:
    path = agent(place, FAILING.format(kind="def"))
    result = cli("run", path, "--store", "state", "--json")
    assert (result.status, result.out) == (1, "")
    error = result.error
    assert (error["error"], error["message"], error["exit"]) == ("ZeroDivisionError", "the reason", 1)
    assert error["agent_file"] == path
    assert error["traceback"].startswith(f'Traceback (most recent call last):\n  File "{path}", line 7, in run\n')


def test_what_the_store_refuses_is_the_agents_failure(cli: Command, place: Path) -> None:
    path = agent(
        place,
        """
        def run(input_dict, tools):
            data_store.set("k", {"tags": {1, 2}})
        """,
    )
    result = cli("run", path, "--store", "state")
    assert result.status == 1
    assert f'File "{path}", line 3, in run' in result.err
    assert "namespace.py" not in result.err
    assert result.err.splitlines()[-1].startswith("fsstore.errors.UnsupportedType: ")
    assert "$.tags" in result.err


def test_causes_are_shown(cli: Command, place: Path) -> None:
    path = agent(
        place,
        """
        def run(input_dict, tools):
            try:
                data_store["none"]
            except KeyError as error:
                raise ValueError("outer") from error
        """,
    )
    result = cli("run", path, "--store", "state")
    assert result.status == 1
    assert "fsstore.errors.NotFound: " in result.err
    assert "direct cause" in result.err
    assert "namespace.py" not in result.err
    assert result.err.splitlines()[-1] == "ValueError: outer"


@pytest.mark.parametrize(
    ("text", "last"),
    [
        ("def run(:", "SyntaxError: invalid syntax"),
        ("import no_such_module_at_all", "ModuleNotFoundError: No module named 'no_such_module_at_all'"),
        ("import sys\ndef run(input_dict, tools): sys.exit(3)", "SystemExit: 3"),
        ("import sys\nsys.exit()", "SystemExit"),
        ("import asyncio\nasync def run(a, b): raise asyncio.CancelledError", "asyncio.exceptions.CancelledError"),
    ],
)
def test_every_other_end_is_status_1_too(cli: Command, place: Path, text: str, last: str) -> None:
    result = cli("run", agent(place, text), "--store", "state")
    assert (result.status, result.out) == (1, "")
    assert result.err.splitlines()[-1] == last
    assert "runner.py" not in result.err


def test_a_file_without_run_says_what_is_missing(cli: Command, place: Path) -> None:
    result = cli("run", agent(place, "x = 1"), "--store", "state")
    assert result.status == 1
    assert "defines no run(input_dict, tools)" in result.err
    assert "File " not in result.err


@pytest.mark.parametrize("path", ["nowhere.py", ""])
def test_a_file_that_is_not_there_is_usage(cli: Command, place: Path, path: str) -> None:
    result = cli("run", path, "--store", "state")
    assert (result.status, result.out) == (2, "")
    assert result.err.startswith(f"fsstore: AGENT.py {path}: ")
    assert not (place / "state").exists()


def test_a_result_that_is_no_json_is_status_4_with_its_path(cli: Command, place: Path) -> None:
    path = agent(place, "def run(input_dict, tools): return {'a': [1, {'when': {2}}]}")
    result = cli("run", path, "--store", "state")
    assert (result.status, result.out) == (4, "")
    assert result.err.startswith("fsstore: what the agent returned has no JSON form: $.a[1].when: set is no JSON type")
    error = cli("run", path, "--store", "state", "--json").error
    assert (error["error"], error["json_path"], error["exit"]) == ("UnsupportedType", "$.a[1].when", 4)
    path = agent(place, "def run(input_dict, tools): return [float('nan')]")
    assert cli("run", path, "--store", "state", "--json").error["json_path"] == "$[0]"


def test_a_result_is_printed_as_the_store_would_keep_it(cli: Command, place: Path) -> None:
    path = agent(place, "def run(input_dict, tools): return {1: (True, None), 'big': 10**30}")
    assert cli.ok("run", path, "--store", "state") == f'{{"1":[true,null],"big":{10**30}}}\n'


def test_a_directory_with_other_content_is_no_store(cli: Command, place: Path) -> None:
    path = agent(place, PLAIN)
    assert cli("run", path, "--store", str(place)).status == 4
    assert cli("run", path, "--store", "").status == 2


def test_a_plain_agent_may_use_asyncio_itself(cli: Command, place: Path) -> None:
    path = agent(
        place,
        """
        import asyncio
        async def work():
            return data_store.name
        def run(input_dict, tools):
            return asyncio.run(work())
        """,
    )
    assert cli.ok("run", path, "--store", "state") == '"default"\n'


@pytest.mark.parametrize(
    "text",
    [
        "import signal\ndef run(a, b):\n    print('started', flush=True)\n    while True: signal.pause()",
        "import asyncio\nasync def run(a, b):\n    print('started', flush=True)\n    await asyncio.Event().wait()",
        "import signal\nasync def run(a, b):\n    print('started', flush=True)\n    while True: signal.pause()",
    ],
)
def test_one_interrupt_ends_it_without_a_traceback(place: Path, text: str) -> None:
    path = agent(place, text)
    with subprocess.Popen(
        [*ENTRY, "run", path, "--store", "state"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as running:
        assert running.stderr is not None
        assert running.stdout is not None
        assert running.stderr.readline() == "started\n"
        running.send_signal(signal.SIGINT)
        result = Result(running.wait(60), running.stdout.read(), running.stderr.read())
    assert result == (130, "", "")


def test_the_process_is_as_before_after_a_run(cli: Command, place: Path) -> None:
    before = (signal.getsignal(signal.SIGINT), list(sys.path), list(sys.argv), sys.stdout)
    cli.ok("run", agent(place, PLAIN), "--store", "state")
    assert (signal.getsignal(signal.SIGINT), list(sys.path), list(sys.argv)) == before[:3]
    assert sys.stdout is before[3]
