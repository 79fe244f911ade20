"""Reading a store's directory: values, listings and records, without a lock and without writing anything."""

from __future__ import annotations

import contextlib
import errno
import os
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

from fsstore import values
from fsstore.engine import Capabilities
from fsstore.engines.files import failures, folding, layout
from fsstore.engines.files.atomic import DIRECTORY, READ, Tree, read_descriptor
from fsstore.engines.files.collector import paused
from fsstore.engines.files.journal import Journal, origin
from fsstore.engines.files.listing import Listings, read_entries
from fsstore.engines.files.places import Place, Places
from fsstore.engines.files.sidecars import Sidecars
from fsstore.errors import Closed, StoreError, StoreMissing
from fsstore.keys import ROOT, Level, encode_namespace
from fsstore.records import Finding, Record, Usage, timestamp
from fsstore.revisions import revision as revision_of

_MISSING = (FileNotFoundError, NotADirectoryError)
_NO_DIRECTORY = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP})
_PATIENCE = 0.05  # seconds: how long a file somebody is writing in place may take to become whole
_NOTHING: Any = object()
_T = TypeVar("_T")


class FileReader:
    """What can be asked of a store in a directory."""

    def __init__(self, tree: Tree, marker: layout.Marker) -> None:
        self.capabilities = Capabilities()
        self._tree = tree
        self._limit = marker.max_value_bytes
        self._folds = folding.folds_names(tree)
        self._places = Places(tree, folds=self._folds)
        self._known = self._places.known
        self._sidecars = Sidecars(tree, self._limit)
        self._journal = Journal(tree, layout.JOURNAL, layout.TMP)
        self._listings = Listings(tree)
        self._closed = False

    def get(self, namespace: str, keys: Iterable[str]) -> dict[str, Any]:
        """The values of those keys that exist, or the error of reading them."""
        out = {}
        open_file, decode, limit, known = self._tree.open_file, values.decode, self._limit, self._known
        for key in keys:
            try:
                place = known.get((namespace, key)) or self._find(namespace, key)
            except TypeError:  # what cannot be hashed is no str: it says so
                place = self._find(namespace, key)
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
                value = self._late_value(namespace, key, place.path)
            if value is not _NOTHING and not (self._folds and self._is_others(place.path)):
                out[key] = value
        return out

    def has(self, namespace: str, key: str) -> bool:
        """Whether there is anything where the key's file would lie."""
        place = self._find(namespace, key)
        try:
            parent = self._tree.open_handle(place.parent)
        except _MISSING:
            self._require_store()
            return False
        except OSError as error:
            raise self._reading(error, namespace, key, place.path) from error
        try:
            os.stat(place.name, dir_fd=parent, follow_symlinks=False)
        except FileNotFoundError:
            return False
        except OSError as error:
            raise self._reading(error, namespace, key, place.path) from error
        finally:
            os.close(parent)
        return not self._is_others(place.path)

    def keys(self, namespace: str, prefix: str = "") -> list[str]:
        """The sorted keys, from directories listed again only where they changed."""
        path = encode_namespace(namespace)
        with self._failing(path):
            found = [] if self._is_others(path) else self._listings.keys(path, prefix)
        return found or self._nothing(found)

    def scan(self, namespace: str, prefix: str = "", after: str | None = None) -> Iterator[tuple[str, Any]]:
        """Keys in order with their values, as they are when their turn comes."""
        root = encode_namespace(namespace)
        with self._failing(root):
            found = False
            for key, path in self._walk(root, prefix, after):
                value = self._late_value(namespace, key, path)
                if value is not _NOTHING:
                    found = True
                    yield key, value
            if not found:
                self._require_store()

    def read_all(self, namespace: str, prefix: str = "") -> dict[str, Any]:
        """All values, directory by directory."""
        out: dict[str, Any] = {}
        root = encode_namespace(namespace)
        with self._failing(root), paused:
            todo = [] if self._is_others(root) else [(root, ROOT)]
            while todo:
                path, level = todo.pop()
                try:
                    fd = self._tree.open(path, DIRECTORY)
                except OSError as error:
                    if error.errno in _NO_DIRECTORY:
                        continue
                    raise
                try:
                    todo += self._read_directory(fd, path, level, namespace, prefix, out)
                finally:
                    os.close(fd)
        return dict(sorted(out.items())) if out else self._nothing(out)

    def record(self, namespace: str, key: str) -> Record | None:
        """The record, its value, revision, size and time from one descriptor."""
        place = self._find(namespace, key)
        try:
            raw, value, status = self._patiently(place.path, lambda: self._load(place.absolute))
        except _MISSING:
            self._require_store()
            return None
        except (OSError, values.Malformed) as error:
            raise self._reading(error, namespace, key, place.path) from None
        if self._is_others(place.path):
            return None
        revision = revision_of(raw)
        with self._failing(layout.JOURNAL):
            came = origin(self._journal.lines(place.stripe, place.path), revision, status)
        return Record(
            namespace=namespace,
            key=key,
            value=value,
            metadata=self._sidecars.metadata(place),
            created_at=timestamp(came.created_at),
            updated_at=timestamp(came.updated_at),
            created_by=came.created_by,
            updated_by=came.updated_by,
            revision=revision,
            size=len(raw),
            path=self._absolute(place.path),
        )

    def usage(self, namespace: str) -> Usage:
        """Number and total size of the files of a namespace."""
        root = encode_namespace(namespace)
        count = size = 0
        with self._failing(root):
            for _, path in self._walk(root):
                with contextlib.suppress(*_MISSING):
                    size += self._tree.stat(path).st_size
                    count += 1
            if not count:
                self._require_store()
        return Usage(1 if count else 0, count, size)

    def namespaces(self) -> list[str]:
        """Namespaces with at least one key."""
        with self._failing(""):
            found = sorted(name for name, path in self._listings.namespaces() if self._holds_keys(path))
        return found or self._nothing(found)

    def _holds_keys(self, path: str) -> bool:
        try:
            return self._listings.any_key(path)
        except PermissionError:  # not for us, like lost+found at the top of a disk; it must not hide the others
            return False

    def check(self) -> Iterator[Finding]:
        """All that is no healthy record."""
        from fsstore.engines.files.doctor import examine

        with self._failing(""):
            yield from examine(self._tree, self._limit)

    def close(self) -> None:
        """Every later call raises `Closed`."""
        self._closed = True
        self._known.clear()  # later calls have to find their places, and find out

    def _read_directory(
        self, fd: int, path: str, level: Level, namespace: str, prefix: str, out: dict[str, Any]
    ) -> list[tuple[str, Level]]:
        """Read the values of one open directory into ``out``; the directories below it that are left to read."""
        entries = read_entries(fd, level, path)
        decode, open_file, close, limit = values.decode, os.open, os.close, self._limit
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
                value = self._late_value(namespace, key, f"{path}/{name}")
                if value is not _NOTHING:
                    out[key] = value
        return [(f"{path}/{name}", below) for name, below in entries.directories if below.may_hold(prefix)]

    def _late_value(self, namespace: str, key: str, path: str) -> Any:
        """The value at a path, `_NOTHING`, or the error of reading it; waits for a file that is being written."""
        try:
            return self._patiently(path, lambda: self._load(path))[1]
        except _MISSING:
            return _NOTHING
        except (OSError, values.Malformed) as error:
            return self._reading(error, namespace, key, path)

    def _load(self, path: str | bytes) -> tuple[bytes, Any, os.stat_result]:
        """Bytes, value and status of one file, by one descriptor."""
        fd = self._tree.open(path, READ)
        try:
            raw = read_descriptor(fd, self._limit)
            return raw, values.decode(raw), os.fstat(fd)
        finally:
            os.close(fd)

    def _patiently(self, path: str, load: Callable[[], _T]) -> _T:
        """Load a file again that makes no sense, while it is so young that somebody may still be writing it."""
        until = time.monotonic() + _PATIENCE
        while True:
            try:
                return load()
            except values.Malformed:
                if time.monotonic() > until or not self._is_young(path):
                    raise
            time.sleep(0.002)

    def _is_young(self, path: str) -> bool:
        try:
            return abs(time.time() - self._tree.stat(path).st_mtime) < _PATIENCE
        except OSError:
            return True

    def _walk(self, root: str, prefix: str = "", after: str | None = None) -> Iterator[tuple[str, str]]:
        return iter(()) if self._is_others(root) else self._listings.walk(root, prefix, after)

    def _find(self, namespace: str, key: str) -> Place:
        self._require_open()
        return self._places.find(namespace, key)

    def _is_others(self, path: str) -> bool:
        """Whether what lies at this path has, on a folding file system, another name."""
        return self._folds and folding.other_name(self._tree, path) is not None

    def _absolute(self, path: str) -> str:
        return f"{self._tree.root}/{path}"

    def _reading(self, error: OSError | values.Malformed, namespace: str, key: str, path: str) -> StoreError:
        return failures.reading(error, namespace, key, self._absolute(path), self._limit)

    def _failing(self, path: str) -> contextlib.AbstractContextManager[None]:
        """What the operating system says of this path, said as a `StoreError`; `Closed` after `close`."""
        self._require_open()
        return failures.told(self._absolute(path))

    def _require_open(self) -> None:
        if self._closed:
            raise Closed(f"the store {self._tree.root} is closed. Open it again with fsstore.open().")

    def _require_store(self) -> None:
        """Tell a key that is not there from a store that is not there (moved, unmounted, deleted)."""
        self._require_open()
        try:
            os.close(self._tree.open(layout.MARKER, READ))
        except OSError as error:
            if error.errno not in _NO_DIRECTORY:  # it is there, whatever it is
                return
            raise StoreMissing(
                f"{self._tree.root} is a store no more: its {layout.MARKER} is gone. Was it moved, deleted or "
                f"unmounted? Bring it back, or open the store where it is now.",
                path=self._tree.root,
            ) from None

    def _nothing(self, nothing: _T) -> _T:
        self._require_store()
        return nothing
