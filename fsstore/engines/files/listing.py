"""Which keys a directory tree holds, from names alone: no file is opened, none is asked for its status.

Whatever is called like a key's file is listed as that key; reading it tells whether it is a value. A
directory is listed again only if its status changed, and not trusted to be unchanged while it is younger
than the file system's clock can tell (git's rule for "racy" entries).
"""

from __future__ import annotations

import heapq
import os
import stat
import time
from bisect import bisect_left
from collections.abc import Iterator
from typing import NamedTuple

from fsstore import keys
from fsstore.engines.files.atomic import DIRECTORY, Tree
from fsstore.keys import Level

_LONG = 800  # characters of a directory's path: with fewer no name in it can be too long
_CACHED_KEYS = 4_000_000
_TICK = 20_000_000  # ns; kernels stamp files with a clock that stands still for 1-10 ms
_COARSE_TICK = 2_500_000_000  # ns; for file systems that keep whole or even seconds
_GONE = (FileNotFoundError, NotADirectoryError)

Stamp = tuple[int, int, int, int]


class Entries(NamedTuple):
    """The names of one directory that can mean something."""

    names: list[str]
    """Files of keys, in no order."""
    keys: list[str]
    """The keys of ``names``, in their order."""
    directories: list[tuple[str, Level]]
    """Names of directories that may hold keys."""


class _Listing(NamedTuple):
    stamp: Stamp
    keys: list[str]
    """Sorted."""
    directories: list[tuple[str, Level]]


