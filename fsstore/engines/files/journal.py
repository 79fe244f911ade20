"""Who wrote what, and when: lines beside the store's files, never in them. No values here.

The file of a lock stripe is the journal of its keys, appended to under that lock, right before a value's
file is renamed. A line starts with its newline, so that one torn by a crash spoils no other, and names the
operation, the path, the revision the file will have, its modification time, agent, run and time. Lost
lines lose no data: a file without a line is a person's.
"""

from __future__ import annotations

import errno
import logging
import math
import os
from collections.abc import Callable, Collection, Iterable
from typing import Any, NamedTuple

import orjson
from filelock import lock_descriptor

from fsstore.engines.files import layout
from fsstore.engines.files.atomic import APPEND, READ, Tree, discard
from fsstore.engines.files.ownlines import OwnLines
from fsstore.engines.files.stripes import Stripe
from fsstore.records import Author

_log = logging.getLogger("fsstore")

_COMPACT_AT = 256 * 1024
_LOOK_EVERY = 64  # appends of a process to one journal
CLOCK = 0.02
"""Seconds that a file's modification time may lie behind the clock."""
_LIMIT = 1 << 30
_RARE = ("by_hand", "undoing", "commit")
_FEW = 8  # paths: to look for so many is quicker than to parse all lines


Mark = tuple[int, int]
"""Where a journal ended: its inode and size."""


class Line(NamedTuple):
    """One write of one path."""

    op: str
    """``create``, ``update`` or ``delete``."""
    path: str
    """Relative to the store."""
    revision: str | None
    was: float | None
    """When the replaced file had been written, in seconds since the epoch."""
    agent: str | None
    run: str | None
    time: float
    """Right after the new file was written, in seconds since the epoch."""
    by_hand: bool = False
    """Whether it was a person's content that was put back: then it is theirs again."""
    undoing: str | None = None
    """The run whose rolling back put it back."""
    commit: str | None = None
    """The same for all that was written together, in one call or transaction; ``None`` for a key alone."""

    @property
    def author(self) -> Author:
        """Who wrote it."""
        return Author(self.agent, self.run, self.by_hand, self.undoing)


class Origin(NamedTuple):
    """Who made a file, and who last wrote it, with the times in seconds since the epoch."""

    created_at: float
    created_by: str | None
    updated_at: float
    updated_by: str | None


class Journal:
    """The journal of one store, one file per stripe."""

    def __init__(self, tree: Tree, oldest_run: Callable[[], float], own: OwnLines) -> None:
        """``oldest_run`` tells when the first of the runs began that are under way, infinite without any."""
        self._tree, self._oldest_run = tree, oldest_run
        self.own = own
        """The lines that this process writes, for who asks that they be noted."""

    def append(self, stripe: Stripe, lines: list[dict[str, Any]]) -> None:
        """Add lines (the fields of `Line`) to a held stripe, all or none as far as a process crash goes."""
        if self.own.noted is not None:  # before anybody can find them in the file
            self.own.note(lines)
        data = b"\n" + b"\n".join(map(orjson.dumps, lines))
        if os.write(stripe.fd, data) != len(data):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        if stripe.appends % _LOOK_EVERY == 0 and _is_long(stripe.fd):
            try:
                self._compact(stripe, {line["path"] for line in lines})
            except OSError as error:
                _log.warning("could not compact a journal of %s: %s", self._tree.root, error)
        stripe.appends += 1

    def lines(self, number: int, path: str) -> list[Line]:
        """The lines of one path, oldest first, from the file of its stripe."""
        return self.lines_of(number, (path,))[path]

    def lines_of(self, number: int, paths: Collection[str]) -> dict[str, list[Line]]:
        """The same for several paths of one stripe, whose file is read once."""
        try:
            raw = self._tree.read(self.path(number), _LIMIT)
        except FileNotFoundError:
            raw = b""
        if len(paths) <= _FEW:
            return {path: _lines_in(raw, path) for path in paths}
        found: dict[str, list[Line]] = {path: [] for path in paths}
        for text in raw.split(b"\n"):
            if (line := _parse(text)) and line.path in found:
                found[line.path].append(line)
        return found

    def marks(self, numbers: Iterable[int]) -> dict[int, Mark]:
        """Where the journals of these stripes end now: inode and size of each."""
        return {number: self._mark(number) for number in numbers}

    def touched(self, marks: dict[int, Mark], numbers: Iterable[int]) -> set[str] | None:
        """The paths noted since, in these stripes; None if a journal is another by now: its lines may be gone."""
        paths: set[str] = set()
        for number in numbers:
            lines, now = self.since(number, marks[number])
            if marks[number][0] and now[0] != marks[number][0]:
                return None
            paths.update(line.path for line in lines)
        return paths

    def since(self, number: int, mark: Mark) -> tuple[list[Line], Mark]:
        """The lines that one journal got after a mark, oldest first, and the mark after them.

        If it is another file by now, all its lines: of each path it then holds the newest at least.
        """
        now = self._mark(number)
        if now == mark:
            return [], mark
        try:
            fd = self._tree.open(self.path(number), READ)
        except FileNotFoundError:
            return [], (0, 0)
        try:
            inode = os.fstat(fd).st_ino
            start = mark[1] if inode == mark[0] else 0
            tail = b""
            while piece := os.pread(fd, 1 << 20, start + len(tail)):
                tail += piece
        finally:
            os.close(fd)
        whole = tail.rfind(b"\n") + 1  # a line that is being written is read again when it is whole
        last = _parse(tail[whole:])
        lines = [line for text in tail[:whole].split(b"\n") if (line := _parse(text))]
        return ([*lines, last], (inode, start + len(tail))) if last else (lines, (inode, start + max(whole - 1, 0)))

    def _mark(self, number: int) -> Mark:
        try:
            status = self._tree.stat(self.path(number))
        except FileNotFoundError:
            return 0, 0
        return status.st_ino, status.st_size

    @staticmethod
    def path(number: int) -> str:
        """The file of one journal, relative to the store."""
        return f"{layout.JOURNAL}/{number:02x}.ndjson"

    def _compact(self, stripe: Stripe, coming: set[str]) -> None:
        """Keep, of each path that exists or is coming into being, the line of its making and the last two.

        So too of paths that were deleted since the last snapshot, or since the oldest run under way began, which are
        to say who did it.
        The new file is locked before it takes the place of the old one, so that whoever waits for the old
        one, or opens the new one, finds the stripe held.
        """
        kept: dict[str, list[Line]] = {}
        for text in self._tree.read(stripe.path, _LIMIT).split(b"\n"):
            if line := _parse(text):
                of_path = kept.setdefault(line.path, [])
                if line.op == "create":
                    of_path.clear()
                of_path.append(line)
                if len(of_path) > 3:
                    del of_path[1]
        since = min(self._snapshot_time(), self._oldest_run() - CLOCK)
        lines = [
            line
            for path, of_path in kept.items()
            if path in coming or of_path[-1].time >= since or self._exists(path)
            for line in of_path
        ]
        data = b"".join([b"\n" + orjson.dumps(_fields(line)) for line in lines])
        staged = self._tree.absolute(f"{layout.TMP}/{self._tree.new_name(stripe.number)}")
        fd = -1
        try:
            self._tree.stage(staged, b'{"compacted":%d}' % len(data) + data)
            fd = self._tree.open(staged, APPEND)
            lock_descriptor(fd)
            os.rename(staged, stripe.path)
            stripe.adopt(fd)
        except BaseException:
            if fd >= 0 and stripe.fd != fd:
                os.close(fd)
            discard(staged)
            raise

    def _snapshot_time(self) -> float:
        """When the last snapshot was made, by the mtime of the file that says so; infinite without any."""
        try:
            return self._tree.stat(layout.SNAPSHOT).st_mtime - CLOCK
        except OSError:
            return math.inf

    def _exists(self, path: str) -> bool:
        try:
            self._tree.stat(path)
        except OSError:
            return False
        return True


