"""What the kernel's hints say may have changed, and when it is to be looked at. It reads no file.

A hint says that something moved, the file says what is. So hints may come late, twice, merged or for nothing, and
nothing depends on how they are paired.
"""

from __future__ import annotations

import logging
import os
import time
from abc import abstractmethod
from collections.abc import Iterable

from fsstore.engines.files.atomic import Tree
from fsstore.engines.files.layout import MARKER, META
from fsstore.engines.files.watching import inotify as hints
from fsstore.engines.files.watching.directories import Directory
from fsstore.engines.files.watching.held import Held
from fsstore.engines.files.watching.scan import Scan

_log = logging.getLogger("fsstore")

_WRITING = hints.MODIFY | hints.CREATE
_ROUNDS = 1000
_BURST = hints.FEW - hints.LONGEST  # bytes: then all hints are taken out of the kernel's queue before any file is read
_DRAIN = 0.02  # seconds


class Hinted(Scan):
    """The directories of one store, and the hints about what is in them."""

    def __init__(self, tree: Tree, notifier: hints.Inotify | None, limit: int) -> None:
        super().__init__(tree, notifier, limit)
        self.held = Held()
        self.overflows = 0

    def drain(self, *, all_of_it: bool) -> None:
        """Take hints out of the kernel's queue: it is finite, and they are cheap."""
        notifier, hint = self._notifier, self.hint
        if notifier is None:
            return
        until = None
        raw = notifier.read(many=False)
        while raw:
            hint(raw)
            if not all_of_it:
                if len(raw) < _BURST:
                    return
                now = time.monotonic()
                until = until or now + _DRAIN
                if now > until:
                    return
            raw = notifier.read()

    def hint(self, raw: bytes) -> None:
        """Note what the kernel says; nothing is looked at."""
        at, end = 0, len(raw)
        now = self.touched.clock()
        header, watched, dirty, touched = hints.HEADER.unpack_from, self._watched, self._dirty, self.touched.times
        decode, beside = os.fsdecode, self.endings.watched
        while at < end:
            number, mask, _, length = header(raw, at)
            at += 16 + length
            directory = watched.get(number)
            if directory is None or not length:
                if length and number in beside:
                    self.endings.hint(number, decode(raw[at - length : raw.index(b"\0", at - length)]), mask)
                else:
                    self._hint_itself(number, directory, mask)
                continue
            name = decode(raw[at - length : raw.index(b"\0", at - length)])
            if mask & hints.ISDIR:
                if name[0] != ".":
                    self._dirty_directories[directory.prefix + name] = None
                elif name == META and directory.is_namespace:
                    self.endings.add(directory.path)
                continue
            path = directory.prefix + name
            if name[-5:] == ".json" and name[0] != "." and (mask != hints.ATTRIB or directory.is_unreadable(name)):
                before = dirty.get(path, 0)
                dirty[path] = mask | (before & ~hints.WHOLE if mask & _WRITING else before)
            if path == MARKER:
                self.is_root_in_doubt = True
            if touched is not None:
                touched[path] = now
        self.touched.require_room()

    def _hint_itself(self, number: int, directory: Directory | None, mask: int) -> None:
        """Something happened to a watched directory, or to its watch, or to the queue."""
        if mask & hints.OVERFLOW:
            self.overflows += 1
            self._everything = True
            self.touched.lose()
        if number in self._above or (directory is not None and directory.path == ""):
            self.is_root_in_doubt = True
            if mask & hints.MOVE_SELF:  # a file that was not found meanwhile may be there
                self._everything = True
        if directory is None:  # watched no more, or not in the store, or of metadata
            if mask & hints.IGNORED:
                self.endings.watched_no_more(number)
            return
        if mask & hints.IGNORED:
            self._watched.pop(directory.watch, None)
            directory.watch = -1
            self._dirty_directories[directory.path] = None

    @property
    def is_settled(self) -> bool:
        """Whether nothing is left to be looked at, now or later, unless a hint comes."""
        return not (
            self._dirty
            or self._dirty_directories
            or self.endings.is_dirty
            or self._everything
            or self.held.paths
            or self.unwatched
            or self.is_missing
            or self.is_root_in_doubt
        )

    def flush(self) -> None:
        """Look at all that may have changed, and tell what did."""
        for path in self.held.due():
            self._dirty.setdefault(path, 0)
        settle = self._settle
        for _ in range(_ROUNDS):
            if self.is_root_in_doubt and not self._find_root():
                return
            if self._everything or self._dirty_directories:
                self._look_through()
            self.doubt(self.endings.take())
            dirty, self._dirty = self._dirty, {}
            for path, mask in dirty.items():
                settle(path, mask)
            if not (self._dirty or self._dirty_directories or self.is_root_in_doubt):
                return

    def _look_through(self) -> None:
        """Look through the directories that may have changed, or all."""
        if self._everything:
            self._everything = False
            self.rescan()
        directories, self._dirty_directories = list(self._dirty_directories), {}
        for path in directories:
            if not path or path.rpartition("/")[0] in self.directories:
                self.look(path)

    def doubt(self, paths: Iterable[str]) -> None:
        """Look at these files again in the next round."""
        for path in paths:
            self._dirty.setdefault(path, 0)

    def _find_root(self) -> bool:
        """Whether the store is where it was; if it is not, nothing in it is believed to be deleted."""
        self.is_root_in_doubt = False
        if self.is_there():
            self._watch_above()
            self._dirty_directories[""] = None  # it may be another directory by now
            if self.is_missing:
                _log.warning("%s is back; it is looked through for what changed", self._tree.root)
                self.is_missing, self._everything = False, True
            return True
        if not self.is_missing:
            _log.warning("%s is a store no more; nothing is told until it is back", self._tree.root)
        self.is_missing = True
        self.touched.lose()
        self._dirty.clear()
        self._dirty_directories.clear()
        self.held.clear()
        self._everything = False
        return False

    @abstractmethod
    def _settle(self, path: str, mask: int) -> None:
        """Compare one file with what was told of it."""