class Listings:
    """The keys of a store's namespaces, remembered by directory."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        self._known: dict[str, _Listing] = {}
        self._whole: dict[str, tuple[list[_Listing], list[str]]] = {}
        self._size = 0

    def keys(self, namespace_path: str, prefix: str) -> list[str]:
        """All keys with that prefix, sorted; a new list."""
        if os.path.islink(self._tree.root):  # in the place of the store: then nothing is remembered, and opening fails
            self._known.clear()
            self._size = 0
        listings: list[_Listing] = []
        todo = [(namespace_path, keys.ROOT)]
        while todo:
            path, level = todo.pop()
            listing = self._listing(path, level)
            if listing is not None:
                listings.append(listing)
                todo += [(f"{path}/{name}", below) for name, below in listing.directories if below.may_hold(prefix)]
        if prefix:
            return merge([_starting(listing.keys, prefix) for listing in listings])
        before = self._whole.get(namespace_path)
        if before is None or before[0] != listings:
            before = (listings, merge([listing.keys for listing in listings]))
            if listings:
                self._whole[namespace_path] = before
            else:
                self._whole.pop(namespace_path, None)
        return before[1].copy()

    def any_key(self, namespace_path: str) -> bool:
        """Does the namespace hold a key?"""
        todo = [(namespace_path, keys.ROOT)]
        while todo:
            path, level = todo.pop()
            listing = self._listing(path, level)
            if listing is not None:
                if listing.keys:
                    return True
                todo += [(f"{path}/{name}", below) for name, below in listing.directories]
        return False

    def namespaces(self) -> list[tuple[str, str]]:
        """Every directory that is a namespace, empty ones too: its name and path."""
        found = []
        todo = [""]
        while todo:
            parent = todo.pop()
            for name in self._subdirectories(parent):
                path = f"{parent}{name}"
                if name.endswith("%"):
                    todo.append(path + "/")
                elif (namespace := keys.decode_namespace(path)) is not None:
                    found.append((namespace, path))
        return found

    def walk(self, namespace_path: str, prefix: str, after: str | None) -> Iterator[tuple[str, str]]:
        """Keys in order, each with its path; holds the names of the directories on the way to the current key."""
        heap: list[tuple[str, str, Level | None]] = [("", namespace_path, keys.ROOT)]
        while heap:
            text, path, level = heapq.heappop(heap)
            if level is None:
                yield text, path
                continue
            entries = self.entries(path, level)
            for key, name in zip(entries.keys, entries.names, strict=True):
                if key.startswith(prefix) and (after is None or key > after):
                    heapq.heappush(heap, (key, f"{path}/{name}", None))
            for name, below in entries.directories:
                if below.may_hold(prefix) and (after is None or below.text > after or after.startswith(below.text)):
                    heapq.heappush(heap, (below.text, f"{path}/{name}", below))

    def entries(self, path: str, level: Level) -> Entries:
        """The directory as it is now; nothing if it is gone or no directory."""
        fd = self._open(path)
        if fd is None:
            return Entries([], [], [])
        try:
            return read_entries(fd, level, path)
        finally:
            os.close(fd)

    def _listing(self, path: str, level: Level) -> _Listing | None:
        known = self._known.get(path)
        try:
            if known is not None and known.stamp == _stamp(self._tree.stat(path)):
                return known
        except _GONE:
            pass
        self._forget(path)
        fd = self._open(path)
        if fd is None:
            return None
        try:
            now = time.time_ns()
            stamp = _stamp(os.fstat(fd))
            entries = read_entries(fd, level, path)
        finally:
            os.close(fd)
        listing = _Listing(stamp, sorted(entries.keys), entries.directories)
        if is_settled(stamp[3], now):
            self._remember(path, listing)
        return listing

    def _remember(self, path: str, listing: _Listing) -> None:
        if self._size > _CACHED_KEYS:
            self._known.clear()
            self._whole.clear()
            self._size = 0
        self._known[path] = listing
        self._size += len(listing.keys) + 1

    def _forget(self, path: str) -> None:
        known = self._known.pop(path, None)
        if known is not None:
            self._size -= len(known.keys) + 1

    def _open(self, path: str) -> int | None:
        try:
            return self._tree.open(path, DIRECTORY)
        except _GONE:
            return None
        except OSError:
            try:
                is_link = stat.S_ISLNK(self._tree.stat(path).st_mode)
            except _GONE:  # since
                return None
            if is_link:
                return None  # no link is followed: what lies behind it is not in the store
            raise

    def _subdirectories(self, parent: str) -> list[str]:
        fd = self._open(parent.rstrip("/"))
        if fd is None:
            return []
        try:
            with os.scandir(fd) as entries:
                return [entry.name for entry in entries if entry.is_dir(follow_symlinks=False)]
        finally:
            os.close(fd)


def read_entries(fd: int, level: Level, path: str) -> Entries:
    """The names in an open directory, sorted out. ``path`` is its own, for what would be too long to be a key."""
    names = os.listdir(fd)
    if len(path) > _LONG:
        room = keys.MAX_PATH - len(path.encode()) - 1
        names = [name for name in names if len(os.fsencode(name)) <= room]
    leaves = [name for name in names if name[-5:] == keys.SUFFIX]
    others = [name for name in names if name[-5:] != keys.SUFFIX] if len(leaves) != len(names) else []
    directories = [(name, below) for name in others if (below := keys.decode_directory(level, name)) is not None]
    decoded = keys.decode_leaves(level, leaves)
    if decoded is None:
        pairs = [(name, key) for name in leaves if (key := keys.decode_leaf(level, name)) is not None]
        leaves, decoded = [name for name, _ in pairs], [key for _, key in pairs]
    return Entries(leaves, decoded, directories)


def _starting(ascending: list[str], prefix: str) -> list[str]:
    """Those of sorted keys that start with ``prefix``: one run of them."""
    start = bisect_left(ascending, prefix)
    end = bisect_left(ascending, True, start, key=lambda key: not key.startswith(prefix))
    return ascending[start:end]


def merge(lists: list[list[str]]) -> list[str]:
    """One sorted list of several: in most trees they follow one another, and then sorting is one comparison a key."""
    out: list[str] = []
    for part in sorted([part for part in lists if part], key=lambda part: part[0]):
        out += part
    out.sort()
    return out


def is_settled(changed: int, looked: int) -> bool:
    """Whether a change after a look would have another time than the one before it.

    ``changed`` is the time (ctime) that was seen, ``looked`` when; both in nanoseconds since the epoch.
    """
    return looked - changed > (_TICK if changed % 1_000_000_000 else _COARSE_TICK)


def _stamp(status: os.stat_result) -> Stamp:
    return status.st_dev, status.st_ino, status.st_mtime_ns, status.st_ctime_ns
