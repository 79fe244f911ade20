"""What the keys of a store in memory hold, and which there are: none that has ended by itself. It changes no key."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from typing import Any

from fsstore import values
from fsstore.engine import Content, Stored
from fsstore.engines.memory_feed import Cell, has_ended
from fsstore.errors import Closed, StoreError
from fsstore.keys import path_of
from fsstore.records import Record, Usage, timestamp
from fsstore.revisions import revision as revision_of


class MemoryReading:
    """What can be asked of a store in memory by those who want keys."""

    def __init__(self) -> None:
        self._cells: dict[str, dict[str, Cell]] = {}
        self._lock = threading.RLock()
        self._closed = False

    def get(self, namespace: str, keys: Sequence[str]) -> dict[str, Any]:
        """The values of those keys that exist, decoded afresh."""
        return {key: values.decode(cell.raw) for key, cell in self._cells_of(namespace, keys).items()}

    def contents(self, namespace: str, keys: Sequence[str]) -> dict[str, Content]:
        """The same, with the revisions."""
        cells = self._cells_of(namespace, keys)
        return {key: Content(values.decode(cell.raw), revision_of(cell.raw)) for key, cell in cells.items()}

    def all_contents(self, namespace: str, prefix: str = "") -> dict[str, Content]:
        """All of them."""
        with self._lock:
            return self.contents(namespace, self.keys(namespace, prefix))

    def has(self, namespace: str, key: str) -> bool:
        """Is the key there?"""
        return self._at(namespace, key) is not None

    def keys(self, namespace: str, prefix: str = "") -> list[str]:
        """The sorted keys."""
        return sorted(key for key in self._of(namespace) if key.startswith(prefix))

    def scan(self, namespace: str, prefix: str = "", after: str | None = None) -> Iterator[tuple[str, Any]]:
        """Keys in order with their values, as they are when their turn comes."""
        for key in self.keys(namespace, prefix):
            if after is None or key > after:
                yield from self.get(namespace, (key,)).items()

    def stored(self, namespace: str, keys: Sequence[str]) -> dict[str, Stored | StoreError]:
        """All that is stored of those keys."""
        cells = self._cells_of(namespace, keys)
        return {key: _stored(cell) for key, cell in cells.items()}

    def scan_stored(
        self, namespace: str, prefix: str = "", after: str | None = None
    ) -> Iterator[tuple[str, Stored | StoreError]]:
        """The same of all keys past ``after``."""
        for key in self.keys(namespace, prefix):
            if after is None or key > after:
                yield from self.stored(namespace, (key,)).items()

    def read_all(self, namespace: str, prefix: str = "") -> dict[str, Any]:
        """All values."""
        with self._lock:
            return self.get(namespace, self.keys(namespace, prefix))

    def record(self, namespace: str, key: str) -> Record | None:
        """The record; its path is not on any disk."""
        path, cell = path_of(namespace, key), self._at(namespace, key)
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
            expires_at=None if cell.expires is None else timestamp(cell.expires),
        )

    def usage(self, namespace: str) -> Usage:
        """Number and total size of the values of a namespace."""
        cells = self._of(namespace)
        return Usage(1 if cells else 0, len(cells), sum(len(cell.raw) for cell in cells.values()))

    def namespaces(self) -> list[str]:
        """Namespaces with at least one key."""
        self._require_open()
        return sorted(namespace for namespace in list(self._cells) if self._of(namespace))

    def ended(self, namespace: str | None = None) -> list[tuple[str, str]]:
        """The keys that have ended by themselves."""
        self._require_open()
        now = time.time()
        with self._lock:
            names = [*self._cells] if namespace is None else [namespace]
            found = [(name, key, cell) for name in names for key, cell in self._cells.get(name, {}).items()]
        return sorted((name, key) for name, key, cell in found if has_ended(cell, now))

    def _cells_of(self, namespace: str, keys: Sequence[str]) -> dict[str, Cell]:
        with self._lock:
            found = {}
            for key in keys:
                if (cell := self._at(namespace, key)) is not None:
                    found[key] = cell
            return found

    def _cell(self, namespace: str, key: str) -> Cell | None:
        return self._cells.get(namespace, {}).get(key)

    def _at(self, namespace: str, key: str) -> Cell | None:
        """What the key holds; ``None`` if it has ended."""
        self._require_open()
        path_of(namespace, key)  # the same names are refused as on disk
        cell = self._cell(namespace, key)
        return None if cell is None or (cell.expires is not None and time.time() >= cell.expires) else cell

    def _of(self, namespace: str) -> dict[str, Cell]:
        self._require_open()
        path_of(namespace, "")
        found, now = self._cells.get(namespace, {}), time.time()
        return {key: cell for key, cell in list(found.items()) if cell.expires is None or now < cell.expires}

    def _require_open(self) -> None:
        if self._closed:
            raise Closed("this store in memory is closed, and its content gone.")


def _stored(cell: Cell) -> Stored:
    return Stored(cell.raw, values.decode(cell.raw), values.decode(values.encode(cell.metadata)), cell.expires)
