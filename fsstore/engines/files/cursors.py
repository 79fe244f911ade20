"""How far the watchers with a name have come: one file for each, locked while it is in use. It knows no watcher.

The file is replaced whole, and what is handled is appended to it in one write each. The lock is one on the file itself
(flock), so that it is free when the process ends, however it does; the file that takes its place is locked before.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import threading
from collections.abc import Iterator

from filelock import lock_descriptor

from fsstore import cursors
from fsstore.engine import cursor_in_use
from fsstore.engines.files import failures, locked
from fsstore.engines.files.atomic import Tree, write_all
from fsstore.engines.files.layout import CURSORS
from fsstore.engines.files.locked import LockedFile
from fsstore.events import Told
from fsstore.keys import encode_namespace

_LONG = 10_000
"""Lines that are appended before the file is written anew, at least; else as many as there are keys in it."""


class FileCursor:
    """What one watcher has handled. It is of use to the process alone that opened it."""

    def __init__(self, tree: Tree, name: str, store: str) -> None:
        """Raises `Conflict` if another watcher has it, `InvalidName`."""
        self._path = path_of(name)
        self._tree, self._store = tree, store
        self._size = self._appended = 0
        self._keys = 0
        self._absolute = f"{tree.root}/{self._path}"
        with failures.told(self._absolute):
            os.close(tree.make_directories(CURSORS))
            file = locked.lock(tree, tree.absolute(self._path))
        if file is None:
            raise cursor_in_use(name)
        self._file = file
        self._lock = threading.RLock()  # so that nothing is noted in what is closed: its number is soon another file's

    def load(self) -> Told | None:
        """What it had handled; ``None`` if it is new. Raises `DamagedCursor`."""
        with failures.told(self._absolute):
            raw = self._file.read(os.fstat(self._file.fd).st_size)
            if not raw:
                return None
            saved = cursors.decode(raw, self._absolute, self._store)
            if saved.size < len(raw):
                os.ftruncate(self._file.fd, saved.size)
        self._size, self._appended, self._keys = saved.size, saved.appended, _count(saved.told or {})
        return saved.told

    def reset(self, told: Told) -> None:
        """It has handled all of this, and nothing else. Survives a loss of power, and is there whole or not at all."""
        raw = cursors.encode(told, self._store)
        with self._open() as is_open:
            if is_open:
                os.close(self._tree.make_directories(CURSORS))
                self._replace(raw)
                self._size, self._appended, self._keys = len(raw), 0, _count(told)

    @contextlib.contextmanager
    def _open(self) -> Iterator[bool]:
        """Whether it is of use; until the end of the body it stays so. Failures name the file."""
        if not self._file.is_ours:  # closed, or in a forked child, where the lock may be held by nobody
            yield False
            return
        with self._lock, failures.told(self._absolute):
            yield self._file.is_ours

    def _replace(self, raw: bytes) -> None:
        directory, _, name = self._path.rpartition("/")
        staged = LockedFile(self._tree, self._tree.absolute(f"{directory}/.{name}"))
        try:
            lock_descriptor(staged.fd, blocking=False)
            os.ftruncate(staged.fd, 0)
            write_all(staged.fd, raw)
            os.fsync(staged.fd)
            os.rename(staged.path, self._tree.absolute(self._path))
        except BaseException:
            staged.remove()
            raise
        staged.path = self._tree.absolute(self._path)
        self._file.close()
        self._file = staged

    def note(self, namespace: str, key: str, mark: bytes) -> None:
        """It has handled this. Survives the end of the process."""
        line = cursors.encode_note(namespace, key, mark)
        with self._open() as is_open:
            if not is_open:
                return
            written = os.pwrite(self._file.fd, line, self._size)
            while written < len(line):
                written += os.pwrite(self._file.fd, line[written:], self._size + written)
            self._size += len(line)
            self._appended += 1
            if self._appended > max(_LONG, self._keys) or not os.fstat(self._file.fd).st_nlink:
                self._write_anew()

    def _write_anew(self) -> None:
        """Write a file that has grown long, or was removed, as one that says the same."""
        raw = self._file.read(os.fstat(self._file.fd).st_size)
        told = cursors.decode(raw, self._absolute, self._store).told if raw else {}
        self.reset(told or {})

    def close(self) -> None:
        """Free the name. A file that says nothing is removed."""
        with self._open() as is_open:
            if is_open and not os.fstat(self._file.fd).st_size:
                self._file.remove()
            self._file.close()


def path_of(name: str) -> str:
    """The file of a cursor, relative to the store's root. Raises `InvalidName`."""
    cursors.require_name(name)
    encoded, _, more = encode_namespace(name).partition("/")
    if more:  # too long for one file name; no short name has "%-"
        encoded += "-" + hashlib.blake2b(name.encode(), digest_size=16).hexdigest()
    return f"{CURSORS}/{encoded}"


def _count(told: Told) -> int:
    return sum(len(marks) for marks in told.values())
