"""The memory engine: the contract in a dictionary, for tests and for state that need not last. No files."""

from __future__ import annotations

import os
import threading
import time
import weakref
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from fsstore import values
from fsstore.engine import MAX_VALUE_BYTES, Capabilities, Op, Outcome, Put, require_expected, require_size
from fsstore.errors import Closed
from fsstore.keys import path_of
from fsstore.records import Author, Finding, Record, Usage, timestamp
from fsstore.revisions import revision as revision_of


class _Cell(NamedTuple):
    raw: bytes
    metadata: dict[str, Any]
    created_at: float
    created_by: str | None
    updated_at: float
    updated_by: str | None


class MemoryEngine:
    """A store in this process alone; a forked child goes on with a copy, as it was at that instant."""

    def __init__(self, *, read_only: bool = False) -> None:
        self.capabilities = Capabilities(
            read_only="it was opened with read_only=True" if read_only else "", durability=frozenset({"process"})
        )
        self._cells: dict[str, dict[str, _Cell]] = {}
        self._lock = threading.RLock()
        self._closed = False
        _all.add(self)

    def get(self, namespace: str, keys: Iterable[str]) -> dict[str, Any]:
        """The values of those keys that exist, decoded afresh."""
        cells = self._of(namespace)
        found = {}
        for key in keys:
            path_of(namespace, key)  # the same names are refused as on disk
            if (cell := cells.get(key)) is not None:
                found[key] = values.decode(cell.raw)
        return found

    def has(self, namespace: str, key: str) -> bool:
        """Is the key there?"""
        path_of(namespace, key)
        return key in self._of(namespace)

    def keys(self, namespace: str, prefix: str = "") -> list[str]:
        """The sorted keys."""
        return sorted(key for key in list(self._of(namespace)) if key.startswith(prefix))

    def scan(self, namespace: str, prefix: str = "", after: str | None = None) -> Iterator[tuple[str, Any]]:
        """Keys in order with their values, as they are when their turn comes."""
        for key in self.keys(namespace, prefix):
            if after is None or key > after:
                yield from self.get(namespace, (key,)).items()

    def read_all(self, namespace: str, prefix: str = "") -> dict[str, Any]:
        """All values."""
        return self.get(namespace, self.keys(namespace, prefix))

    def record(self, namespace: str, key: str) -> Record | None:
        """The record; its path is not on any disk."""
        path = path_of(namespace, key)
        cell = self._of(namespace).get(key)
        if cell is None:
            return None
        return Record(
            namespace=namespace,
            key=key,
            value=values.decode(cell.raw),
            metadata=values.decode(values.encode(cell.metadata)),
            created_at=timestamp(cell.created_at),
            updated_at=timestamp(cell.updated_at),
            created_by=cell.created_by,
            updated_by=cell.updated_by,
            revision=revision_of(cell.raw),
            size=len(cell.raw),
            path=f":memory:/{path}",
        )

    def usage(self, namespace: str) -> Usage:
        """Number and total size of the values of a namespace."""
        cells = self._of(namespace)
        return Usage(1 if cells else 0, len(cells), sum(len(cell.raw) for cell in list(cells.values())))

    def namespaces(self) -> list[str]:
        """Namespaces with at least one key."""
        self._require_open()
        return sorted(namespace for namespace, cells in list(self._cells.items()) if cells)

    def check(self) -> Iterator[Finding]:
        """Nothing: nobody but this engine writes here."""
        self._require_open()
        yield from ()

    def commit(self, ops: Sequence[Op], author: Author) -> list[Outcome]:
        """All or nothing, under one lock."""
        with self._lock:
            self._require_open()
            for op in ops:
                path_of(op.namespace, op.key)
                if isinstance(op, Put):
                    require_size(op, MAX_VALUE_BYTES)
                cell = self._of(op.namespace).get(op.key)
                require_expected(op, None if cell is None else revision_of(cell.raw))
            now = time.time()
            return [self._put(op, author, now) if isinstance(op, Put) else self._delete(op) for op in ops]

    def close(self) -> None:
        """Forget everything."""
        self._closed = True
        self._cells.clear()

    def start_over(self) -> None:
        """In a forked child: the parent's threads are not here to release their lock."""
        self._lock = threading.RLock()

    def _put(self, op: Put, author: Author, now: float) -> Outcome:
        cells = self._cells.setdefault(op.namespace, {})
        old = cells.get(op.key)
        given = values.decode(values.encode(dict(op.metadata or {})))
        metadata = given if old is None else {**old.metadata, **given}
        if old is None:
            cells[op.key] = _Cell(op.raw, metadata, now, author.agent, now, author.agent)
            return Outcome.CREATED
        if old.raw == op.raw and values.encode(old.metadata) == values.encode(metadata):
            return Outcome.UNCHANGED
        cells[op.key] = old._replace(raw=op.raw, metadata=metadata, updated_at=now, updated_by=author.agent)
        return Outcome.UPDATED

    def _delete(self, op: Op) -> Outcome:
        cells = self._cells.get(op.namespace, {})
        return Outcome.MISSING if cells.pop(op.key, None) is None else Outcome.DELETED

    def _of(self, namespace: str) -> dict[str, _Cell]:
        self._require_open()
        path_of(namespace, "")
        return self._cells.get(namespace, {})

    def _require_open(self) -> None:
        if self._closed:
            raise Closed("this store in memory is closed, and its content gone.")


_all: weakref.WeakSet[MemoryEngine] = weakref.WeakSet()


def _after_fork_in_child() -> None:
    for engine in list(_all):
        engine.start_over()


os.register_at_fork(after_in_child=_after_fork_in_child)
