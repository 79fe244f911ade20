"""Who wrote what, and when: lines beside the store's files, never in them. No values here.

One file per lock stripe, appended to under that stripe's lock, right before the file is renamed. A line
starts with its newline, so that one torn by a crash spoils no other, and names the path, the operation,
the revision the file will have, its modification time, agent, run and time. Lost lines lose no data: a
file without a line is a person's.
"""

from __future__ import annotations

import os
from typing import NamedTuple

import orjson

from fsstore.engines.files.atomic import APPEND, Tree, write_all

_COMPACT_AT = 256 * 1024
_LIMIT = 1 << 30


class Line(NamedTuple):
    """One write of one path."""

    op: str
    """``create``, ``update`` or ``delete``."""
    path: str
    revision: str | None
    mtime_ns: int | None
    """The new file's."""
    was: float | None
    """When the replaced file had been written, in seconds since the epoch."""
    agent: str | None
    run: str | None
    time: float
    """Seconds since the epoch."""


class Origin(NamedTuple):
    """Who made a file, and who last wrote it, with the times in seconds since the epoch."""

    created_at: float
    created_by: str | None
    updated_at: float
    updated_by: str | None


class Journal:
    """The journal of one store, one file per stripe. Appending and compacting need that stripe's lock."""

    def __init__(self, tree: Tree, directory: str, tmp: str) -> None:
        self._tree, self._directory, self._tmp = tree, directory, tmp

    def append(self, stripe: int, lines: list[Line]) -> None:
        """Add lines, all or none as far as a process crash goes."""
        data = b"".join(b"\n" + orjson.dumps(line._asdict()) for line in lines)
        path = self._path(stripe)
        try:
            fd = self._tree.open(path, APPEND)
        except FileNotFoundError:
            os.close(self._tree.make_directories(self._directory))
            fd = self._tree.open(path, APPEND)
        try:
            write_all(fd, data)
            size = os.lseek(fd, 0, os.SEEK_CUR)
            full = size > _COMPACT_AT and size > 2 * _size_when_compacted(fd)
        finally:
            os.close(fd)
        if full:
            self._compact(stripe)

    def lines(self, stripe: int, path: str) -> list[Line]:
        """The lines of one path, oldest first."""
        needle = b'"path":"%b"' % os.fsencode(path)
        return [line for raw in self._read(stripe).split(b"\n") if needle in raw and (line := _parse(raw))]

    def origin(self, stripe: int, path: str, revision: str, status: os.stat_result) -> Origin:
        """Who made the file with this revision and status, and who wrote it last."""
        return origin(self.lines(stripe, path), revision, status)

    def _compact(self, stripe: int) -> None:
        """Keep, of each path that still exists, the line of its making and the last two."""
        kept: dict[str, list[Line]] = {}
        for raw in self._read(stripe).split(b"\n"):
            if line := _parse(raw):
                of_path = kept.setdefault(line.path, [])
                if line.op == "create":
                    of_path.clear()
                of_path.append(line)
                if len(of_path) > 3:
                    del of_path[1]
        lines = [line for path, of_path in kept.items() if self._exists(path) for line in of_path]
        data = b"".join(b"\n" + orjson.dumps(line._asdict()) for line in lines)
        staged, _ = self._tree.stage(self._tmp, b'{"compacted":%d}' % len(data) + data)
        parent, name = self._tree.open_parent(self._path(stripe))
        try:
            self._tree.rename(staged, parent, name)
        finally:
            os.close(parent)

    def _exists(self, path: str) -> bool:
        try:
            self._tree.stat(path)
        except OSError:
            return False
        return True

    def _read(self, stripe: int) -> bytes:
        try:
            return self._tree.read(self._path(stripe), _LIMIT)
        except FileNotFoundError:
            return b""

    def _path(self, stripe: int) -> str:
        return f"{self._directory}/{stripe:02x}.ndjson"


def _size_when_compacted(fd: int) -> int:
    header = os.pread(fd, 40, 0).partition(b"\n")[0]
    try:
        return int(orjson.loads(header)["compacted"])
    except (ValueError, TypeError, KeyError):
        return 0


def _parse(raw: bytes) -> Line | None:
    try:
        return Line(**orjson.loads(raw)) if raw else None
    except (ValueError, TypeError):
        return None


def origin(lines: list[Line], revision: str, status: os.stat_result) -> Origin:
    """Match a file to its journal lines.

    The newest line has the last word if the file holds its revision. An older one counts only if the file
    has its modification time too: then a later writer died before its rename, or is about to do it. Any
    other content is a person's, who also may have brought back what an agent once wrote.
    """
    written = None
    for index, line in enumerate(reversed(lines)):
        if line.revision == revision and (index == 0 or line.mtime_ns == status.st_mtime_ns):
            written = line
            lines = lines[: len(lines) - index]
            break
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
