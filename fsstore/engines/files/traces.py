"""Which keys of a namespace may have changed since somebody last asked. Directories and status only; nothing is read.

Every change but one made in place alters the directory of its file, whoever makes it; so only directories that are not
as they were are looked into, file by file. What was written in place a hub of this process has seen; without one it
is found when all files are looked at, which is done now and then. What is younger than the file system's clock can
tell is not believed to be unchanged (git's rule for "racy" entries).
"""

from __future__ import annotations

import os
import stat
import struct
import time
from collections.abc import Callable
from typing import NamedTuple

import orjson

from fsstore import keys
from fsstore.engines.files import failures, layout
from fsstore.engines.files.access import MISSING_FILE, NO_DIRECTORY
from fsstore.engines.files.atomic import DIRECTORY, Tree
from fsstore.engines.files.collector import paused
from fsstore.engines.files.listing import is_settled, read_entries
from fsstore.engines.files.sweeping import is_sweep_due
from fsstore.engines.files.watching import touched
from fsstore.keys import ROOT, Level, encode_namespace
from fsstore.leases import boot_id
from fsstore.traces import Changed, Kept, Trace

_FILE = "find.sqlite"
_LATER = 1.0  # seconds that a hub's hints may go back without a new mark
_OLD = 10_000_000_000  # ns: older than any doubt
_pack = struct.Struct("<QqQ").pack
Stamp = tuple[int, int]
"""Inode and ctime of a directory."""
_DOUBTFUL: Stamp = (0, 0)


class _Mark(NamedTuple):
    """What is known of a namespace's files."""

    directories: dict[str, Stamp]
    """By their paths in the namespace; the empty one is its own."""
    everything: float
    """When every file was looked at, in seconds since the epoch."""
    edited: float
    """Since when edits in place are not known."""


class FileTraces:
    """The changes of one namespace."""

    def __init__(
        self, tree: Tree, marker: layout.Marker, namespace: str, changing: Callable[[str], list[tuple[str, str]]]
    ) -> None:
        """``changing`` gives the keys that open commits are changing, with their paths."""
        self._tree, self._marker, self._namespace, self._changing = tree, marker, namespace, changing

    @property
    def owner(self) -> str:
        """The store, as long as the computer runs: after a loss of power an index may be torn."""
        return f"{self._marker.id} {boot_id()}"

    def place(self) -> str | None:
        """A file in the runtime directory."""
        path = f"{self._tree.root}/{layout.INDEX}/{_FILE}"
        try:
            os.close(self._tree.make_directories(layout.INDEX))
            return path if stat.S_ISREG(os.lstat(path).st_mode) else None
        except FileNotFoundError:
            return path
        except OSError:
            return None

    def changed(self, kept: Kept, *, verify: bool = False) -> Changed:
        """What may have changed."""
        root = encode_namespace(self._namespace)
        with failures.told(f"{self._tree.root}/{root}"), paused:
            return _Look(self._tree, root, kept, self._marker).take(self._changing(self._namespace), verify=verify)