def _fields(line: Line) -> dict[str, Any]:
    """What is written of a line: no member that is rarely needed, and is not."""
    return {name: value for name, value in line._asdict().items() if value or name not in _RARE}


def _lines_in(raw: bytes, path: str) -> list[Line]:
    """The lines of one path in the content of a journal."""
    needle = b'"path":"%b"' % os.fsencode(path)
    found = []
    at = raw.find(needle)
    while at >= 0:
        end = raw.find(b"\n", at)
        end = len(raw) if end < 0 else end
        if line := _parse(raw[raw.rfind(b"\n", 0, at) + 1 : end]):
            found.append(line)
        at = raw.find(needle, end)
    return found


def _is_long(fd: int) -> bool:
    """Whether a journal has grown to twice the size that compacting last left it with."""
    size = os.fstat(fd).st_size
    if size <= _COMPACT_AT:
        return False
    return size > 2 * compacted(fd)


def compacted(fd: int) -> int:
    """Where the lines end that were in the journal when it was compacted last; 0 if it never was."""
    header = os.pread(fd, 40, 0).partition(b"\n")[0]
    try:
        return len(header) + int(orjson.loads(header)["compacted"])
    except (ValueError, TypeError, KeyError):
        return 0


def _parse(raw: bytes) -> Line | None:
    try:
        return Line(**orjson.loads(raw)) if raw else None
    except (ValueError, TypeError):
        return None


def writer(lines: list[Line], revision: str | None, mtime: float) -> Line | None:
    """The line of the write that left a file with this revision (``None``: no file) and modification time.

    The newest line has the last word if the file holds its revision. An older one counts only if the file
    has its modification time too: then a later writer died before its rename, or is about to do it. Any
    other content is a person's, who also may have brought back what an agent once wrote.
    """
    for index, line in enumerate(reversed(lines)):
        if line.revision == revision and (index == 0 or abs(line.time - mtime) < CLOCK):
            return None if line.by_hand else line
    return None


def author_of(lines: list[Line], revision: str | None, mtime: float) -> Author:
    """Who left a file as it is, by its lines: a person, if none tells of it."""
    line = writer(lines, revision, mtime)
    return Author(by_hand=True) if line is None else line.author


def origin(lines: list[Line], revision: str, status: os.stat_result) -> Origin:
    """Who made a file, and who wrote what it holds, by its journal lines."""
    written = writer(lines, revision, status.st_mtime)
    if written is not None:
        lines = lines[: len(lines) - lines[::-1].index(written)]
    updated_at, updated_by = (written.time, written.agent) if written else (status.st_mtime, None)
    created_at, created_by = updated_at, updated_by
    life = _since_last_delete(lines)
    if life:
        first = life[0]
        created_by = first.agent if first.op == "create" else None
        created_at = first.time if first.op == "create" or first.was is None else first.was
    return Origin(min(created_at, updated_at), created_by, updated_at, updated_by)


def _since_last_delete(lines: list[Line]) -> list[Line]:
    life: list[Line] = []
    for line in lines:
        if line.op in ("create", "delete"):
            life = []
        if line.op != "delete":
            life.append(line)
    return life
