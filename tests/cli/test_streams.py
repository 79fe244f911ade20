"""Pipes that close, disks that are full, streams that are not there, and terminals."""

from __future__ import annotations

from pathlib import Path

import pytest

import fsstore

from .command import Command, on_terminal, process, shell

ESCAPES = "evil\x1b[2J\x07"


@pytest.fixture
def filled(directory: Path) -> Path:
    """Two thousand keys with long names, and a string of 100,000 lines: more than a pipe holds, both."""
    with fsstore.open(directory) as store:
        store.set_many({f"{number:04}{'x' * 150}": number for number in range(2000)})
        store.use_namespace("text").set("big", "line\n" * 100_000)
    return directory


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_reader_that_leaves_is_no_error(filled: Path, unbuffered: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONUNBUFFERED", unbuffered)
    for command, first in (("fsstore ls", f"0000{'x' * 150}"), ("fsstore -n text get --raw big", "line")):
        done = shell(f'{command} | head -1; echo "${{PIPESTATUS[0]}}"')
        assert done.stdout.decode().splitlines() == [first, "141"]
        assert done.stderr == b""


def test_all_lines_arrive(filled: Path) -> None:
    assert process("-n", "text", "get", "--raw", "big").out == "line\n" * 100_000 + "\n"
    assert len(process("ls", "--json").documents) == 2000


def test_talk_nobody_hears_is_no_error(directory: Path) -> None:
    done = shell("fsstore del none 2>&1 >&- | true; echo ${PIPESTATUS[0]}")
    assert done.stdout == b"1\n"


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_full_disk_is_status_5(filled: Path, unbuffered: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONUNBUFFERED", unbuffered)
    done = shell("fsstore ls > /dev/full")
    assert (done.returncode, done.stderr) == (5, b"fsstore: cannot write the output: No space left on device\n")


def test_closed_streams(directory: Path) -> None:
    done = shell(
        """
        fsstore set k 1 >&- 2>&- <&-; echo $?
        fsstore get k >&-; echo $?
        fsstore get none 2>&-; echo $?
        echo 'def run(a, b): print(1); data_store.set("r", 2); return 3' > ../agent.py
        fsstore run ../agent.py >&- 2>&-; echo $?
        fsstore get r
        """
    )
    assert done.stdout.decode().split() == ["0", "0", "1", "0", "2"]
    assert done.stderr == b""
    with fsstore.open(directory) as store:
        assert list(store.doctor()) == []


def test_values_are_pretty_on_a_terminal_and_compact_elsewhere(cli: Command, directory: Path) -> None:
    cli.ok("set", "k", '{"a": [1, "é"]}')
    assert on_terminal("get", "k") == '{\n  "a": [\n    1,\n    "é"\n  ]\n}\n'
    assert on_terminal("get", "k", "--json") == '{"a":[1,"é"]}\n'
    assert process("get", "k").out == '{"a":[1,"é"]}\n'


def test_no_name_and_no_value_moves_the_cursor(directory: Path) -> None:
    with fsstore.open(directory, agent=ESCAPES) as store:
        store.set_many({ESCAPES: ["\x1b]0;title\x07", "\x7f\x9b\u202e", "日本"], "": 1, '"q"': 2, "plain é": 3})
        store.use_namespace(ESCAPES).set("k", 1)
    quoted = '"evil\\u001b[2J\\u0007"'
    assert on_terminal("ls").splitlines() == ['""', '"\\"q\\""', quoted, "plain é"]
    assert on_terminal("ns").splitlines() == ["default", quoted]
    for words in (("ls", "-l"), ("ns", "-l"), ("stat",), ("stat", ESCAPES), ("doctor",), ("del", "--all", "--dry-run")):
        seen = on_terminal(*words)
        assert seen.replace("\n", "").isprintable(), (words, seen)
    assert on_terminal("get", ESCAPES) == ('[\n  "\\u001b]0;title\\u0007",\n  "\\u007f\\u009b\\u202e",\n  "日本"\n]\n')


def test_a_pipe_gets_names_as_they_are(directory: Path) -> None:
    with fsstore.open(directory) as store:
        store.set(ESCAPES, 1)
    assert process("ls").out == f"{ESCAPES}\n"
    assert process("ls", "--json").documents == [{"key": ESCAPES}]
    assert "\x1b" not in process("get", f"{ESCAPES}?").err
