"""The file engine: each record one JSON file, read without a lock and replaced whole under its key's lock."""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import stat
import time
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple, TypeVar

from fsstore import values
from fsstore.engine import Capabilities, Delete, Expect, Op, Outcome, Put, require_expected
from fsstore.engines.files import failures, folding, layout
from fsstore.engines.files.atomic import DIRECTORY, READ, Tree, irregular, read_descriptor
from fsstore.engines.files.journal import Journal, Line
from fsstore.engines.files.listing import Listings, read_entries
from fsstore.engines.files.locks import STRIPES, Stripes
from fsstore.errors import (
    Closed,
    NameCollision,
    StoreError,
    StoreMissing,
)
from fsstore.keys import ROOT, Level, encode_key, encode_namespace, path_of
from fsstore.records import Author, Finding, Record, Usage, timestamp

_log = logging.getLogger("fsstore")

_MISSING = (FileNotFoundError, NotADirectoryError)
_PATIENCE = 0.05  # seconds: how long a file somebody is writing in place may take to become whole
_ATTEMPTS = 16  # a directory made for a file can be gone before the file arrives
_CACHED_PATHS = 100_000
_LARGE = 1024 * 1024
_NOTHING: Any = object()
_T = TypeVar("_T")
_JOURNAL_NAMES = {Outcome.CREATED: "create", Outcome.UPDATED: "update", Outcome.DELETED: "delete"}


class _Work(NamedTuple):
    """One op of a commit, and what its key looked like under the lock."""

    op: Op
    path: str
    stripe: int
    outcome: Outcome
    status: os.stat_result | None
    """Of the file before, if there was one."""
    sidecar: bytes | None = None
    """The metadata's new content, if it changes."""
    kept: bytes | None = None
    """The bytes of the file, if they are the value already, perhaps in a person's formatting."""


