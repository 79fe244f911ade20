"""Reading a store's directory: values, listings and records, without a lock and without writing anything."""

from __future__ import annotations

import contextlib
import errno
import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, TypeVar

from fsstore import values
from fsstore.engine import UNREADABLE, Capabilities, Content
from fsstore.engines.files import failures, folding, layout
from fsstore.engines.files.atomic import DIRECTORY, READ, Tree, read_descriptor
from fsstore.engines.files.collector import paused
from fsstore.engines.files.consistent import Consistency
from fsstore.engines.files.gate import COUNT
from fsstore.engines.files.intents import NOTHING_OPEN, Intents, Overlay
from fsstore.engines.files.journal import Journal, origin
from fsstore.engines.files.listing import Listings, read_entries
from fsstore.engines.files.places import Place, Places
from fsstore.engines.files.sidecars import Sidecars
from fsstore.engines.files.stripes import Stripes
from fsstore.errors import Closed, StoreError, StoreMissing
from fsstore.keys import ROOT, Level, encode_namespace
from fsstore.records import Finding, Record, Usage, timestamp
from fsstore.revisions import revision as revision_of

_MISSING = (FileNotFoundError, NotADirectoryError)
_NO_DIRECTORY = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP})
_PATIENCE = 0.05  # seconds: how long a file somebody is writing in place may take to become whole
_NOTHING: Any = object()
_ALL = range(COUNT)
_T = TypeVar("_T")


