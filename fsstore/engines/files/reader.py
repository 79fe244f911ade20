"""Reading a store's directory: values, listings and records, without a lock and without writing anything."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, TypeVar

from fsstore import values
from fsstore.engine import Content
from fsstore.engines.files import layout
from fsstore.engines.files.access import MISSING_FILE, NO_DIRECTORY, NOTHING
from fsstore.engines.files.atomic import DIRECTORY, READ, read_descriptor
from fsstore.engines.files.collector import paused
from fsstore.engines.files.exact import ExactReading
from fsstore.engines.files.intents import NOTHING_OPEN, Overlay
from fsstore.engines.files.journal import origin
from fsstore.engines.files.listed import ALL, ListedReading
from fsstore.engines.files.listing import read_entries
from fsstore.engines.files.places import Place
from fsstore.keys import ROOT, Level, encode_namespace
from fsstore.records import Finding, Record, Rules, timestamp
from fsstore.revisions import revision as revision_of
from fsstore.traces import Traces

_T = TypeVar("_T")


class FileReader(ListedReading, ExactReading):
    """What can be asked of a store in a directory."""

    def get(self, namespace: str, keys: Sequence[str]) -> dict[str, Any]:
        """The values of those keys that exist, or the error of reading them."""
        if len(keys) != 1:
            return self._view(namespace, keys, values.decode)
        place = self._find(namespace, keys[0])
        if self._rules.may_expire(namespace):
            return self._get_mortal(place)
        if self._gate.is_open(place.stripe):
            return self._read(namespace, (place,), values.decode, self._consistency.overlay(place.stripe))
        try:  # as `_read` does it, without its loop: this is what agents do most
            fd = self._tree.open_file(place.absolute)
            try:
                raw = read_descriptor(fd, self._limit)
            finally:
                os.close(fd)
            value = values.decode(raw)
        except (OSError, values.Malformed):
            return self._read(namespace, (place,), values.decode, NOTHING_OPEN)
        return {} if self._folds and self._is_others(place.path) else {place.key: value}

    def _get_mortal(self, place: Place) -> dict[str, Any]:
        """The value of a key that may have ended by itself: file and sidecar as they belong together."""
        before = self._gate.counter(place.stripe)
        if not before[0] & 1:
            found = self._read(place.namespace, (place,), values.decode, NOTHING_OPEN)
            if self._gate.counter(place.stripe) == before:
                return found
        return self._view(place.namespace, [place.key], values.decode)

    def contents(self, namespace: str, keys: Sequence[str]) -> dict[str, Content]:
        """The same, with the revisions."""
        return self._view(namespace, keys, _content)

    def _view(self, namespace: str, keys: Sequence[str], decode: Callable[[bytes], _T]) -> dict[str, _T]:
        places = [self._find(namespace, key) for key in keys]
        by_path: dict[str, str] = {}

        def key_of(path: str) -> str | None:
            if not by_path:
                by_path.update({place.path: place.key for place in places})
                if self._rules.may_expire(namespace):
                    by_path.update({self._tree.relative(place.sidecar): place.key for place in places})
            return by_path.get(path)

        return self._consistency.view(
            sorted({place.stripe for place in places}),
            lambda overlay: self._read(namespace, places, decode, overlay),
            key_of,
            lambda some, overlay: self._read(
                namespace, [self._places.find(namespace, key) for key in some], decode, overlay
            ),
        )

    def _read(
        self, namespace: str, places: Iterable[Place], decode: Callable[[bytes], Any], overlay: Overlay
    ) -> dict[str, Any]:
        """The values at these places."""
        out: dict[str, Any] = {}
        open_file, limit = self._tree.open_file, self._limit
        may_end = self._rules.may_expire(namespace)
        for place in places:
            if overlay.paths and place.path in overlay.paths:
                value = self._late(namespace, place.key, place.path, decode, overlay)
            else:
                try:
                    fd = open_file(place.absolute)
                    try:
                        raw = read_descriptor(fd, limit)
                    finally:
                        os.close(fd)
                    value = decode(raw)
                except FileNotFoundError:
                    self._require_store()
                    continue
                except (OSError, values.Malformed):
                    value = self._late(namespace, place.key, place.path, decode)
            if value is NOTHING or (self._folds and self._is_others(place.path)):
                continue
            if not (may_end and self._sidecars.is_over(place, overlay)):
                out[place.key] = value
        return out

    def scan(self, namespace: str, prefix: str = "", after: str | None = None) -> Iterator[tuple[str, Any]]:
        """Keys in order with their values, as they are when their turn comes."""
        root = encode_namespace(namespace)
        with self._failing(root):
            found = False
            for key, path in self._walk(root, prefix, after):
                has_ended = self._rules.may_expire(namespace) and self._sidecars.is_over(
                    self._places.find(namespace, key)
                )  # first: its end is removed last
                value = NOTHING if has_ended else self._late(namespace, key, path, values.decode)
                if value is not NOTHING:
                    found = True
                    yield key, value
            if not found:
                self._require_store()

    def read_all(self, namespace: str, prefix: str = "") -> dict[str, Any]:
        """All values, directory by directory."""
        return self._view_all(namespace, prefix, values.decode)

    def all_contents(self, namespace: str, prefix: str = "") -> dict[str, Content]:
        """The same, with the revisions."""
        return self._view_all(namespace, prefix, _content)

    def rules(self, namespace: str) -> Rules:
        """What its `.namespace.json` says."""
        self._require_open()
        return self._rules.of(namespace)

    def moment(self) -> object:
        """The gate's counters."""
        self._require_open()
        return self._gate.read()

    def _view_all(self, namespace: str, prefix: str, decode: Callable[[bytes], _T]) -> dict[str, _T]:
        root = encode_namespace(namespace)

        def key_of(path: str) -> str | None:
            of_namespace, key, _ = layout.record_of(path) if path.startswith(root + "/") else (None, None, False)
            return key if of_namespace == namespace and key is not None and key.startswith(prefix) else None

        def read(overlay: Overlay) -> dict[str, _T]:
            out = self._read_all(root, namespace, prefix, decode)
            for of_namespace, key, path in overlay.keys:
                if of_namespace == namespace and key.startswith(prefix):
                    value = self._late(namespace, key, path, decode, overlay)
                    if value is NOTHING:
                        out.pop(key, None)
                    else:
                        out[key] = value
            for key in self._ended(namespace, prefix, overlay):
                out.pop(key, None)
            return out

        def again(some: Iterable[str], overlay: Overlay) -> dict[str, _T]:
            return self._read(namespace, [self._places.find(namespace, key) for key in some], decode, overlay)

        with self._failing(root), paused:
            out = self._consistency.view(ALL, read, key_of, again)
        return dict(sorted(out.items())) if out else self._nothing(out)

    def _read_all(self, root: str, namespace: str, prefix: str, decode: Callable[[bytes], Any]) -> dict[str, Any]:
        out: dict[str, Any] = {}
        todo = [] if self._is_others(root) else [(root, ROOT)]
        while todo:
            path, level = todo.pop()
            try:
                fd = self._tree.open(path, DIRECTORY)
            except OSError as error:
                if error.errno in NO_DIRECTORY:
                    continue
                raise
            try:
                todo += self._read_directory(fd, path, level, namespace, prefix, decode, out)
            finally:
                os.close(fd)
        return out

    def record(self, namespace: str, key: str) -> Record | None:
        """The record, its value, revision, size and time from one descriptor."""
        place = self._find(namespace, key)

        def read(overlay: Overlay) -> dict[str, Record]:
            record = self._record(place, overlay)
            return {} if record is None else {key: record}

        return self._consistency.view(
            (place.stripe,),
            read,
            lambda path: key if path in (place.path, self._tree.relative(place.sidecar)) else None,
            lambda _, overlay: read(overlay),
        ).get(key)

    def _record(self, place: Place, overlay: Overlay) -> Record | None:
        try:
            raw, value, status = self._patiently(place.path, lambda: self._load(place.path, values.decode, overlay))
        except MISSING_FILE:
            self._require_store()
            return None
        except (OSError, values.Malformed) as error:
            raise self._reading(error, place.namespace, place.key, place.path) from None
        if self._is_others(place.path):
            return None
        end = self._sidecars.expires(place, overlay) if self._rules.may_expire(place.namespace) else None
        if end is not None and time.time() >= end:
            return None
        revision = revision_of(raw)
        with self._failing(layout.JOURNAL):
            came = origin(self._journal.lines(place.stripe, place.path), revision, status)
        return Record(
            namespace=place.namespace,
            key=place.key,
            value=value,
            metadata=self._sidecars.metadata(place, overlay),
            created_at=timestamp(came.created_at),
            updated_at=timestamp(came.updated_at),
            created_by=came.created_by,
            updated_by=came.updated_by,
            revision=revision,
            size=len(raw),
            path=self._absolute(place.path),
            expires_at=None if end is None else timestamp(end),
        )

    def traces(self, namespace: str) -> Traces | None:
        """None: who only reads keeps no index."""
        return None

    def check(self, *, fix: bool = False) -> Iterator[Finding]:
        """All that is no healthy record."""
        from fsstore.engines.files.doctor import Examination

        with self._failing(""):
            for finding in Examination(self._tree, self._limit, self._places, self._gate).findings():
                yield self._mended(finding) if fix else finding

    def _mended(self, finding: Finding) -> Finding:
        """As it is: a reader mends nothing."""
        return finding

    def close(self) -> None:
        """Every later call raises `Closed`."""
        self._closed = True
        self._known = {}  # later calls have to find their places, and find out

    def _read_directory(
        self,
        fd: int,
        path: str,
        level: Level,
        namespace: str,
        prefix: str,
        decode: Callable[[bytes], Any],
        out: dict[str, Any],
    ) -> list[tuple[str, Level]]:
        """Read the values of one open directory into ``out``; the directories below it that are left to read."""
        entries = read_entries(fd, level, path)
        open_file, close, limit = os.open, os.close, self._limit
        for key, name in zip(entries.keys, entries.names, strict=True):
            if prefix and not key.startswith(prefix):
                continue
            try:
                file = open_file(name, READ, dir_fd=fd)
                try:
                    raw = read_descriptor(file, limit)
                finally:
                    close(file)
                out[key] = decode(raw)
            except (OSError, values.Malformed):
                value = self._late(namespace, key, f"{path}/{name}", decode)
                if value is not NOTHING:
                    out[key] = value
        return [(f"{path}/{name}", below) for name, below in entries.directories if below.may_hold(prefix)]


def _content(raw: bytes) -> Content:
    return Content(values.decode(raw), revision_of(raw))
