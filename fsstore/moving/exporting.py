"""Records out of a store, a line each. It knows no form of a line, and writes into no store."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from fsstore import keys
from fsstore.engine import Engine
from fsstore.engines.files import failures, layout
from fsstore.errors import BadValues, Conflict, NotAStore, StoreError
from fsstore.moving.counts import Exported, Progress
from fsstore.moving.growing import SUFFIX, Growing, growing
from fsstore.moving.lines import Entry, Header, Ruling, end_line, header_line, key_line, read_line, rules_line
from fsstore.values import Malformed

_EVERY = 64
"""After so many keys the progress is told."""
_RULES = "its rules"


class Position(NamedTuple):
    """Where in an export something is; they are ordered as its lines."""

    namespace: str
    past_keys: bool
    key: str


_START = Position("", False, "")


class Export:
    """One export: what is to be in it, and how far it is."""

    def __init__(self, engine: Engine, namespace: str | None, prefix: str | None, progress: Progress | None) -> None:
        if namespace is not None:
            keys.path_of(namespace, "")
        if prefix is not None:
            keys.require_text(prefix, "prefix")
        self._engine = engine
        self._header = Header(namespace, prefix or None)
        self._progress = progress
        self._total: int | None = None
        self._namespaces: set[str] = set()
        self._unreadable: dict[str, StoreError] = {}
        self._keys = self._bytes = self._resumed = 0

    def to_path(self, path: str, *, resume: bool) -> Exported:
        """Write a file, whole or not at all; with ``resume`` go on where an earlier one stopped."""
        _require_outside(path)
        with failures.told(os.path.abspath(path)), growing(path) as target:
            after = self._found(target) if resume else None
            target.file.seek(self._bytes)
            target.file.truncate()
            self._write(target.file, after)
            target.publish()
        return self._done(target.path)

    def to_stream(self, target: BinaryIO) -> Exported:
        """Write to a stream; what it raises is raised."""
        self._write(target, None)
        target.flush()
        return self._done(None)

    def _write(self, target: BinaryIO, after: Position | None) -> None:
        if self._progress is not None:
            self._total = sum(len(self._engine.keys(name, self._header.prefix or "")) for name in self._names())
        if after is None:
            self._put(target, header_line(self._header))
        for line in self._lines(after or _START):
            self._put(target, line)
        self._put(target, end_line(self._keys))
        self._tell()

    def _put(self, target: BinaryIO, line: bytes) -> None:
        self._bytes += len(line)
        while (written := target.write(line)) is not None and written < len(line):  # it has no buffer
            line = line[written:]

    def _lines(self, after: Position) -> Iterator[bytes]:
        for namespace in self._names():
            if namespace < after.namespace or (namespace == after.namespace and after.past_keys):
                continue
            past = after.key if namespace == after.namespace else None
            for key, stored in self._engine.scan_stored(namespace, self._header.prefix or "", past):
                if isinstance(stored, StoreError):
                    self._unreadable[keys.path_of(namespace, key)] = stored
                else:
                    self._count(namespace)
                    yield key_line(namespace, key, stored)
            if self._header.prefix is None:
                yield from self._rules(namespace)

    def _rules(self, namespace: str) -> Iterator[bytes]:
        """What holds for its keys, after them: who imports them gets them as they are, whatever a schema says now."""
        try:
            line = rules_line(namespace, self._engine.rules(namespace).members)
        except StoreError as error:
            self._unreadable[f"{keys.encode_namespace(namespace)}: {_RULES}"] = error
        else:
            if line:
                yield line

    def _names(self) -> list[str]:
        return self._engine.namespaces() if self._header.namespace is None else [self._header.namespace]

    def _count(self, namespace: str) -> None:
        self._namespaces.add(namespace)
        self._keys += 1
        if not self._keys % _EVERY:
            self._tell()

    def _tell(self) -> None:
        if self._progress is not None:
            self._progress(self._keys, self._total)

    def _done(self, path: str | None) -> Exported:
        if self._unreadable:
            first = next(iter(self._unreadable.values()))
            raise BadValues(
                f"{len(self._unreadable)} of the files cannot be read and are not in the export, all else is; the "
                f"first: {first} All are in .errors, by path.",
                values={},
                errors=self._unreadable,
            )
        return Exported(path, len(self._namespaces), self._keys, self._bytes, self._resumed)

    # -- going on ----------------------------------------------------------------------------------

    def _found(self, target: Growing) -> Position | None:
        """Look through what an earlier export of the same has written, up to the first line that is not whole."""
        file = target.file
        file.seek(0)
        first = file.readline()
        header = header_line(self._header)
        if not first.endswith(b"\n"):
            return None
        if first != header:
            raise _other_export(target.path)
        self._bytes = len(header)
        at = _START
        for line in file:
            position = _position(line)
            if position is None or position <= at:
                break
            at = position
            self._bytes += len(line)
            if not position.past_keys:
                self._namespaces.add(position.namespace)
                self._keys += 1
        self._resumed = self._keys
        return at


def _require_outside(path: str) -> None:
    """Raise `NotAStore` for a file in a namespace, which would be a key, and for one among a store's own."""
    path = os.path.realpath(path)
    if (outer := layout.store_around(os.path.dirname(path))) is not None:
        raise NotAStore(
            f"{path} lies inside the store {outer}, where it would be a key or in its way. Choose a directory outside.",
            path=path,
        )


def _position(line: bytes) -> Position | None:
    if not line.endswith(b"\n"):
        return None
    try:
        found = read_line(line)
    except Malformed:  # after a loss of power it may be anything
        return None
    if isinstance(found, Entry) and found.namespace is not None:
        return Position(found.namespace, False, found.key)
    if isinstance(found, Ruling) and found.namespace is not None:
        return Position(found.namespace, True, "")
    return None


def _other_export(path: str) -> Conflict:
    return Conflict(
        f"{path}{SUFFIX} is no interrupted export of the same keys. Begin anew without resume, which replaces it.",
        namespace="",
        key=path,
        expected=None,
        actual=None,
    )