class FileReader:
    """What can be asked of a store in a directory."""

    def __init__(self, tree: Tree, marker: layout.Marker, stripes: Stripes) -> None:
        self.capabilities = Capabilities()
        self._tree = tree
        self._limit = marker.max_value_bytes
        self._folds = folding.folds_names(tree)
        self._places = Places(tree, folds=self._folds)
        self._known = self._places.known
        self._sidecars = Sidecars(tree, self._limit)
        self._journal = Journal(tree, layout.JOURNAL, layout.TMP)
        self._listings = Listings(tree)
        self._gate = stripes.gate
        self._intents = Intents(tree)
        self._consistency = Consistency(stripes.gate, self._intents, self._journal)
        self._closed = False

    def get(self, namespace: str, keys: Sequence[str]) -> dict[str, Any]:
        """The values of those keys that exist, or the error of reading them."""
        if len(keys) != 1:
            return self._view(namespace, keys, values.decode)
        overlay = NOTHING_OPEN
        place = self._find(namespace, keys[0])
        if self._gate.is_open(place.stripe):
            overlay = self._consistency.overlay(place.stripe)
        return self._read(namespace, (place,), values.decode, overlay)

    def contents(self, namespace: str, keys: Sequence[str]) -> dict[str, Content]:
        """The same, with the revisions."""
        return self._view(namespace, keys, _content)

    def _view(self, namespace: str, keys: Sequence[str], decode: Callable[[bytes], _T]) -> dict[str, _T]:
        places = [self._find(namespace, key) for key in keys]
        by_path: dict[str, str] = {}

        def key_of(path: str) -> str | None:
            if not by_path:
                by_path.update({place.path: place.key for place in places})
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
            if value is not _NOTHING and not (self._folds and self._is_others(place.path)):
                out[place.key] = value
        return out

    def has(self, namespace: str, key: str) -> bool:
        """Whether there is anything where the key's file would lie."""
        place = self._find(namespace, key)
        overlay = self._consistency.overlay(place.stripe)
        if place.path in overlay.paths:
            return self._late(namespace, key, place.path, values.decode, overlay) is not _NOTHING
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
            counters = self._gate.read()
            found = [] if self._is_others(path) else self._listings.keys(path, prefix)
            if not self._gate.is_quiet(counters):
                found = self._corrected(namespace, prefix, found)
        return found or self._nothing(found)

    def _corrected(self, namespace: str, prefix: str, listed: list[str]) -> list[str]:
        """A listing as open commits will leave it."""
        overlay = self._intents.overlay(_ALL)
        names = set(listed)
        for of_namespace, key, path in overlay.keys:
            if of_namespace == namespace and key.startswith(prefix):
                (names.discard if overlay.paths[path] is None else names.add)(key)
        return sorted(names)

    def scan(self, namespace: str, prefix: str = "", after: str | None = None) -> Iterator[tuple[str, Any]]:
        """Keys in order with their values, as they are when their turn comes."""
        root = encode_namespace(namespace)
        with self._failing(root):
            found = False
            for key, path in self._walk(root, prefix, after):
                value = self._late(namespace, key, path, values.decode)
                if value is not _NOTHING:
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

    def moment(self) -> object:
        """The gate's counters."""
        self._require_open()
        return self._gate.read()

    def _view_all(self, namespace: str, prefix: str, decode: Callable[[bytes], _T]) -> dict[str, _T]:
        root = encode_namespace(namespace)

        def key_of(path: str) -> str | None:
            of_namespace, key = layout.name_of(path) if path.startswith(root + "/") else (None, None)
            return key if of_namespace == namespace and key is not None and key.startswith(prefix) else None

        def read(overlay: Overlay) -> dict[str, _T]:
            out = self._read_all(root, namespace, prefix, decode)
            for of_namespace, key, path in overlay.keys:
                if of_namespace == namespace and key.startswith(prefix):
                    value = self._late(namespace, key, path, decode, overlay)
                    if value is _NOTHING:
                        out.pop(key, None)
                    else:
                        out[key] = value
            return out

        def again(some: Iterable[str], overlay: Overlay) -> dict[str, _T]:
            return self._read(namespace, [self._places.find(namespace, key) for key in some], decode, overlay)

        with self._failing(root), paused:
            out = self._consistency.view(_ALL, read, key_of, again)
        return dict(sorted(out.items())) if out else self._nothing(out)

    def _read_all(self, root: str, namespace: str, prefix: str, decode: Callable[[bytes], Any]) -> dict[str, Any]:
        out: dict[str, Any] = {}
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
        except _MISSING:
            self._require_store()
            return None
        except (OSError, values.Malformed) as error:
            raise self._reading(error, place.namespace, place.key, place.path) from None
        if self._is_others(place.path):
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
            counters = self._gate.read()
            found = sorted(name for name, path in self._listings.namespaces() if self._holds_keys(path))
            if not self._gate.is_quiet(counters):
                changing = {namespace for namespace, _, _ in self._intents.overlay(_ALL).keys}
                found = sorted(set(found) - changing | {name for name in changing if self.keys(name)})
        return found or self._nothing(found)

    def _holds_keys(self, path: str) -> bool:
        try:
            return self._listings.any_key(path)
        except PermissionError:  # not for us, like lost+found at the top of a disk; it must not hide the others
            return False

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
        self._known.clear()  # later calls have to find their places, and find out

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
                if value is not _NOTHING:
                    out[key] = value
        return [(f"{path}/{name}", below) for name, below in entries.directories if below.may_hold(prefix)]

    def _late(
        self,
        namespace: str,
        key: str,
        path: str,
        decode: Callable[[bytes], Any],
        overlay: Overlay = NOTHING_OPEN,
    ) -> Any:
        """The value at a path, `_NOTHING`, or the error of reading it; waits for a file that is being written."""
        try:
            return self._patiently(path, lambda: self._load(path, decode, overlay))[1]
        except _MISSING:
            return _NOTHING
        except (OSError, values.Malformed) as error:
            told = self._reading(error, namespace, key, path)
            return told if decode is values.decode else Content(told, self._revision_of_bad(path))

    def _load(
        self, path: str, decode: Callable[[bytes], Any], overlay: Overlay = NOTHING_OPEN
    ) -> tuple[bytes, Any, os.stat_result]:
        """Bytes, value and status of one file, by one descriptor."""
        fd = overlay.open(self._tree, path)
        try:
            raw = read_descriptor(fd, self._limit)
            return raw, decode(raw), os.fstat(fd)
        finally:
            os.close(fd)

    def _revision_of_bad(self, path: str) -> str:
        try:
            return revision_of(self._tree.read(path, self._limit))
        except OSError:
            return UNREADABLE

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
        try:
            if (place := self._known.get((namespace, key))) is not None:
                return place
        except TypeError:  # what cannot be hashed is no str: `find` says so
            pass
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


def _content(raw: bytes) -> Content:
    return Content(values.decode(raw), revision_of(raw))
