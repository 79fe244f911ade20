"""What is told of a store in memory. It decides nothing, and changes no key."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from fsstore import values
from fsstore.engine import Sink
from fsstore.errors import Closed, WaitTimeout
from fsstore.events import REVISION, Event, Kind, Told, WatchStatus
from fsstore.records import Author
from fsstore.revisions import revision


class Cell(NamedTuple):
    """What a key holds."""

    raw: bytes
    metadata: dict[str, Any]
    created_at: float
    created_by: str | None
    updated_at: float
    updated_by: str | None
    expires: float | None = None
    """When it ends by itself, in seconds since the epoch."""


def has_ended(cell: Cell, now: float) -> bool:
    """Whether what a key holds has ended by itself."""
    return cell.expires is not None and now >= cell.expires


Cells = Mapping[str, Mapping[str, Cell]]


class Changed(NamedTuple):
    """A key that a commit may have changed, and what was there before."""

    namespace: str
    key: str
    raw: bytes | None
    ended: float | None
    """When that had ended by itself, if it had."""


class MemoryFeed:
    """The changes of one store. The store's lock is held whenever anything is told, so the order is that of commits."""

    def __init__(self, cells: Cells, lock: threading.RLock) -> None:
        self._cells = cells
        self._lock = lock
        self._sinks: list[tuple[Sink, str | None, float]] = []
        """Who is told, of which namespace, and since when by the clock of the day."""
        self._is_over = False

    def attach(
        self, sink: Sink, namespace: str | None = None, since: Told | None = None, *, tell: bool = False
    ) -> Told | None:
        """Tell a sink of all that differs from ``since``, and of every change from now on. Raises `Closed`."""
        with self._held():
            if self._is_over:
                raise Closed("this store in memory was closed while somebody began to watch it.")
            if since is not None:
                for event in self._differences(since, namespace):
                    sink.put(event)
            self._sinks.append((sink, namespace, time.time()))
            return self.told(namespace) if tell else None

    def detach(self, sink: Sink) -> None:
        """Tell it nothing more."""
        with self._held():
            self._sinks = [each for each in self._sinks if each[0] is not sink]

    def told(self, namespace: str | None = None) -> Told:
        """What is there: here nobody is ever late."""
        with self._held():
            now, found = time.time(), {}
            for name in self._names(namespace):
                cells = self._cells.get(name, {}).items()
                if marks := {key: _mark(cell.raw) for key, cell in cells if not has_ended(cell, now)}:
                    found[name] = marks
            return found

    def sync(self, timeout: float) -> None:
        """Return when no commit is under way. Raises `WaitTimeout`."""
        with self._held(timeout):
            return

    def status(self) -> WatchStatus:
        """Whether anybody watches, and what there is."""
        with self._held():
            keys = sum(len(cells) for cells in self._cells.values())
            return WatchStatus("memory" if self._sinks else "off", keys=keys, subscriptions=len(self._sinks))

    def before(self, names: Iterable[tuple[str, str]]) -> list[Changed]:
        """What these keys are, for `tell` after they were changed; nothing if nobody is told. The lock is held."""
        if not self._sinks:
            return []
        found = [(name, key, self._cells.get(name, {}).get(key)) for name, key in names]
        now = time.time()
        return [
            Changed(
                name,
                key,
                None if cell is None else cell.raw,
                cell.expires if cell is not None and has_ended(cell, now) else None,
            )
            for name, key, cell in found
        ]

    def tell(self, changed: list[Changed], author: Author, now: float) -> None:
        """Tell what became of these keys; they are one commit. The lock is held."""
        commit = os.urandom(6).hex() if len(changed) > 1 else None
        for name, key, old, ended in changed:
            cell = self._cells.get(name, {}).get(key)
            new = None if cell is None else cell.raw
            if ended is not None:
                if cell is not None and has_ended(cell, now):
                    continue
                self._tell_end(name, key, old or b"", ended)
                old = None
            if new == old:
                continue
            was = b"" if old is None else _mark(old)
            for sink, namespace, _ in tuple(self._sinks):
                if namespace is None or namespace == name:  # each gets a value of its own
                    sink.put(_event(name, key, new, was, source=author, at=now, commit=commit, own=True))

    def _tell_end(self, name: str, key: str, raw: bytes, ended: float) -> None:
        """Tell that a key had ended by itself, those who knew it."""
        for sink, namespace, since in tuple(self._sinks):
            if since < ended and (namespace is None or namespace == name):
                sink.put(Event("expired", name, key, None, b"", _mark(raw), Author(), ended))

    def end(self) -> None:
        """The store is closed."""
        with self._held():
            self._is_over = True
            sinks, self._sinks = self._sinks, []
        for sink, _, _ in sinks:
            sink.end(None)

    def start_over(self, lock: threading.RLock) -> None:
        """In a forked child: who watched is in the parent."""
        self._lock = lock
        self._sinks = []

    def _differences(self, since: Told, namespace: str | None) -> Iterator[Event]:
        for name in self._names(namespace, since):
            cells, known = self._cells.get(name, {}), since.get(name, {})
            for key in sorted({*cells, *known}):
                was = known.get(key, b"")
                cell = cells.get(key)
                if cell is None or has_ended(cell, time.time()):
                    gone = _event(name, key, None, was, at=time.time())
                    if was:
                        yield gone if cell is None else gone._replace(kind="expired")
                elif was[-REVISION:] != _mark(cell.raw):
                    yield _event(name, key, cell.raw, was, source=Author(cell.updated_by), at=cell.updated_at)

    def _names(self, namespace: str | None, since: Told | None = None) -> list[str]:
        return sorted({*self._cells, *(since or ())}) if namespace is None else [namespace]

    @contextlib.contextmanager
    def _held(self, timeout: float = threading.TIMEOUT_MAX) -> Iterator[None]:
        if not self._lock.acquire(timeout=min(max(0.0, timeout), threading.TIMEOUT_MAX)):
            raise WaitTimeout(
                f"a commit was under way for {timeout:g} s. Is its update function waiting?", seconds=timeout
            )
        try:
            yield
        finally:
            self._lock.release()


def _mark(raw: bytes) -> bytes:
    return bytes.fromhex(revision(raw))


def _event(
    namespace: str,
    key: str,
    raw: bytes | None,
    was: bytes,
    *,
    source: Author = Author(),  # noqa: B008
    at: float = 0.0,
    commit: str | None = None,
    own: bool = False,
) -> Event:
    if raw is None:
        return Event("deleted", namespace, key, None, b"", was, source, at, commit, own)
    kind: Kind = "updated" if was else "created"
    return Event(kind, namespace, key, values.decode(raw), _mark(raw), was, source, at, commit, own)
