"""``fsstore history`` and ``fsstore blame``: the past of one key."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import fsstore

from .command import Command, on_terminal, process

ESCAPES = "evil\x1b[2J\x07"


def test_a_version_is_a_line_of_five_columns(past: Path) -> None:
    result = process("history", "greeting")
    assert (result.status, result.err) == (0, "")
    rows = [line.split("\t") for line in result.out.splitlines()]
    assert [row[2:] for row in rows] == [
        ["cleaner", "changed", '{"text":"hello\\nWorld\\nend\\n","n":1,"m":[true,null]}'],
        ["Ada", "changed", '{"text":"hello\\nWorld\\nend\\n","n":1}'],
        ["planner", "added", '{"text":"hello\\nworld\\nend\\n","n":1}'],
    ]
    assert [row[0] for row in rows] == [line.split("\t")[0] for line in process("log", "greeting").out.splitlines()]


def test_a_key_that_is_gone_has_a_history(past: Path, cli: Command) -> None:
    rows = [line.split("\t")[2:] for line in cli.ok("history", "gone").splitlines()]
    assert rows == [["cleaner", "removed", ""], ["planner", "added", "[1]"]]
    assert cli.ok("history", "x y", "-n", "a:b").endswith('\tadded\t"q"\n')


def test_history_in_json(past: Path, cli: Command) -> None:
    newest, oldest = cli("history", "gone", "--json").documents
    assert (newest["kind"], newest["old"], "new" in newest) == ("removed", [1], False)
    assert (oldest["kind"], "old" in oldest, oldest["new"]) == ("added", False, [1])
    assert newest["commit"] == cli("log", "gone", "--json").documents[0]
    assert len(cli("history", "greeting", "--json", "--limit", "2").documents) == 2


def test_history_with_what_was_changed(past: Path, cli: Command) -> None:
    newest, edit, oldest = cli.ok("history", "greeting", "-p").rstrip("\n").split("\n\n")
    assert newest.splitlines()[0].split("\t")[2:] == ["cleaner", "changed"]
    assert newest.splitlines()[1:] == ["@ /m", "+ [", "+   true,", "+   null", "+ ]"]
    assert edit.splitlines()[1:] == ["@ /text", "  |", "    hello", "-   world", "+   World", "    end"]
    assert oldest.splitlines()[1:3] == ["+ {", '+   "text": |']
    steps = [each["details"] for each in cli("history", "greeting", "--json").documents]
    assert steps[0] == [{"op": "add", "path": "/m", "new": [True, None]}]
    assert [[step["path"] for step in each] for each in steps[1:]] == [["/text"], []]


def test_a_version_that_is_no_value_is_told(past: Path, cli: Command) -> None:
    (past / "default" / "greeting.json").write_text("[1,]")
    with fsstore.open(past) as store:
        store.snapshot(verify=True)
    first = cli.ok("history", "greeting", "--limit", "1").split("\t")
    assert first[3] == "changed"
    assert first[4].startswith("(no value: ")
    newest = cli("history", "greeting", "--json").documents[0]
    assert newest["new_error"]["error"] == "BadValue"
    assert newest["old"]["n"] == 1


def test_a_key_that_never_was_is_status_1(past: Path, cli: Command) -> None:
    result = cli("history", "nonsense")
    assert result == (1, "", "fsstore: no commit holds a key 'nonsense' of namespace 'default'\n")
    assert cli("history", "greeting", "-n", "a:b").status == 1


@pytest.mark.parametrize("words", [("history",), ("history", "k", "--limit", "0"), ("blame",), ("blame", "a", "b")])
def test_usage(past: Path, cli: Command, words: tuple[str, ...]) -> None:
    assert cli(*words).status == 2


def test_who_gave_each_member_what_it_holds(past: Path, cli: Command) -> None:
    result = process("blame", "greeting")
    assert (result.status, result.err) == (0, "")
    rows = [line.split("\t")[2:] for line in result.out.splitlines()]
    assert rows == [
        ["Ada", "text", '"hello\\nWorld\\nend\\n"'],
        ["planner", "n", "1"],
        ["cleaner", "m", "[true,null]"],
    ]
    documents = cli("blame", "greeting", "--json").documents
    assert [(each["member"], each["commit"]["author"]) for each in documents] == [
        ("text", "Ada"),
        ("n", "planner"),
        ("m", "cleaner"),
    ]
    assert documents[1]["value"] == 1


def test_of_a_value_that_is_no_object_there_is_one_line(past: Path, cli: Command) -> None:
    (line,) = cli.ok("blame", "x y", "-n", "a:b").splitlines()
    assert line.split("\t")[2:] == ["planner", "", '"q"']
    assert cli("blame", "x y", "-n", "a:b", "--json").document["member"] is None


def test_blame_of_no_key_is_status_1(past: Path, cli: Command) -> None:
    for key in ("gone", "nonsense"):
        result = cli("blame", key)
        assert (result.status, result.out) == (1, "")
        assert result.err.startswith("fsstore: commit ")
        assert result.err.endswith(f" has no key '{key}' in namespace 'default'.\n")


def test_a_key_that_no_snapshot_has_is_told_so(past: Path, cli: Command) -> None:
    cli.ok("set", "new", "1")
    error = cli("blame", "new", "--json").error
    assert (error["error"], error["key"]) == ("NotFound", "new")
    assert error["message"] == f"commit {error['revision'][:10]} has no key 'new' in namespace 'default'."


def test_a_terminal_shows_columns_the_beginning_of_long_values_and_no_control_characters(past: Path) -> None:
    with fsstore.open(past) as store, store.run(agent=ESCAPES) as data_store:
        data_store.set("odd", {ESCAPES: "\x7f\x9b", "long": "x" * 500, "": 1})
    for verb in ("history", "blame"):
        plain = on_terminal(verb, "odd")
        assert plain.replace("\n", "").isprintable()
        assert max(map(len, plain.splitlines())) < 200
        coloured = on_terminal(verb, "odd", TERM="xterm")
        assert coloured.startswith("\x1b[33m")
        assert re.sub("\x1b\\[[0-9]*m", "", coloured) == plain
    assert f'"{"x" * 58}…' in on_terminal("blame", "odd")
    assert '"evil\\u001b[2J\\u0007"' in on_terminal("blame", "odd")
    assert "x" * 500 in process("blame", "odd").out
