"""``fsstore find`` and ``fsstore grep``: how conditions are written, what is printed, and how to go on."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

import fsstore
from fsstore.cli import conditions
from fsstore.cli.arguments import UsageError

from .command import Command, process, shell
from .live import Live

VALUES = {
    "job:1": {"state": "done", "size": 3, "note": "first line\nsecond Line"},
    "job:2": {"state": "new", "size": 12},
    "job:3": {"state": "new", "size": 12.5, "tags": ["a", "b"]},
    "odd=key\x07": "a line",
}


@pytest.fixture(autouse=True)
def _filled(directory: Path) -> None:
    with fsstore.open(directory) as store:
        store.set_many(VALUES)


def keys(cli: Command, *words: str) -> list[str]:
    result = cli("find", *words)
    assert result.status == (0 if result.out else 1)
    return [document["key"] for document in result.documents]


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (('state="new"',), ["job:2", "job:3"]),
        (('state!="new"', "--prefix", "job:"), ["job:1"]),
        (("size>12",), ["job:3"]),
        (("size>=12",), ["job:2", "job:3"]),
        (("size<12",), ["job:1"]),
        (("size<=12", 'state="new"'), ["job:2"]),
        (("size>3", "size<12.5"), ["job:2"]),
        (('tags.1="b"',), ["job:3"]),
        (('{"tags": {"contains": "a"}, "size": 12.5}',), ["job:3"]),
        (('tags=["a", "b"]',), ["job:3"]),
        (("--text", "second"), ["job:1"]),
        (("--text", "line", "state=true"), []),
        ((), [*VALUES]),
        (("--after", "job:2"), ["job:3", "odd=key\x07"]),
        (("--verify", "size=3"), ["job:1"]),
    ],
)
def test_what_is_found(cli: Command, words: tuple[str, ...], found: list[str]) -> None:
    assert keys(cli, *words) == found


def test_conditions_may_come_from_a_file_or_standard_input(cli: Command, place: Path) -> None:
    (place / "where.json").write_text('{"size": {"gt": 3}}')
    assert keys(cli, "@../where.json", "size<12.5") == ["job:2"]
    result = cli("find", "-", stdin=b'{"state": "done"}')
    assert [hit["key"] for hit in result.documents] == ["job:1"]


@pytest.mark.parametrize(
    ("words", "parsed"),
    [
        ([], {}),
        (["a.b=1"], {"a.b": {"eq": 1}}),
        (["a>=1", "a<2"], {"a": {"gte": 1, "lt": 2}}),
        (['a="x=y>z"'], {"a": {"eq": "x=y>z"}}),
        (["=1"], {"": {"eq": 1}}),
        (["a=\n{}"], {"a": {"eq": {}}}),
        (['{"a": [1], "b": {"in": [2]}}'], {"a": {"eq": [1]}, "b": {"in": [2]}}),
    ],
)
def test_how_conditions_are_written(words: list[str], parsed: dict[str, Any]) -> None:
    assert conditions.parse(words) == parsed


@pytest.mark.parametrize("words", [["a"], ["a=1", "a=2"], [""]])
def test_what_is_no_condition_is_usage(cli: Command, words: list[str]) -> None:
    with pytest.raises(UsageError):
        conditions.parse(words)
    assert cli("find", *words).status == 2


@pytest.mark.parametrize("word", ["state=done", '{"a": {"nope": 1}}', "{", "a>[1]"])
def test_a_condition_that_makes_no_sense_is_bad_data(cli: Command, word: str) -> None:
    result = cli("find", word)
    assert (result.status, result.out) == (4, "")


def test_a_string_wants_its_quotes(cli: Command) -> None:
    result = cli("find", "state=done")
    assert result.err.startswith("fsstore: what follows state= is no JSON value: line 1, column 1: ")
    assert result.err.endswith("A string wants its quotes: 'state=\"done\"'.\n")


def test_in_a_pipe_documents_and_on_a_terminal_lines(cli: Command) -> None:
    found = process("find", "size=12")
    assert found == (0, '{"key":"job:2","value":{"state":"new","size":12}}\n', "")
    assert process("find", "size=12", "--keys").out == "job:2\n"
    assert process("find", "size=12", "--keys", "--json").out == '{"key":"job:2"}\n'
    with Live("find", "--prefix", "", terminal=(24, 200)) as live:
        assert live.wait() == (0, "")
        shown = live.out.splitlines()
    assert shown[1] == 'job:2            {"state":"new","size":12}'
    assert shown[3] == '"odd=key\\u0007"  "a line"'


def test_none_is_status_1(cli: Command) -> None:
    assert cli("find", "size=4") == (1, "", "")
    assert cli("grep", "nowhere") == (1, "", "")


def test_how_to_go_on(cli: Command) -> None:
    first = cli("find", "--limit", "2")
    assert [hit["key"] for hit in first.documents] == ["job:1", "job:2"]
    assert first.err == "fsstore: there are more; go on with the same and --after=job:2\n"
    first = cli("grep", "line", "-i", "--limit", "1")
    assert first.out == "job:1\t$.note\tfirst line\n"
    done = shell(f"fsstore grep line -i {first.err.strip().rpartition('the same and ')[2]}")
    assert done.stdout.decode() == 'job:1\t$.note\tsecond Line\n"odd=key\\u0007"\t$\ta line\n'


def test_a_file_that_cannot_be_read_is_said_and_status_4(cli: Command, directory: Path) -> None:
    path = directory / "default" / "bad.json"
    path.write_text("{")
    os.utime(path, (1, 1))
    for words in (("find", "size=3", "--keys"), ("grep", "first")):
        result = cli(*words)
        assert (result.status, result.out.startswith("job:1")) == (4, True)
        assert result.err == "fsstore: 1 unreadable, the first: 'bad'; fsstore doctor says what is wrong with them\n"


def test_the_lines_in_which_a_pattern_is(cli: Command) -> None:
    assert process("grep", "^(first|new)") == (
        0,
        "job:1\t$.note\tfirst line\njob:2\t$.state\tnew\njob:3\t$.state\tnew\n",
        "",
    )
    assert cli("grep", "line", "--prefix", "job:", "--json").documents == [
        {"key": "job:1", "path": "$.note", "line": "first line"}
    ]
    assert len(cli.ok("grep", "-i", "LINE").splitlines()) == 3


def test_a_terminal_shows_what_was_found_in_it(cli: Command) -> None:
    with Live("grep", "i[ns]", "--prefix", "job:1", terminal=(24, 200), TERM="xterm") as live:
        assert live.wait() == (0, "")
        assert "f\x1b[31mir" not in live.out
        assert "l\x1b[31min\x1b[me" in live.out


def test_a_pattern_that_is_none_is_bad_data(cli: Command) -> None:
    result = cli("grep", "(")
    assert (result.status, result.out) == (4, "")
    assert "is no regular expression" in result.err


@pytest.mark.parametrize("words", [("find", "--limit", "0"), ("grep", "a", "--limit", "0"), ("grep",)])
def test_what_cannot_be_meant_is_usage(cli: Command, words: tuple[str, ...]) -> None:
    assert cli(*words).status == 2


def test_what_is_declared_is_asked_of_the_index(cli: Command, directory: Path) -> None:
    with fsstore.open(directory) as store:
        store.index("n")
    index = directory / ".fsstore/index/find.sqlite"
    assert not index.exists()
    cli("find", "n=1")
    assert index.exists()
