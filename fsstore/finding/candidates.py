"""Which keys may be what is asked for, by an index that is first made as new as the store. It believes no value."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from typing import Any

import orjson

from fsstore.engine import Engine
from fsstore.errors import StoreError
from fsstore.finding import paths, words
from fsstore.finding.declaring import Declared
from fsstore.finding.entries import entries
from fsstore.finding.index import Index, Noted, Space, pieces
from fsstore.finding.selecting import Selection, keys_query
from fsstore.traces import Trace, Traces

_PIECE = 500
_ATTEMPTS = 3
_DAMAGED = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR, sqlite3.SQLITE_CONSTRAINT})


class Nothing:
    """What is kept before anything is."""

    mark = b""
    version = -1

    def group(self, name: str) -> dict[str, bytes]:
        """No key."""
        return {}

    def groups(self) -> dict[str, dict[str, bytes]]:
        """No group."""
        return {}


class Candidates:
    """The keys of one namespace, by its index."""

    def __init__(self, engine: Engine, namespace: str, declared: Declared, traces: Traces) -> None:
        self._engine, self._namespace, self._declared, self._traces = engine, namespace, declared, traces
        self._named = orjson.dumps(declared._asdict()).decode()
        self._fields = declared.field_steps()

    def keys(
        self, chosen: Selection, prefix: str, after: str | None, limit: int | None, *, verify: bool
    ) -> list[str] | None:
        """The first of them in order; all that meet the selection are among them.

        ``None`` where no index can be had just now: it is being written by another process, or there is no room.
        """
        place = self._traces.place()
        if place is None:
            return None
        for attempt in range(_ATTEMPTS):
            try:
                with Index(place, self._traces.owner) as index:
                    space = self._renewed(index, verify=verify, write=attempt > 0)
                    if space is not None:
                        found = space.keys(*keys_query(space.number, chosen, prefix, after, limit))
                        index.end()
                        return found
            except sqlite3.DatabaseError as error:
                if getattr(error, "sqlite_errorcode", 0) & 0xFF not in _DAMAGED:
                    return None
                with contextlib.suppress(OSError):
                    os.unlink(place)
        return None

    def _renewed(self, index: Index, *, verify: bool, write: bool) -> Space | None:
        """What is known, made as new as the store; ``None`` if another process did the same meanwhile."""
        index.begin(write=write)
        space = index.space(self._namespace, self._named)
        kept: Space | Nothing = Nothing() if space is None else space
        changed = self._traces.changed(kept, verify=verify)
        if space is not None and changed.mark == kept.mark and not changed.seen:
            return space
        if not write:
            index.end()
            index.begin(write=True)
            space = index.space(self._namespace, self._named)
            found = Nothing() if space is None else space
            if (found.version, found.mark) != (kept.version, kept.mark):  # what changed is known of another one
                return None
        if space is None:
            space = index.make(self._namespace, self._named)
        space.remove(changed.gone)
        for piece in pieces(changed.seen, _PIECE):
            read = self._engine.get(self._namespace, [trace.key for trace in piece])
            space.note([self._noted(trace, read.get(trace.key, _UNKNOWN)) for trace in piece])
        space.go_on(changed.mark)
        return space

    def _noted(self, trace: Trace, value: Any) -> Noted:
        if value is _UNKNOWN or isinstance(value, StoreError):  # it may be there again without having been changed
            return Noted(trace, [], [], is_doubtful=True)
        found = [
            (number, entry)
            for number, steps in enumerate(self._fields)
            for entry in entries(paths.look_up(value, steps))
        ]
        text = self._declared.text_steps()
        return Noted(trace, found, words.passages(value, text) if text else [], is_doubtful=False)


_UNKNOWN = object()
