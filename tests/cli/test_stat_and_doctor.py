"""``fsstore stat`` and ``fsstore doctor``: what the store knows, and what is wrong in it."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

import fsstore

from .command import Command, process


@pytest.fixture(autouse=True)
def _records(directory: Path) -> None:
    with fsstore.open(directory, agent="filler") as store:
        store.set("k", {"a": "é"}, {"source": "test"})
        store.use_namespace("x:y").set_many({"one": 1, "two": 2})


def test_the_record_of_a_key(cli: Command, directory: Path) -> None:
    with fsstore.open(directory) as store:
        record = store.info("k").as_dict()
    assert cli("stat", "k", "--json").document == record
    lines = [line.split(maxsplit=1) for line in process("stat", "k").out.splitlines()]
    assert [name for name, _ in lines] == list(record)
    shown = dict(lines)
    assert shown["value"] == '{"a":"é"}'
    assert shown["metadata"] == '{"source":"test"}'
    assert shown["updated_by"] == "filler"
    assert shown["size"] == str(record["size"])
    assert shown["path"] == f"{directory}/default/k.json"


def test_no_such_key_is_status_1(cli: Command) -> None:
    result = cli("stat", "none")
    assert (result.status, result.out) == (1, "")


def test_usage_of_the_store(cli: Command, directory: Path) -> None:
    size = (directory / "default" / "k.json").stat().st_size
    assert cli("stat", "--json").document == {
        "namespaces": {"default": {"keys": 1, "bytes": size}, "x:y": {"keys": 2, "bytes": 4}},
        "total": {"namespaces": 2, "keys": 3, "bytes": size + 4},
    }
    assert [line.split() for line in cli.ok("stat").splitlines()] == [
        ["keys", "bytes", "namespace"],
        ["1", str(size), "default"],
        ["2", "4", "x:y"],
        ["3", str(size + 4), "total", "of", "2"],
    ]


def test_usage_of_one_namespace(cli: Command) -> None:
    assert cli("stat", "--json", "-n", "x:y").document["total"] == {"namespaces": 1, "keys": 2, "bytes": 4}
    assert cli("stat", "--json", "-n", "none").document["total"] == {"namespaces": 0, "keys": 0, "bytes": 0}


def test_a_healthy_store(cli: Command) -> None:
    assert cli("doctor") == (0, "", "fsstore: healthy\n")
    assert cli("doctor", "-q", "--json") == (0, "", "")


def test_findings_are_status_4(cli: Command, directory: Path) -> None:
    (directory / "default" / "k.json").write_text("[1,]")
    (directory / "two\nlines").write_text("")
    Path(os.fsdecode(os.fsencode(directory) + b"/\xff")).write_text("")
    result = process("doctor")
    assert result.status == 4
    assert result.err == "fsstore: 3 findings\n"
    assert [line.split(": ")[:2] for line in result.out.splitlines()] == [
        ['"two\\nlines"', "foreign"],
        ['"\\udcff"', "foreign"],
        ["default/k.json", "bad-value"],
    ]
    assert "line 1, column " in result.out
    found = process("doctor", "--json")
    assert found.status == 4
    assert [(each["path"], each["problem"]) for each in found.documents] == [
        ("two\nlines", "foreign"),
        ("\udcff", "foreign"),
        ("default/k.json", "bad-value"),
    ]
    assert all(set(each) == {"path", "problem", "detail", "repair"} for each in found.documents)


def test_verbs_that_read_write_nothing(cli: Command, directory: Path) -> None:
    shutil.rmtree(directory / ".fsstore")
    for words in (
        ("get", "k"),
        ("ls", "-l"),
        ("ns", "-l"),
        ("stat",),
        ("stat", "k"),
        ("doctor",),
        ("del", "--all", "--dry-run"),
    ):
        assert cli(*words).status == 0, words
        assert not (directory / ".fsstore").exists(), words


def test_a_store_that_must_not_be_written_is_status_5(cli: Command, directory: Path) -> None:
    marker = json.loads((directory / "fsstore.json").read_text())
    (directory / "fsstore.json").write_text(json.dumps({**marker, "format": 99}))
    assert cli.ok("get", "k") == '{"a":"é"}\n'
    result = cli("set", "k", "1")
    assert (result.status, result.out) == (5, "")
    assert "format is 99" in result.err


def test_foreign_files_alone_are_no_failure(cli: Command, directory: Path) -> None:
    cli.ok("set", "k", "1")
    (directory / "default" / "notes.txt").write_text("for people")
    result = cli("doctor")
    assert (result.status, "notes.txt: foreign" in result.out) == (0, True)
    (directory / "default" / "bad.json").write_text("{")
    assert cli("doctor").status == 4
