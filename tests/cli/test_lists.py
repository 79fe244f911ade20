"""``fsstore ls`` and ``fsstore ns``: order, prefix, pages, long form."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import fsstore

from .command import Command, process, shell

KEYS = ["A", "a", "a/b", "a:b", "b c", "é"]


@pytest.fixture(autouse=True)
def _keys(directory: Path) -> None:
    with fsstore.open(directory, agent="filler") as store:
        store.set_many({key: key for key in KEYS})
        store.use_namespace("x:y").set("k", [1, 2])


def test_keys_are_sorted_by_code_point(cli: Command) -> None:
    assert process("ls") == (0, "".join(f"{key}\n" for key in KEYS), "")
    assert cli("ls", "--json").documents == [{"key": key} for key in KEYS]
    assert cli.ok("ls", "-n", "none") == ""


def test_a_prefix_is_a_string_prefix(cli: Command) -> None:
    assert cli.ok("ls", "a").splitlines() == ["a", "a/b", "a:b"]
    assert cli.ok("ls", "").splitlines() == KEYS
    assert cli("ls", "zz") == (0, "", "")


def test_pages(cli: Command) -> None:
    first = cli("ls", "--limit", "4")
    assert first.out.splitlines() == KEYS[:4]
    assert first.err == "fsstore: there are more; go on with: fsstore ls --limit 4 --after=a:b\n"
    assert cli("ls", "--limit", "4", "--after=a:b") == (0, "b c\né\n", "")
    assert cli("ls", "--limit", "6").err == ""
    assert cli("ls", "--limit", "4", "-q").err == ""
    assert cli("ls", "--after", "b").out.splitlines() == ["b c", "é"]


def test_the_way_on_can_be_pasted(directory: Path) -> None:
    with fsstore.open(directory, namespace="odd one") as store:
        store.set_many(dict.fromkeys(["-a", "-b'\x1b", "-c", "d"], 1))
    seen = []
    command = "fsstore -n 'odd one' ls --limit 1 -- -"
    for _ in range(3):
        done = shell(command)
        seen += done.stdout.decode().splitlines()
        command = done.stderr.decode().partition("go on with: ")[2]
    assert seen == ["-a", "-b'\x1b", "-c"]
    assert command == ""


@pytest.mark.parametrize("limit", ["0", "-1", "x", ""])
def test_a_limit_is_a_positive_number(cli: Command, limit: str) -> None:
    assert cli("ls", "--limit", limit).status == 2


def test_long(cli: Command, directory: Path) -> None:
    with fsstore.open(directory) as store:
        record = store.info("a")
    line = cli.ok("ls", "-l", "a", "--limit", "1")
    assert line.split() == ["4", record.updated_at, "filler", "a"]
    assert cli("ls", "-l", "a", "--limit", "1", "--json").documents == [
        {"key": "a", "size": 4, "updated_at": record.updated_at, "updated_by": "filler"}
    ]


def test_long_lists_the_others_beside_a_bad_file(cli: Command, directory: Path) -> None:
    (directory / "default" / "b c.json").write_text("{")
    os.utime(directory / "default" / "b c.json", (1, 1))
    result = cli("ls", "-l")
    assert result.status == 4
    assert [line.split()[-1] for line in result.out.splitlines()] == ["A", "a", "a/b", "a:b", "c", "é"]
    assert "1 unreadable, the first: 'b c'" in result.err
    rows = cli("ls", "--json", "-l").documents
    assert [row["key"] for row in rows if "error" in row] == ["b c"]
    assert len(rows) == 6


def test_namespaces(cli: Command) -> None:
    assert process("ns") == (0, "default\nx:y\n", "")
    assert cli.ok("ns", "x") == "x:y\n"
    assert cli("ns", "--json").documents == [{"namespace": "default"}, {"namespace": "x:y"}]
    cli.ok("del", "--all")
    assert cli.ok("ns") == "x:y\n"


def test_namespaces_with_counts(cli: Command, directory: Path) -> None:
    size = (directory / "x%3Ay" / "k.json").stat().st_size
    assert [line.split() for line in cli.ok("ns", "-l", "x").splitlines()] == [["1", str(size), "x:y"]]
    assert cli("ns", "-l", "x", "--json").documents == [{"namespace": "x:y", "keys": 1, "bytes": size}]
