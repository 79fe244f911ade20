"""Transactions that note what they read and write, for the search for one order of all."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from fsstore import Conflict, Store
from fsstore.namespace import Handle

from .serial import Committed

NAMESPACES = ("default", "other")
KEYS = [f"default/{name}" for name in ("a", "b", "jobs:1", "jobs:2", "jobs:3")] + ["other/a", "other/b"]
JOBS = [key for key in KEYS if "jobs:" in key]


class Traced:
    """A transaction that notes what it reads and writes."""

    def __init__(self, tx: Handle, tag: str) -> None:
        self._tx = tx
        self._tag = tag
        self.reads: dict[str, Any] = {}
        self.writes: dict[str, Any] = {}

    def get(self, key: str) -> Any:
        return self._note(key, self._of(key).get(key.partition("/")[2]))

    def jobs(self, listing: str) -> list[str]:
        """The jobs there are; those there are not were read too."""
        if listing == "list_keys":
            there: dict[str, Any] = {name: self._tx.get(name) for name in self._tx.list_keys("jobs:")}
        else:
            there = self._tx.get_prefix("jobs:") if listing == "get_prefix" else dict(self._tx.scan("jobs:"))
        for key in JOBS:
            self._note(key, there.get(key.partition("/")[2]))
        return sorted(there)

    def set(self, key: str) -> None:
        value = f"{self._tag}.{len(self.writes)}"
        self.writes[key] = value
        self._of(key).set(key.partition("/")[2], value)

    def delete(self, key: str) -> None:
        there = self._of(key).delete(key.partition("/")[2])
        if key not in self.writes and key not in self.reads and not there:
            self.reads[key] = None
        self.writes[key] = None

    def _of(self, key: str) -> Handle:
        return self._tx.use_namespace(key.partition("/")[0])

    def _note(self, key: str, value: Any) -> Any:
        if key in self.writes:
            assert value == self.writes[key], f"{key}: not what it wrote itself"
        else:
            assert self.reads.setdefault(key, value) == value, f"{key}: not what it read before"
        return value


@contextmanager
def committed(store: Store, tag: str, history: list[Committed], what: str = "") -> Iterator[Traced]:
    """A transaction; if it is committed, and meets no conflict, it is added to the history."""
    begun = time.monotonic_ns()
    try:
        with store.transaction() as tx:
            traced = Traced(tx, tag)
            yield traced
    except Conflict:
        return
    history.append(Committed(begun, time.monotonic_ns(), traced.reads, traced.writes, what))


def at_the_end(store: Store) -> Committed:
    """A look at everything when all is done."""
    found = {f"{name}/{key}": value for name in NAMESPACES for key, value in store.use_namespace(name).items()}
    return Committed(time.monotonic_ns(), time.monotonic_ns(), {key: found.get(key) for key in KEYS}, {})
