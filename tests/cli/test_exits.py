"""Which error gives which exit status, and the door that every error leaves by."""

from __future__ import annotations

import argparse
import sys
import types
from collections.abc import Callable
from pathlib import Path

import pytest

import fsstore
from fsstore import errors
from fsstore.cli import exits, verbs
from fsstore.cli.output import Output
from fsstore.errors import StoreError

from .command import Command

STATUS = {
    1: ["JobsFailed", "NotFound", "UnknownRevision"],
    2: ["InvalidName", "StoreMissing", "NoRun", "HistoryUnavailable", "Closed"],
    3: [
        "Conflict",
        "IllegalTransition",
        "LeaseLost",
        "LockTimeout",
        "NestedWrite",
        "RepositoryBusy",
        "RepositoryState",
        "WaitTimeout",
    ],
    4: [
        "BadLine",
        "BadValue",
        "BadValues",
        "Blocked",
        "CredentialRefused",
        "DamagedCursor",
        "DamagedHistory",
        "InvalidValue",
        "NameCollision",
        "NotAStore",
        "SchemaViolation",
        "TooLarge",
        "UnsupportedType",
    ],
    5: ["AccessDenied", "DiskFull", "ReadOnly", "StorageFailure", "Unsupported"],
}


@pytest.mark.parametrize(("status", "name"), [(status, name) for status, names in STATUS.items() for name in names])
def test_status_of_an_error(status: int, name: str) -> None:
    assert exits.status_of(getattr(errors, name)("message")) == status


def test_no_error_is_forgotten() -> None:
    every = {kind.__name__ for kind in StoreError.__subclasses__() if kind.__module__ == "fsstore.errors"}
    assert {name for names in STATUS.values() for name in names} == every


def test_a_subclass_has_the_status_of_its_parent() -> None:
    class Special(fsstore.Conflict):
        pass

    assert exits.status_of(Special("message")) == 3
    assert exits.status_of(StoreError("message")) == 5


Add = Callable[[Callable[[], None]], None]


@pytest.fixture
def add_verb(monkeypatch: pytest.MonkeyPatch) -> Add:
    """Add a verb ``break`` that does what the test wants."""

    def add(do: Callable[[], None]) -> None:
        def run(args: argparse.Namespace, output: Output) -> int:
            do()
            return 0

        module = types.ModuleType("fsstore.cli.verbs.breaking")
        module.__dict__.update(EXAMPLE="", add=lambda parser: None, run=run)
        monkeypatch.setitem(sys.modules, module.__name__, module)
        monkeypatch.setitem(verbs.TABLE, "break", verbs.Verb("breaking", "fail"))

    return add


def test_a_conflict_is_status_3(cli: Command, directory: Path, add_verb: Add) -> None:
    with fsstore.open(directory) as store:
        store.set_many({"a": 1, "b": 2})
        add_verb(lambda: store.copy("a", "b"))
        result = cli("break")
        assert (result.status, result.out) == (3, "")
        assert result.err == (
            "fsstore: key 'b' of namespace 'default' exists already. "
            "Choose another key; copy and move replace it with overwrite=True.\n"
        )
        error = cli("break", "--json").error
    assert (error["error"], error["exit"], error["expected"], error["key"]) == ("Conflict", 3, None, "b")


def test_an_interrupt_is_status_130_without_a_word(cli: Command, add_verb: Add) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    add_verb(interrupt)
    assert cli("break") == (130, "", "")


def test_a_message_is_one_line_without_control_characters(cli: Command, add_verb: Add) -> None:
    def fail() -> None:
        raise fsstore.StorageFailure("one\ntwo\x1b[31m\x9b\u202e é")

    add_verb(fail)
    assert cli("break").err == "fsstore: one\\ntwo\\u001b[31m\\u009b\\u202e é\n"


def test_a_failure_of_the_system_that_has_no_name_of_ours_names_its_path(cli: Command, add_verb: Add) -> None:
    def fail() -> None:
        open("nowhere/at/all")  # noqa: SIM115 - it never opens

    add_verb(fail)
    result = cli("break")
    assert (result.status, result.err) == (5, "fsstore: nowhere/at/all: No such file or directory\n")


def test_a_bug_is_not_hidden(cli: Command, add_verb: Add) -> None:
    def fail() -> None:
        raise AssertionError("bug")

    add_verb(fail)
    with pytest.raises(AssertionError, match="bug"):
        cli("break")