class _Look:
    """One look at a namespace's directories."""

    def __init__(self, tree: Tree, root: str, kept: Kept, marker: layout.Marker) -> None:
        self._tree, self._root, self._kept, self._settings = tree, root, kept, marker.settings
        self._group = kept.group
        self._before = _load(kept.mark)
        self._directories: dict[str, Stamp] = {}
        self._seen: list[Trace] = []
        self._gone: list[str] = []
        self._looked_into: set[str] = set()

    def take(self, changing: list[tuple[str, str]], *, verify: bool) -> Changed:
        """Look, and tell what is other than it was. ``changing``: keys with paths that are to be named in any case."""
        before, begun = self._before, time.time()
        observed = touched.edits(self._tree.root, before.edited) if before.directories else None
        is_due = is_sweep_due(self._settings, before.everything, before.edited, observed, begun)
        if verify or is_due or not before.directories:
            begun = time.time()  # the hub had begun before it
            self._look_at_all()
            everything = edited = begun
        else:
            everything, edited = before.everything, before.edited
            self._look_at_known(is_observed=observed is not None)
            if observed is not None:
                self._look_at_touched(observed.paths)
                edited = begun
        self._doubt(changing)
        now = _Mark(self._directories, everything, edited)
        is_new = self._seen or self._gone or now.directories != before.directories or everything != before.everything
        mark = _dump(now) if is_new or edited > before.edited + _LATER else self._kept.mark
        return Changed(mark, self._seen, self._gone)

    def _look_at_all(self) -> None:
        groups = self._kept.groups()
        self._group = lambda name: groups.pop(name, {})
        self._look("", ROOT, deep=True)
        self._gone += [key for group in groups.values() for key in group]

    def _look_at_known(self, *, is_observed: bool) -> None:
        """Look into the directories that are not as they were, and those below that are new.

        Where a hub has seen what came and went in the same directory, its files are not all looked at. The time of the
        directory that was known stays then, for those who have no hub.
        """
        look, known = os.stat, self._before.directories
        try:
            root = self._tree.open_handle(self._tree.absolute(self._root))
        except OSError as error:
            if error.errno not in NO_DIRECTORY:
                raise
            for path in known:
                self._lose(path)
            return
        try:
            for path, stamp in known.items():
                if path in self._directories:  # seen on the way
                    continue
                try:
                    status = look(path or ".", dir_fd=root, follow_symlinks=False)
                except MISSING_FILE:
                    self._lose(path)
                    continue
                if (status.st_ino, status.st_ctime_ns) == stamp or (is_observed and status.st_ino == stamp[0]):
                    self._directories[path] = stamp
                elif (level := _level(path)) is not None:
                    self._look(path, level, deep=False)
        finally:
            os.close(root)

    def _lose(self, path: str) -> None:
        self._gone += self._group(path)

    def _look(self, path: str, level: Level, *, deep: bool) -> None:
        """Look at every file of a directory, and into those below it that are not known, or all."""
        todo = [(path, level)]
        while todo:
            path, level = todo.pop()
            full = f"{self._root}/{path}" if path else self._root
            looked = time.time_ns()
            try:
                fd = self._tree.open(full, DIRECTORY)
            except OSError as error:
                if error.errno not in NO_DIRECTORY:
                    raise
                self._lose(path)
                continue
            try:
                status = os.fstat(fd)
                is_old = is_settled(status.st_ctime_ns, looked)
                self._directories[path] = (status.st_ino, status.st_ctime_ns) if is_old else _DOUBTFUL
                self._looked_into.add(path)
                below = self._compare(path, full, level, fd)
            finally:
                os.close(fd)
            under = f"{path}/" if path else ""
            for name, level_below in below:
                child = under + name
                if child not in self._directories and (deep or child not in self._before.directories):
                    todo.append((child, level_below))

    def _compare(self, path: str, full: str, level: Level, fd: int) -> list[tuple[str, Level]]:
        """Compare the files of a directory with what was kept of them; the directories in it."""
        entries = read_entries(fd, level, full)
        known = self._group(path)
        look, seen, pop, pack = os.stat, self._seen, known.pop, _pack
        now = time.time_ns()
        old = now - _OLD
        for key, name in zip(entries.keys, entries.names, strict=True):
            try:
                status = look(name, dir_fd=fd, follow_symlinks=False)
            except FileNotFoundError:  # gone this moment
                continue
            changed = status.st_ctime_ns
            state = pack(status.st_ino, changed, status.st_size) if changed < old else _state(status, now)
            if pop(key, None) != state or not state:
                seen.append(Trace(key, path, state))
        self._gone += known
        return entries.directories

    def _look_at_touched(self, paths: set[str]) -> None:
        """Look at files that a hub had hints of, but for those in directories that were looked into."""
        start = self._root + "/"
        for full in paths:
            if not full.startswith(start) or (key := keys.decode_key(full[len(start) :])) is None:
                continue
            group = full[len(start) :].rpartition("/")[0]
            if group in self._looked_into:
                continue
            if group not in self._directories:
                if (level := _level(group)) is not None:  # it is new, or gone again
                    self._look(group, level, deep=False)
                continue
            now = time.time_ns()
            try:
                self._seen.append(Trace(key, group, _state(self._tree.stat(full), now)))
            except MISSING_FILE:
                self._gone.append(key)

    def _doubt(self, changing: list[tuple[str, str]]) -> None:
        """Name these keys now, and look into their directories the next time, whatever has become of them."""
        for key, full in changing:
            group = full[len(self._root) + 1 :].rpartition("/")[0]
            self._seen.append(Trace(key, group, b""))
            self._directories[group] = _DOUBTFUL


def _state(status: os.stat_result, now: int) -> bytes:
    """What tells a file's next change, if this one is old enough."""
    changed = status.st_ctime_ns
    return _pack(status.st_ino, changed, status.st_size) if is_settled(changed, now) else b""


def _level(path: str) -> Level | None:
    level: Level | None = ROOT
    for name in path.split("/") if path else ():
        if level is not None:
            level = keys.decode_directory(level, name)
    return level


def _dump(mark: _Mark) -> bytes:
    return orjson.dumps([mark.everything, mark.edited, *map(list, zip(*_columns(mark.directories), strict=True))])


def _columns(directories: dict[str, Stamp]) -> list[tuple[str, int, int]]:
    return [(path, inode, changed) for path, (inode, changed) in directories.items()]


def _load(raw: bytes) -> _Mark:
    """A mark; an empty one for what is none."""
    try:
        everything, edited, paths, inodes, changes = orjson.loads(raw)
        return _Mark(dict(zip(paths, zip(inodes, changes, strict=True), strict=True)), everything, edited)
    except (ValueError, TypeError):
        return _Mark({}, 0.0, 0.0)
