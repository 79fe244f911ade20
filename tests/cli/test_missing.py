"""A key that is not there: what is said of it, and how far is looked for another."""

from __future__ import annotations

from pathlib import Path

import pytest

import fsstore
from fsstore.cli import missing

from .command import Command, process


def test_where_else_it_is(cli: Command, directory: Path) -> None:
    with fsstore.open(directory) as store:
        store.use_namespace("files:apache/x").set("src/main.py", 1)
        store.set("src/main.p", 1)
    told = "fsstore: no key 'src/main.py' in 'default'; it exists in 'files:apache/x'\n"
    assert process("get", "src/main.py") == (1, "", told)
    assert cli("get", "src/main.py", "-q") == (1, "", "")


def test_several_places(cli: Command, directory: Path) -> None:
    with fsstore.open(directory) as store:
        for number in range(5):
            store.use_namespace(f"n{number}").set("k", 1)
    assert cli("get", "k").err == "fsstore: no key 'k' in 'default'; it exists in 'n0', 'n1', 'n2' and 2 more\n"


def test_what_is_called_nearly_so(cli: Command, directory: Path) -> None:
    with fsstore.open(directory) as store:
        store.set_many({"greeting": 1, "project:alpha:config": 2, "unlike": 3})
    assert cli("get", "greting").err == "fsstore: no key 'greting' in 'default'; there is 'greeting'\n"
    assert "; there is 'project:alpha:config'\n" in cli("get", "project:alpa/config").err


def test_nothing_of_the_kind(cli: Command, directory: Path) -> None:
    told = "fsstore: no key 'k' in 'a b'; fsstore -n 'a b' ls shows those it has\n"
    assert cli("-n", "a b", "get", "k").err == told


def test_no_more_is_looked_through_than_is_quick(
    cli: Command, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(missing, "_KEYS", 3)
    monkeypatch.setattr(missing, "_NAMESPACES", 2)
    with fsstore.open(directory) as store:
        store.set_many({f"{letter}{letter}name": 1 for letter in "abcde"})
        for name in ("x", "y", "z"):
            store.use_namespace(name).set("k", 1)
    assert "'ddname'" in cli("get", "ddnames").err  # of the many those that begin so
    assert "'x'" in cli("get", "k").err
    assert "'z'" not in cli("get", "k").err


def test_a_store_that_cannot_be_looked_into_is_no_second_error(cli: Command, directory: Path) -> None:
    with fsstore.open(directory) as store:
        store.set("k", 1)
    (directory / "default").chmod(0)
    try:
        result = cli("get", "kk")
    finally:
        (directory / "default").chmod(0o755)
    assert result.out == ""
    assert result.err.count("\n") == 1
