"""``fsstore incr`` and ``fsstore append``: values that change in one step."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

import fsstore

from .command import ENTRY, Command, process

pytestmark = pytest.mark.usefixtures("directory")


def test_a_number_grows_and_is_printed(cli: Command) -> None:
    assert process("incr", "n") == (0, "1\n", "")
    assert cli.ok("incr", "n", "41") == "42\n"
    assert cli.ok("incr", "n", "-2") == "40\n"
    assert cli.ok("incr", "n", "0.5") == "40.5\n"
    assert cli.ok("incr", "-n", "other", "--", "-k", "-1") == "-1\n"
    assert cli("incr", "n", "--json").document == 41.5


def test_what_is_no_number_stays(cli: Command) -> None:
    cli.ok("set", "text", '"a"')
    result = cli("incr", "text")
    assert (result.status, result.out) == (4, "")
    assert "increment() adds to a number; the value is of type str" in result.err
    for by in ("true", '"1"', "[]"):
        assert cli("incr", "n", by).status == 2
    assert cli("incr", "n", "x").status == 4
    assert cli("get", "n").status == 1


def test_of_those_who_add_at_once_none_is_lost(directory: Path) -> None:
    running = [subprocess.Popen([*ENTRY, "incr", "n"], stdout=subprocess.PIPE, cwd=directory) for _ in range(6)]
    told = sorted(int(each.communicate()[0]) for each in running)
    assert told == [1, 2, 3, 4, 5, 6]
    with fsstore.open(directory) as store:
        assert store.get("n") == 6


def test_an_item_is_added_and_the_list_printed(cli: Command, place: Path) -> None:
    assert process("append", "log", '{"a": 1}') == (0, '[{"a":1}]\n', "")
    assert cli.ok("append", "log", "--string", "two words") == '[{"a":1},"two words"]\n'
    (place / "item.json").write_text("[3]")
    assert cli.ok("append", "log", "@../item.json", "--maxlen", "2") == '["two words",[3]]\n'
    assert cli.ok("append", "log", "-", "--maxlen", "1", stdin=b"null") == "[null]\n"


def test_what_cannot_be_appended(cli: Command) -> None:
    cli.ok("set", "n", "1")
    assert cli("append", "n", "1").status == 4
    assert cli("append", "log", "1", "--maxlen", "0").status == 2
    assert cli("append", "log", "{").err.endswith(" To append it as text, use --string.\n")
    assert cli("get", "log").status == 1
