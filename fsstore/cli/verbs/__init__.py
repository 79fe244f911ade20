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
    "ns": Verb("ns", "list namespaces, or copy, move or rename one"),
    "schema": Verb("schema", "show or set the JSON Schema of a namespace's values"),
    "stat": Verb("stat", "show the record of a key, or what the store holds"),
    "edit": Verb("edit", "edit a value in $EDITOR"),
    "incr": Verb("incr", "add to a number"),
    "append": Verb("append", "add an item to a list"),
    "find": Verb("find", "find keys by what their values hold"),
    "grep": Verb("grep", "find lines in the text of values"),
    "wait": Verb("wait", "wait until a key is there, holds what is wanted, or is gone"),
    "lock": Verb("lock", "run a command while a lock is held"),
    "queue": Verb("queue", "put jobs into a queue, take and do them, see what became of them"),
    "run": Verb("run", "run an agent and print what it returns"),
    "watch": Verb("watch", "tell of each change of a key, or run a command for it"),
    "snapshot": Verb("snapshot", "commit what has changed since the last snapshot"),
    "log": Verb("log", "list the commits of the store, a namespace, or a key"),
    "show": Verb("show", "show a commit with its changes, or a value as it was in it"),
    "diff": Verb("diff", "show what differs between revisions, or from one to now"),
    "history": Verb("history", "list the versions of a key's value"),
    "blame": Verb("blame", "show which commit gave each member of a value what it holds"),
    "restore": Verb("restore", "give keys back what they held in a commit"),
    "gc": Verb("gc", "pack the history into less space"),
    "doctor": Verb("doctor", "report everything that is no healthy record, and mend what is safe"),
    "export": Verb("export", "write keys as lines of JSON, each file to the byte"),
    "import": Verb("import_", "store the keys of such lines"),
    "backup": Verb("backup", "copy a store, as it is at one instant, while others write"),
    "sweep": Verb("sweep", "remove what is left of keys that have ended by themselves"),
    "completion": Verb("completion", "print what lets a shell complete verbs, keys and namespaces"),
}
