"""What ``--help`` says, and that each example in it does what it should."""

from __future__ import annotations

import importlib
import json
import re
from pathlib import Path

import pytest

import fsstore
from fsstore.cli import verbs

from .command import Command, process, shell

EXPECTED = {
    "init": "",
    "get": '"hello"',
    "set": "",
    "del": "cache:a\ncache:b",
    "ls": "project:alpha\nproject:beta",
    "ns": "       5            20  default",
    "run": '{"topic":"storage"}',
    "doctor": "",
    "backup": "",
    "incr": "3",
    "schema": "",
    "find": '{"key":"project:beta","value":12345}',
    "grep": "project:alpha\t$\talpha",
    "queue": '7\n{"to":"ada"}',
    "append": '["started"]',
    "lock": "building",
    "sweep": "",
    "completion": "",
    "export": '{"fsstore":"export","version":1,"prefix":"cache:"}\n'
    '{"namespace":"default","key":"cache:a","value":1}\n{"namespace":"default","key":"cache:b","value":2}\n'
    '{"end":{"keys":2}}',
    "import": "",
}


EXPECTED_OF_THE_PAST = {
    "edit": "",
    "wait": r'{"state":"done"}',
    "snapshot": r"[0-9a-f]{10}\t.*\tbefore the cleaning",
    "log": r"([0-9a-f]{10}\t.*\n){2}[0-9a-f]{10}\t.*\tplanner\t.*",
    "show": r'\{"text":"hello\\nWorld\\nend\\n","n":1\}',
    "diff": r"changed default greeting\n@ /m\n\+ \[\n\+   true,\n\+   null\n\+ \]",
    "history": r"([0-9a-f]{10}\t.*\tchanged\t.*\n){2}[0-9a-f]{10}\t.*\tadded\t.*",
    "blame": r"([0-9a-f]{10}\t.*\t(text|n|m)\t.*\n?){3}",
    "restore": r"set\tdefault\tgreeting",
    "gc": "",
}


def example(verb: str) -> str:
    text = importlib.import_module(f"fsstore.cli.verbs.{verbs.TABLE[verb].module}").EXAMPLE
    assert isinstance(text, str)
    return text


@pytest.fixture
def prepared(directory: Path) -> Path:
    """A store for the examples: 4 records and an agent."""
    with fsstore.open(directory) as store:
        store.set_many({"cache:a": 1, "cache:b": 2, "project:alpha": "alpha", "project:beta": 12345, "visits": 1})
    (directory.parent / "agent.py").write_text("def run(input_dict, tools): return input_dict")
    return directory


@pytest.mark.parametrize("verb", [*EXPECTED])
def test_the_example_works(prepared: Path, verb: str) -> None:
    before = {"run": "cp ../agent.py . ; ", "init": "cd .. ; "}.get(verb, "")  # a store cannot be made inside one
    done = shell(before + example(verb))
    assert (done.returncode, done.stdout.decode().rstrip("\n")) == (0, EXPECTED[verb]), done.stderr


@pytest.mark.parametrize("verb", [*EXPECTED_OF_THE_PAST])
def test_the_example_works_in_a_store_with_a_past(past: Path, verb: str) -> None:
    (past / "default" / "new.json").write_text("1\n")
    (past / "default" / "job").mkdir()
    (past / "default" / "job" / "7.json").write_text('{"state": "done"}')
    done = shell(example(verb))
    assert done.returncode == 0, done.stderr
    assert re.fullmatch(EXPECTED_OF_THE_PAST[verb], done.stdout.decode().rstrip("\n")), done.stdout


def test_the_example_of_stat(cli: Command, directory: Path) -> None:
    cli.ok("set", "greeting", '"hello"')
    done = shell(example("stat"))
    assert done.returncode == 0
    assert done.stdout.decode().splitlines()[:3] == [
        "namespace   default",
        "key         greeting",
        'value       "hello"',
    ]


def test_the_example_of_watch(prepared: Path) -> None:
    done = shell(example("watch"))
    told = sorted((each["kind"], each["key"]) for each in map(json.loads, done.stdout.splitlines()))
    assert (done.returncode, told) == (0, [("created", "project:alpha"), ("created", "project:beta")])


def test_examples_that_write_have_written(cli: Command, directory: Path) -> None:
    shell(f"{example('set')}; cd ..; {example('init')}")
    assert json.loads(cli.ok("get", "project:alpha")) == {"files": 12}
    assert (directory.parent / "notes" / "fsstore.json").is_file()


def test_every_verb_has_an_example_that_is_tested() -> None:
    assert {*EXPECTED, *EXPECTED_OF_THE_PAST, "stat", "watch"} == set(verbs.TABLE)


@pytest.mark.parametrize("verb", [*verbs.TABLE])
def test_the_help_of_a_verb_needs_no_store(cli: Command, verb: str) -> None:
    result = cli(verb, "--help")
    assert (result.status, result.err) == (0, "")
    assert result.out.startswith(f"usage: fsstore {verb} [-h]")
    assert result.out.endswith(f"example:\n  {example(verb)}\n")
    assert "-n NAMESPACE" in result.out


def test_the_help_of_all_names_each_verb() -> None:
    result = process("--help")
    assert (result.status, result.err) == (0, "")
    width = max(map(len, verbs.TABLE))
    for name, verb in verbs.TABLE.items():
        assert f"  {name.ljust(width)}  {verb.summary}\n" in result.out
    assert "Exit status: 0 ok, 1 not found" in result.out
