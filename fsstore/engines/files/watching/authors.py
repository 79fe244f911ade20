"""Who made a change: the lines that the journals got since the watching began. Nothing is read twice.

A line is in the journal before its file is renamed, so whoever sees the file finds the line.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import orjson

from fsstore.engines.files.atomic import READ, Tree
from fsstore.engines.files.gate import COUNT
from fsstore.engines.files.journal import CLOCK, Journal
from fsstore.records import Author

_PIECE = 1 << 16
_new = tuple.__new__  # half the time of calling a named tuple
_KEPT = 50_000  # paths whose writers died before the rename


class Written(NamedTuple):
    """One line of a journal."""

    revision: str | None
    time: float
    author: Author
    commit: str | None
    before: Written | None
    """An earlier line of the same path that waits, too."""


class Writers:
    """The lines of one store's journals that no file has been matched with yet."""

    def __init__(self, tree: Tree, journal: Journal, stripe: Callable[[str], int]) -> None:
        """``stripe`` tells in which journal the lines of a path are."""
        self._tree, self._journal, self._stripe = tree, journal, stripe
        self._tails: dict[int, _Tail] = {}
        self._authors: dict[tuple[Any, ...], Author] = {}
        self.waiting: dict[str, Written] = {}
        """The newest line of each path."""

    def begin(self) -> None:
        """Pass over what the journals have until now."""
        self.waiting.clear()
        self._close()
        now = time.time() - CLOCK
        self._tails = {number: _Tail(mark, now) for number, mark in self._journal.marks(range(COUNT)).items()}

    def newest(self, path: str, revision: str) -> Written | None:
        """The write that left a file with this revision, if no other write of it waits; else ask `of`."""
        line = self.waiting.get(path)
        if line is None:
            self._catch_up(self._stripe(path))
            line = self.waiting.get(path)
        if line is None or line.revision != revision or line.before is not None or line.author.by_hand:
            return None
        del self.waiting[path]
        return line

    def of(self, path: str, revision: str | None, mtime: float) -> Written | None:
        """The write that left a file with this revision (``None``: no file); ``None`` if it was a person's.

        The newest line of the path counts, or an older one that was written when the file was: then the writer of the
        newest is about to rename its own.
        """
        line = self.waiting.get(path)
        if line is None or line.revision != revision:
            self._catch_up(self._stripe(path))
            line = self.waiting.get(path)
        newer: list[Written] = []
        while line is not None:
            if line.revision == revision and (not newer or abs(line.time - mtime) < CLOCK):
                self._keep(path, newer)
                return None if line.author.by_hand else line
            newer.append(line)
            line = line.before
        return None

    def unmatched(self, path: str) -> Iterator[Written]:
        """The lines of a path until now that no file has been matched with, the newest first."""
        self._catch_up(self._stripe(path))
        line = self.waiting.get(path)
        while line is not None:
            yield line
            line = line.before

    def _keep(self, path: str, newer: list[Written]) -> None:
        """Only these lines of a path wait on."""
        line = None
        for each in reversed(newer):
            line = each._replace(before=line)
        if line is None:
            self.waiting.pop(path, None)
        else:
            self.waiting[path] = line

    def _catch_up(self, number: int) -> None:
        """Read on in one journal."""
        tail = self._tails.get(number)
        if tail is None:
            tail = self._tails[number] = _Tail((0, 0), 0.0)
        path = self._journal.path(number)
        while True:
            if tail.fd < 0 and not tail.open(self._tree, path):
                return
            raw = os.pread(tail.fd, _PIECE, tail.at)
            if not raw:
                if os.fstat(tail.fd).st_nlink:
                    return
                tail.close()  # compacted, or removed: what is new is in the new file
                continue
            self._take(tail, raw)
            if len(raw) < _PIECE:
                return

    def _take(self, tail: _Tail, raw: bytes) -> None:
        end = len(raw)
        waiting, authors, after = self.waiting, self._authors, tail.after
        for text in raw.split(b"\n"):
            if not text:
                continue
            try:
                line = orjson.loads(text)
                path, at = line["path"], line["time"]
            except (ValueError, TypeError, KeyError):
                continue  # a header; or the piece ends in it
            if at <= after:
                continue
            name = line["agent"], line["run"], line.get("by_hand", False)
            author = authors.get(name) or self._author(name)
            waiting[path] = _new(Written, (line["revision"], at, author, line.get("commit"), waiting.get(path)))
            if at > tail.newest:
                tail.newest = at
        if not raw.endswith(b"}"):
            cut = raw.rfind(b"\n")
            end = cut if cut > 0 else end  # a line that is not whole is read again
        tail.at += end
        while len(waiting) > _KEPT:
            waiting.pop(next(iter(waiting)))

    def _author(self, name: tuple[Any, ...]) -> Author:
        if len(self._authors) > _KEPT:
            self._authors.clear()
        found = self._authors[name] = Author(*name)
        return found

    def close(self) -> None:
        """Close what is open."""
        self._close()
        self._tails = {}

    def _close(self) -> None:
        for tail in self._tails.values():
            tail.close()


class _Tail:
    """How far one journal has been read."""

    __slots__ = ("after", "at", "fd", "inode", "newest")

    def __init__(self, mark: tuple[int, int], newest: float) -> None:
        self.inode, self.at = mark
        self.fd = -1
        self.newest = newest
        """The time of the newest line that was read."""
        self.after = 0.0
        """Lines of a new file that are older than this were read in the old one."""

    def open(self, tree: Tree, path: str) -> bool:
        try:
            self.fd = tree.open(path, READ)
        except FileNotFoundError:
            return False
        inode = os.fstat(self.fd).st_ino
        if inode != self.inode:
            self.inode, self.at, self.after = inode, 0, self.newest
        return True

    def close(self) -> None:
        fd, self.fd = self.fd, -1
        if fd >= 0:
            with contextlib.suppress(OSError):
                os.close(fd)
