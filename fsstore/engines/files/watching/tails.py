"""Reading on in one journal: what was added since, whatever becomes of the file meanwhile. It knows no changes."""

from __future__ import annotations

import contextlib
import logging
import math
import os
from collections.abc import Iterator
from typing import Any

import orjson

from fsstore.engines.files.atomic import READ, Tree
from fsstore.engines.files.journal import compacted

_log = logging.getLogger("fsstore")
_PIECE = 1 << 16
_LAST = 4096  # bytes: more than most lines have, and few enough to be had at once

Line = dict[str, Any]


class Tail:
    """How far one journal has been read. The file stays open, so that no other one can be taken for it."""

    __slots__ = ("_after", "_at", "_fd", "_is_told", "_known", "_newest", "_path", "_repeated", "_same", "_tree")

    def __init__(self, tree: Tree, path: str) -> None:
        self._tree, self._path = tree, path
        self._fd = -1
        self._at = 0
        self._newest = 0.0
        """The time of the newest line that was read."""
        self._same: list[Line] = []
        """The lines of just that time: a clock may tell the same one twice."""
        self._repeated, self._after = 0, 0.0
        """In the first bytes of a compacted file are lines that were read before; those are no newer than this.

        Of those of just that time, it is known which they are: in a compacted file they stand in another order.
        """
        self._known: set[tuple[Any, ...]] = set()
        self._is_told = False

    def pass_over(self, newest: float) -> None:
        """Read from the end of what is there now; no line in it is newer than a time."""
        self._newest = math.nextafter(newest, math.inf)  # nor is one of just that time new
        with self._telling():
            if self._is_open():
                self._at = self._end()

    def is_elsewhere(self) -> bool:
        """Whether another file lies where this one was, which nobody removed: its whole store was moved away."""
        try:
            return self._fd >= 0 and not os.path.samestat(os.fstat(self._fd), self._tree.stat(self._path))
        except OSError:
            return False

    def go_over(self) -> None:
        """Read on in the file that lies there now; of what it has until now, only lines newer than all read before.

        It may be a copy of this one.
        """
        self.close()
        with self._telling():
            if self._is_open():
                self._repeated = self._end()

    def lines(self, *, quick: bool = False) -> list[Line]:
        """What was added, in order, up to the last whole line. Nothing if it cannot be read; that is logged.

        ``quick``: where there is something, it is not asked whether another file has taken its place since.
        """
        found: list[Line] = []
        with self._telling():
            self._read_on(found, quick=quick)
        return found

    def _read_on(self, found: list[Line], *, quick: bool) -> None:
        size = _LAST
        while self._is_open():
            is_repeated = self._at < self._repeated
            raw = os.pread(self._fd, min(size, self._repeated - self._at) if is_repeated else size, self._at)
            is_all = not is_repeated and len(raw) < size
            at = self._at
            if raw:
                self._take(raw, found)
                if is_all and quick:
                    return
            if is_all or not raw:
                if os.fstat(self._fd).st_nlink:
                    return
                self.close()  # compacted, or removed: what is new is in the new file
            elif size < _PIECE:
                size = _PIECE
            elif self._at == at:
                size *= 2  # for a longer line

    def _take(self, raw: bytes, found: list[Line]) -> None:
        after = self._after if self._at < self._repeated else -math.inf
        *texts, last = raw.split(b"\n")
        self._at += len(raw)
        for text in texts:
            if text and (line := _parsed(text)):
                self._add(line, after, found)
        if last:
            if (line := _parsed(last)) is None:
                self._at -= len(last)  # it is read again, when it is whole
            else:
                self._add(line, after, found)

    def _add(self, line: Line, after: float, found: list[Line]) -> None:
        at = line["time"]
        if at < after:
            return
        if at == after and _which(line) in self._known:
            return
        if at > self._newest:
            self._newest, self._same = at, [line]
        elif at == self._newest:
            self._same.append(line)
        found.append(line)

    def _end(self) -> int:
        """Where the last whole line ends; somebody may be writing another one."""
        size = os.fstat(self._fd).st_size
        back = min(size, _LAST)
        text = os.pread(self._fd, back, size - back).rpartition(b"\n")[2]
        return size if not text or _parsed(text) else size - len(text)

    def _is_open(self) -> bool:
        if self._fd >= 0:
            return True
        try:
            self._fd = self._tree.open(self._path, READ)
        except FileNotFoundError:
            return False
        is_known = self._is_told  # some of it was read before it went bad
        self._at, self._repeated = 0, self._end() if is_known else compacted(self._fd)
        self._after, self._known = self._newest, set(map(_which, self._same))
        return True

    @contextlib.contextmanager
    def _telling(self) -> Iterator[None]:
        """Log what is raised, once, and close: next time it is opened anew. Also a file that was open may go bad."""
        try:
            yield
        except OSError as error:
            if not self._is_told:
                _log.warning("%s/%s: who wrote what cannot be told: %s", self._tree.root, self._path, error)
            self._is_told = True
            self.close()

    def close(self) -> None:
        """Close it. Twice is nothing."""
        fd, self._fd = self._fd, -1
        if fd >= 0:
            with contextlib.suppress(OSError):
                os.close(fd)


def _parsed(text: bytes) -> Line | None:
    """A whole line about a file; ``None`` for a header, and for what is torn."""
    try:
        line: Line = orjson.loads(text)
        return line if line["path"] and line["time"] else None
    except (ValueError, TypeError, KeyError):
        return None


def _which(line: Line) -> tuple[Any, ...]:
    """What tells a line from another one of the same time."""
    return line["path"], line.get("op"), line.get("revision"), line.get("agent"), line.get("run")
