"""The table of verbs. A new one is a module here, a line in the table and a test."""

from __future__ import annotations

from typing import NamedTuple


class Verb(NamedTuple):
    """A line of the table."""

    module: str
    """The module in this package that does it."""
    summary: str
    """One line for the help."""


TABLE: dict[str, Verb] = {
    "init": Verb("init", "make a store"),
    "get": Verb("get", "print the value of a key"),
    "set": Verb("set", "store a value under a key"),
    "del": Verb("delete", "delete keys"),
    "ls": Verb("ls", "list keys"),
    "ns": Verb("ns", "list namespaces"),
    "stat": Verb("stat", "show the record of a key, or what the store holds"),
    "run": Verb("run", "run an agent and print what it returns"),
    "doctor": Verb("doctor", "report everything that is no healthy record, and mend what is safe"),
    "backup": Verb("backup", "copy a store, as it is at one instant, while others write"),
}
