"""Who made a change: the lines that the journals got since the watching began. Nothing is read twice.

A line is in the journal before its file is renamed, so whoever sees the file finds the line.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, NamedTuple

from fsstore.engines.files.atomic import Tree
from fsstore.engines.files.gate import COUNT
from fsstore.engines.files.journal import CLOCK, Journal
from fsstore.engines.files.watching.tails import Tail
from fsstore.records import Author

_new = tuple.__new__  # half the time of calling a named tuple
_KEPT = 50_000  # paths
_LONG_AGO = 300.0  # seconds: longer than from the lines of a commit to the last of its files


class Written(NamedTuple):
    """One line of a journal."""

    revision: str | None
    time: float
    author: Author
    commit: str | None
    own: bool
    """Whether this process wrote it."""
    before: Written | None
    """An earlier line of the same path that waits, too."""


class Writers:
    """The lines of one store's journals that no file has been matched with yet."""

    def __init__(
        self, tree: Tree, journal: Journal, stripe: Callable[[str], int], noted: dict[tuple[str, float], None]
    ) -> None:
        """``stripe`` tells in which journal the lines of a path are; ``noted`` are those that this process writes."""
        self._tree, self._journal, self._stripe, self._noted = tree, journal, stripe, noted
        self._tails: dict[int, Tail] = {}
        self._authors: dict[tuple[Any, ...], Author] = {}
        self.waiting: dict[str, Written] = {}
        """The newest line of each path."""
        self._bound = _KEPT

    def begin(self) -> None:
        """Pass over what the journals have until now."""
        now = time.time() - CLOCK
        for number in range(COUNT):
            tail = self._tails[number] = Tail(self._tree, self._journal.path(number))
            tail.pass_over(now)

    def look_again(self) -> None:
        """Go over to the journals of a store that was put in the place of this one."""
        for number, tail in list(self._tails.items()):
            if tail.is_elsewhere():
                self._catch_up(number)
                if tail.is_elsewhere():  # else it had been compacted, and has gone over by itself
                    tail.go_over()

    def newest(self, path: str, revision: str) -> Written | None:
        """The write that left a file with this revision, if no other write of it waits; else ask `of`."""
        line = self.waiting.get(path)
        if line is None:
            self._catch_up(self._stripe(path), quick=True)
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

    def disown(self, path: str) -> None:
        """A person changed it: what this process wrote before is no news of its own, should it come back."""
        self._catch_up(self._stripe(path))
        lines: list[Written] = []
        line = self.waiting.get(path)
        while line is not None:
            lines.append(line._replace(own=False))
            line = line.before
        self._keep(path, lines)

    def _keep(self, path: str, newer: list[Written]) -> None:
        """Only these lines of a path wait on."""
        line = None
        for each in reversed(newer):
            line = each._replace(before=line)
        if line is None:
            self.waiting.pop(path, None)
        else:
            self.waiting[path] = line

    def _catch_up(self, number: int, *, quick: bool = False) -> None:
        """Read on in one journal."""
        tail = self._tails.get(number)
        if tail is None:
            tail = self._tails[number] = Tail(self._tree, self._journal.path(number))
        waiting, authors, noted = self.waiting, self._authors, self._noted
        for line in tail.lines(quick=quick):
            path, at = line["path"], line["time"]
            name = line.get("agent"), line.get("run"), line.get("by_hand", False)
            author = authors.get(name) or self._author(name)
            own = noted.pop((path, at), self) is None
            fields = line.get("revision"), at, author, line.get("commit"), own, waiting.get(path)
            waiting[path] = _new(Written, fields)
        if len(waiting) > self._bound:
            self._forget()

    def _forget(self) -> None:
        """Drop lines whose writers have died, or whose files came and went unseen. Those of a commit still count."""
        old = time.time() - _LONG_AGO
        for path in [path for path, line in self.waiting.items() if line.time < old]:
            del self.waiting[path]
        self._bound = max(_KEPT, 2 * len(self.waiting))

    def _author(self, name: tuple[Any, ...]) -> Author:
        if len(self._authors) > _KEPT:
            self._authors.clear()
        found = self._authors[name] = Author(*name)
        return found

    def close(self) -> None:
        """Close what is open."""
        for tail in self._tails.values():
            tail.close()
        self._tails = {}