class FileEngine:
    """A store in a directory. Safe to share between threads; a forked child may go on using it."""

    def __init__(self, path: str, *, create: bool = True, read_only: bool = False, adopt: bool = False) -> None:
        root = os.path.realpath(path)
        self._tree = Tree(root)
        self._closed = False
        marker = layout.initialize(self._tree, adopt=adopt) if create and not read_only else self._marker()
        self.id = marker.id
        self._limit = marker.max_value_bytes
        self._stripes = Stripes(self._tree, layout.LOCKS)
        self._journal = Journal(self._tree, layout.JOURNAL, layout.TMP)
        self._listings = Listings(self._tree)
        self._paths: dict[tuple[str, str], str] = {}
        self._folds = folding.folds_names(self._tree)
        self._warned_of_size = False
        self.capabilities = Capabilities(
            read_only=_why_read_only(root, marker, read_only=read_only), durability=frozenset({"process"})
        )
        if not self.capabilities.read_only:
            self._prove_locks()

    # -- reading -----------------------------------------------------------------------------------

    def get(self, namespace: str, keys: Iterable[str]) -> dict[str, Any]:
        """The values of those keys that exist, or the error of reading them."""
        out = {}
        known = self._paths
        for key in keys:
            path = known.get((namespace, key)) or self._locate(namespace, key)
            value = self._value(namespace, key, path)
            if value is not _NOTHING:
                out[key] = value
        return out

    def has(self, namespace: str, key: str) -> bool:
        """Is there anything where the key's file would lie?"""
        path = self._paths.get((namespace, key)) or self._locate(namespace, key)
        try:
            parent, name = self._tree.open_parent(path)
        except _MISSING:
            self._require_store()
            return False
        except OSError as error:
            raise self._reading(error, namespace, key, path) from error
        try:
            os.stat(name, dir_fd=parent, follow_symlinks=False)
        except FileNotFoundError:
            return False
        finally:
            os.close(parent)
        return not self._is_others(path)

    def keys(self, namespace: str, prefix: str = "") -> list[str]:
        """The sorted keys, from directories listed again only where they changed."""
        path = encode_namespace(namespace)
        with self._failing(path):
            found = self._listings.keys(path, prefix)
        return found or self._nothing_at(path, found)

    def scan(self, namespace: str, prefix: str = "", after: str | None = None) -> Iterator[tuple[str, Any]]:
        """Keys in order with their values, as they are when their turn comes."""
        root = encode_namespace(namespace)
        with self._failing(root):
            for key, path in self._listings.walk(root, prefix, after):
                value = self._value(namespace, key, path)
                if value is not _NOTHING:
                    yield key, value

    def read_all(self, namespace: str, prefix: str = "") -> dict[str, Any]:
        """All values, directory by directory."""
        out: dict[str, Any] = {}
        root = encode_namespace(namespace)
        todo = [(root, ROOT)]
        with self._failing(root):
            while todo:
                path, level = todo.pop()
                try:
                    fd = self._tree.open(path, DIRECTORY)
                except OSError as error:
                    if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP):
                        continue
                    raise
                try:
                    below = self._read_directory(fd, path, level, namespace, prefix, out)
                finally:
                    os.close(fd)
                todo += below
        return dict(sorted(out.items())) if out else self._nothing_at(root, out)

    def record(self, namespace: str, key: str) -> Record | None:
        """The record, its value, revision, size and time from one descriptor."""
        path = self._locate(namespace, key)
        try:
            raw, value, status = self._patiently(path, lambda: self._load(path))
        except _MISSING:
            self._require_store()
            return None
        except (OSError, values.Malformed) as error:
            raise self._reading(error, namespace, key, path) from None
        if self._is_others(path):
            return None
        revision = values.revision(raw)
        origin = self._journal.origin(self._stripe(path), path, revision, status)
        return Record(
            namespace=namespace,
            key=key,
            value=value,
            metadata=self._metadata(namespace, key),
            created_at=timestamp(origin.created_at),
            updated_at=timestamp(origin.updated_at),
            created_by=origin.created_by,
            updated_by=origin.updated_by,
            revision=revision,
            size=len(raw),
            path=f"{self._tree.root}/{path}",
        )

    def usage(self, namespace: str) -> Usage:
        """Number and total size of the files of a namespace."""
        root = encode_namespace(namespace)
        count = size = 0
        with self._failing(root):
            for _, path in self._listings.walk(root, "", None):
                with contextlib.suppress(FileNotFoundError):
                    size += self._tree.stat(path).st_size
                    count += 1
        return Usage(1 if count else 0, count, size)

    def namespaces(self) -> list[str]:
        """Namespaces with at least one key."""
        with self._failing(""):
            found = sorted(name for name, path in self._listings.namespaces() if self._listings.any_key(path))
        return found or self._nothing_at("", found)

    def check(self) -> Iterator[Finding]:
        """All that is no healthy record."""
        from fsstore.engines.files.doctor import examine

        yield from examine(self._tree, self._limit)

    # -- writing -----------------------------------------------------------------------------------

    def commit(self, ops: Sequence[Op], author: Author) -> list[Outcome]:
        """Lock, look, stage, journal, rename: in that order, so that nothing changes before all is ready."""
        located = [(op, self._locate(op.namespace, op.key)) for op in ops]
        stripes = [self._stripe(path) for _, path in located]
        with self._failing(layout.RUNTIME), self._stripes.hold(sorted(set(stripes))):
            works = [self._look(op, path, stripe) for (op, path), stripe in zip(located, stripes, strict=True)]
            staged: list[tuple[str, int] | None] = []
            try:
                staged += (self._stage(work) for work in works)
                self._note(works, staged, author)
                for work, file in zip(works, staged, strict=True):
                    self._apply(work, file)
            except BaseException:
                for file in staged:
                    if file is not None:
                        self._tree.discard(file[0])
                raise
        return [work.outcome for work in works]

    def close(self) -> None:
        """Close the lock files; every later call raises `Closed`."""
        if not self._closed:
            self._closed = True
            self._paths.clear()  # every later call has to locate its key, and finds out
            self._stripes.close()

    def _look(self, op: Op, path: str, stripe: int) -> _Work:
        """What is there, is it what the op expects, and what is therefore to be done?"""
        try:
            status = self._status(op, path)
        except OSError as error:
            raise failures.writing(error, op.namespace, op.key, self._absolute(path)) from error
        if op.expect is not Expect.ANYTHING:
            self._require_expected(op, path, status)
        if isinstance(op, Delete):
            return _Work(op, path, stripe, Outcome.MISSING if status is None else Outcome.DELETED, status)
        if len(op.raw) > self._limit:
            raise failures.too_large(len(op.raw), self._limit, f"key {op.key!r} of namespace {op.namespace!r}")
        if len(op.raw) > _LARGE and not self._warned_of_size:
            self._warned_of_size = True
            _log.warning("%s: values of more than 1 MiB make every reader and every history slow", path)
        sidecar = self._new_sidecar(op, exists=status is not None)
        if status is None:
            return _Work(op, path, stripe, Outcome.CREATED, None, sidecar)
        kept = self._kept(path, status, op.raw)
        outcome = Outcome.UPDATED if kept is None or sidecar is not None else Outcome.UNCHANGED
        return _Work(op, path, stripe, outcome, status, sidecar, kept)

    def _status(self, op: Op, path: str) -> os.stat_result | None:
        if self._folds and (other := folding.other_name(self._tree, path)) is not None:
            raise NameCollision(
                f"key {op.key!r} of namespace {op.namespace!r} would land on {other}, another name: this file system "
                f"takes both for one. Use a key that differs in more than case or accents.",
                namespace=op.namespace,
                key=op.key,
                path=other,
            )
        try:
            status = self._tree.stat(path)
        except FileNotFoundError:
            return None
        except NotADirectoryError:
            if isinstance(op, Delete):
                return None
            raise failures.blocked(op.namespace, op.key, self._absolute(path)) from None
        if stat.S_ISDIR(status.st_mode):
            raise failures.blocked(op.namespace, op.key, self._absolute(path))
        return status

    def _require_expected(self, op: Op, path: str, status: os.stat_result | None) -> None:
        actual = None
        if status is not None:
            try:
                actual = values.revision(self._tree.read(path, self._limit))
            except OSError as error:
                raise self._reading(error, op.namespace, op.key, path) from None
        require_expected(op, actual)

    def _kept(self, path: str, status: os.stat_result, raw: bytes) -> bytes | None:
        """The file's bytes if they hold the value that is to be stored: an equal value is not written again."""
        if not stat.S_ISREG(status.st_mode) or status.st_size > self._limit:
            return None
        try:
            stored = self._tree.read(path, self._limit)
        except OSError:
            return None
        return stored if values.same(stored, raw) else None

    def _stage(self, work: _Work) -> tuple[str, int] | None:
        if not isinstance(work.op, Put) or work.kept is not None:
            return None
        like = work.status if work.status is not None and irregular(work.status.st_mode) is None else None
        return self._stage_file(work.op.raw, like)

    def _stage_file(self, raw: bytes, like: os.stat_result | None) -> tuple[str, int]:
        with self._failing(layout.TMP):
            try:
                return self._tree.stage(layout.TMP, raw, like)
            except FileNotFoundError:
                self._require_store()
                os.close(self._tree.make_directories(layout.TMP))
                return self._tree.stage(layout.TMP, raw, like)

    def _note(self, works: list[_Work], staged: list[tuple[str, int] | None], author: Author) -> None:
        """Write the journal lines of what is about to be done."""
        lines: dict[int, list[Line]] = {}
        now = time.time()
        for work, file in zip(works, staged, strict=True):
            name = _JOURNAL_NAMES.get(work.outcome)
            if name is None:
                continue
            was = None if work.status is None else work.status.st_mtime
            revision = mtime_ns = None
            if isinstance(work.op, Put):
                revision = values.revision(work.op.raw if work.kept is None else work.kept)
                mtime_ns = file[1] if file is not None else work.status and work.status.st_mtime_ns
            lines.setdefault(work.stripe, []).append(Line(name, work.path, revision, mtime_ns, was, *author, now))
        for stripe, of_stripe in lines.items():
            try:
                self._journal.append(stripe, of_stripe)
            except OSError as error:
                if any(line.op != "delete" for line in of_stripe):
                    raise failures.other(error, self._absolute(layout.JOURNAL)) from error
                _log.warning("deleted, but not noted who did it: %s", error)  # deletes must work on a full disk

    def _apply(self, work: _Work, staged: tuple[str, int] | None) -> None:
        op = work.op
        try:
            if work.sidecar is not None:
                self._place_sidecar(op, work.sidecar)
            if staged is not None:
                self._place(staged[0], work.path)
            elif work.outcome is Outcome.DELETED:
                self._remove(work.path)
                self._remove(_sidecar_path(op.namespace, op.key))
        except OSError as error:
            raise failures.writing(error, op.namespace, op.key, self._absolute(work.path)) from error

    def _place(self, staged: str, path: str) -> None:
        for attempt in range(_ATTEMPTS):
            try:
                parent, name = self._tree.open_parent(path, create=True)
                try:
                    self._tree.rename(staged, parent, name)
                finally:
                    os.close(parent)
            except FileNotFoundError:
                self._require_store()
                if attempt == _ATTEMPTS - 1:
                    raise
            else:
                return

    def _remove(self, path: str) -> None:
        """Remove a file, and the directories that this leaves empty."""
        try:
            parent, name = self._tree.open_parent(path)
        except _MISSING:
            return
        try:
            os.unlink(name, dir_fd=parent)
        except FileNotFoundError:
            return
        finally:
            os.close(parent)
        with contextlib.suppress(OSError):  # not empty, mostly
            while "/" in path:
                path = path.rpartition("/")[0]
                parent, name = self._tree.open_parent(path)
                try:
                    os.rmdir(name, dir_fd=parent)
                finally:
                    os.close(parent)

    # -- metadata ----------------------------------------------------------------------------------

    def _metadata(self, namespace: str, key: str) -> dict[str, Any]:
        return dict(self._sidecar(namespace, key).get("metadata", {}))

    def _sidecar(self, namespace: str, key: str) -> dict[str, Any]:
        path = _sidecar_path(namespace, key)
        try:
            found = values.decode(self._tree.read(path, self._limit))
            if not isinstance(found, dict) or not isinstance(found.get("metadata", {}), dict):
                raise values.Malformed('metadata is an object like {"metadata": {...}}')
        except _MISSING:
            return {}
        except (OSError, values.Malformed) as error:
            raise self._reading(error, namespace, key, path) from None
        return found

    def _new_sidecar(self, op: Put, *, exists: bool) -> bytes | None:
        """The content the sidecar gets; ``b""`` for one that a vanished record left and that must go."""
        if exists:
            if not op.metadata:
                return None
            old = self._sidecar(op.namespace, op.key)
            new = {**old, "metadata": {**old.get("metadata", {}), **op.metadata}}
            raw = values.encode(new)
            return None if raw == values.encode(old) else raw
        if op.metadata:
            return values.encode({"metadata": dict(op.metadata)})
        try:
            self._tree.stat(_sidecar_path(op.namespace, op.key))
        except OSError:
            return None
        return b""

    def _place_sidecar(self, op: Op, raw: bytes) -> None:
        path = _sidecar_path(op.namespace, op.key)
        if not raw:
            return self._remove(path)
        staged, _ = self._stage_file(raw, None)
        try:
            self._place(staged, path)
        except BaseException:
            self._tree.discard(staged)
            raise

    # -- one value ---------------------------------------------------------------------------------

    def _value(self, namespace: str, key: str, path: str) -> Any:
        """The value at a path, `_NOTHING`, or the error of reading it."""
        try:
            fd = self._tree.open(path, READ)
            try:
                raw = read_descriptor(fd, self._limit)
            finally:
                os.close(fd)
            value = values.decode(raw)
        except _MISSING:
            self._require_store()
            return _NOTHING
        except (OSError, values.Malformed):
            return self._late_value(namespace, key, path)
        return _NOTHING if self._folds and self._is_others(path) else value

    def _late_value(self, namespace: str, key: str, path: str) -> Any:
        """The value of a file that could not be read at once."""
        try:
            return self._patiently(path, lambda: self._load(path))[1]
        except _MISSING:
            return _NOTHING
        except (OSError, values.Malformed) as error:
            return self._reading(error, namespace, key, path)

    def _load(self, path: str) -> tuple[bytes, Any, os.stat_result]:
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

    def _read_directory(
        self, fd: int, path: str, level: Level, namespace: str, prefix: str, out: dict[str, Any]
    ) -> list[tuple[str, Level]]:
        """Read the values of one open directory into ``out``; the directories below it that are left to read."""
        entries = read_entries(fd, level)
        decode, open_file, close, limit = values.decode, os.open, os.close, self._limit
        for key, name in zip(entries.keys, entries.names, strict=True):
            if not key.startswith(prefix):
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
        return [
            (f"{path}/{name}", below)
            for name, below in entries.directories
            if below.text.startswith(prefix) or prefix.startswith(below.text)
        ]

    # -- small things ------------------------------------------------------------------------------

    def _locate(self, namespace: str, key: str) -> str:
        path = self._paths.get((namespace, key))
        if path is None:
            self._require_open()
            path = path_of(namespace, key)
            if len(self._paths) >= _CACHED_PATHS:
                self._paths.clear()
            self._paths[namespace, key] = path
        return path

    def _stripe(self, path: str) -> int:
        return zlib.crc32((folding.fold(path) if self._folds else path).encode()) % STRIPES

    def _is_others(self, path: str) -> bool:
        return self._folds and folding.other_name(self._tree, path) is not None

    def _absolute(self, path: str) -> str:
        return f"{self._tree.root}/{path}"

    def _reading(self, error: OSError | values.Malformed, namespace: str, key: str, path: str) -> StoreError:
        return failures.reading(error, namespace, key, self._absolute(path), self._limit)

    @contextlib.contextmanager
    def _failing(self, path: str) -> Iterator[None]:
        self._require_open()
        try:
            yield
        except OSError as error:
            if isinstance(error, StoreError):
                raise
            raise failures.other(error, self._absolute(path)) from error

    def _marker(self) -> layout.Marker:
        with self._failing(layout.MARKER):
            return layout.read_marker(self._tree)

    def _require_open(self) -> None:
        if self._closed:
            raise Closed(f"the store {self._tree.root} is closed. Open it again with fsstore.open().")

    def _require_store(self) -> None:
        """Tell a key that is not there from a store that is not there (moved, unmounted, deleted)."""
        self._require_open()
        try:
            self._tree.stat(layout.MARKER)
        except _MISSING:
            raise StoreMissing(
                f"{self._tree.root} is a store no more: its {layout.MARKER} is gone. Was it moved, deleted or "
                f"unmounted? Bring it back, or open the store where it is now.",
                path=self._tree.root,
            ) from None

    def _nothing_at(self, path: str, nothing: Any) -> Any:
        self._require_store()
        return nothing

    def _prove_locks(self) -> None:
        """Refuse a file system without flock at once, not at the first write."""
        with self._failing(layout.LOCKS), self._stripes.hold([0]):
            pass


def _sidecar_path(namespace: str, key: str) -> str:
    return f"{encode_namespace(namespace)}/{layout.META}/{encode_key(key)}"


def _why_read_only(root: str, marker: layout.Marker, *, read_only: bool) -> str:
    if read_only:
        return "it was opened with read_only=True"
    if marker.format != layout.FORMAT:
        return f"its format is {marker.format}, and this fsstore writes format {layout.FORMAT}; upgrade fsstore"
    if not os.access(root, os.W_OK):
        return "you may not write to its directory"
    return ""
