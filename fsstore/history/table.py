"""A table of commits and the paths that each of them changed, made to be searched. It knows no git.

A search looks at 4 bytes for every changed path of the whole history, and at no more than it finds. Columns:

    links    child and parent, for every parent but the first
    hashes   the first 4 bytes of the digest of each changed path, commit after commit
    entries  for each of them the next 8 bytes of the digest, the id of the new content, the commit's number, a checksum
    rows     for each commit: id, number, number of the first parent + 1, number of its last entry + 1, a checksum

Parents come before their children. What is not whole is not believed: a table can be made again.
"""

from __future__ import annotations

import hashlib
import os
import struct
import zlib
from collections.abc import Iterable, Iterator, Sequence

ROW = struct.Struct("<20sIIII")
ENTRY = struct.Struct("<8s20sII")
LINK = struct.Struct("<II")
HASH = 4

REMOVED = b"\0" * 20
"""Instead of the id of a content: there is none any more."""
UNKNOWN = b"\xff" * 20
"""Instead of the id of a content: the commit's tree tells."""

Changed = Iterable[tuple[bytes, bytes]]
"""Paths with the ids of their new contents."""
Row = tuple[bytes, int, int, int]
"""Id, number, number of the first parent + 1, number of the last entry + 1."""


class Unusable(Exception):
    """What should be a table, or a part of one, is not whole."""


class Stored:
    """Entries and rows that lie in an open file, and are read from there when they are wanted."""

    __slots__ = ("_at", "_fd", "commits", "entries")

    def __init__(self, fd: int = -1, commits: int = 0, entries: int = 0, at: int = 0) -> None:
        """The descriptor becomes this object's own. The entries begin ``at`` bytes from the start, the rows after."""
        self._fd, self.commits, self.entries, self._at = fd, commits, entries, at

    def __del__(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)

    def read_entries(self, start: int, end: int) -> bytes:
        """Entries by number."""
        return self._read(self._at, ENTRY.size, start, min(end, self.entries))

    def read_rows(self, start: int, end: int) -> bytes:
        """Rows by number."""
        return self._read(self._at + self.entries * ENTRY.size, ROW.size, start, min(end, self.commits))

    def _read(self, at: int, width: int, start: int, end: int) -> bytes:
        size = (end - start) * width
        if size <= 0:
            return b""
        raw = os.pread(self._fd, size, at + start * width)
        if len(raw) != size:
            raise Unusable
        return raw


class Table:
    """Commits and what they changed. Commits can be added; those that are there stay as they are."""

    def __init__(
        self, stored: Stored | None = None, hashes: bytes = b"", links: dict[int, list[int]] | None = None
    ) -> None:
        """What is ``stored``, with the columns that belong to it."""
        self._stored = stored or Stored()
        self._hashes: bytes | bytearray = hashes
        self._rows, self._entries = bytearray(), bytearray()  # what is not in the file
        self.links = links or {}
        """Parents but the first, of the commits that have any."""
        self.count = self._stored.commits
        """Commits."""
        self.end = self._stored.entries
        """Entries."""
        self.last = self.id(self.count - 1) if self.count else None
        """The id of the newest commit."""

    def copy(self) -> Table:
        """Another table of the same commits."""
        made = Table(self._stored, bytes(self._hashes), {child: list(each) for child, each in self.links.items()})
        made._rows, made._entries = bytearray(self._rows), bytearray(self._entries)
        made.count, made.end, made.last = self.count, self.end, self.last
        return made

    def id(self, number: int) -> bytes:
        """The id of a commit."""
        return self._row(number)[0]

    def number(self, commit: bytes) -> int | None:
        """The number of a commit, if it is there."""
        raw = self.raw_rows()
        at = raw.find(commit)
        while at >= 0 and at % ROW.size:
            at = raw.find(commit, at + 1)
        return None if at < 0 else at // ROW.size

    def numbers(self) -> dict[bytes, int]:
        """All ids with their numbers."""
        return {row[0]: number for number, row in enumerate(self._all_rows())}

    def parents(self, number: int) -> list[int]:
        """The numbers of a commit's parents."""
        first = self._row(number)[2]
        return [first - 1, *self.links.get(number, ())] if first else []

    def search(self, path: bytes) -> Iterator[tuple[int, bytes]]:
        """The commits that changed a path, by number, newest first, each with the id of the new content."""
        digest = _digest(path)
        needle, rest, hashes = digest[:HASH], digest[HASH:], self._hashes
        at = hashes.rfind(needle)
        while at >= 0:
            if at % HASH == 0:
                number = at // HASH
                found, oid, commit, checksum = ENTRY.unpack(raw := self.raw_entries(number, number + 1))
                if zlib.crc32(raw[:-4]) != checksum:
                    raise Unusable
                if found == rest:
                    yield commit, oid
            at = hashes.rfind(needle, 0, at + HASH - 1)

    def ancestors(self, tips: Iterable[int]) -> bytearray:
        """For each commit a 1 if it is one of these, or among their ancestors."""
        found = bytearray(self.count)
        for tip in tips:
            found[tip] = 1
        rows = list(self._all_rows())
        for number in range(found.rfind(1), -1, -1):
            if found[number] and (first := rows[number][2]):
                found[first - 1] = 1
                for parent in self.links.get(number, ()):
                    found[parent] = 1
        return found

    def only(self, wanted: bytearray) -> Table:
        """A table of those commits alone. Every parent of one is one."""
        made, new_numbers, start = Table(), {}, 0
        for number, row in enumerate(self._all_rows()):
            if wanted[number]:
                new_numbers[number] = made.count
                parents = [new_numbers[parent] for parent in self.parents(number)]
                entries = self._renumbered(start, row[3], number, made.count)
                made._add(row[0], parents, self._hashes[start * HASH : row[3] * HASH], entries)
            start = row[3]
        return made

    def _renumbered(self, start: int, end: int, number: int, new: int) -> bytes:
        """The entries of a commit, as of another number."""
        raw = self.raw_entries(start, end)
        if number == new:
            return raw
        return b"".join([_entry(rest, oid, new) for rest, oid, _, _ in ENTRY.iter_unpack(raw)])

    def add(self, commit: bytes, parents: Sequence[int], changed: Changed) -> None:
        """One more commit, whose parents are there."""
        self._add(commit, parents, *columns(changed, self.count))

    def adopt(self, hashes: bytes, entries: bytes, row: bytes, links: dict[int, list[int]]) -> None:
        """One more commit, in columns. Raises `Unusable` for a row that does not follow on the last."""
        commit, _, _, self.end = checked_row(row, self.count, self.end + len(hashes) // HASH)
        if isinstance(self._hashes, bytes):
            self._hashes = bytearray(self._hashes)  # not to copy all for each commit
        self._hashes += hashes
        self._entries += entries
        self._rows += row
        self.links.update(links)
        self.count, self.last = self.count + 1, commit

    def _add(self, commit: bytes, parents: Sequence[int], hashes: bytes | bytearray, entries: bytes) -> None:
        row = make_row(commit, self.count, parents, self.end + len(hashes) // HASH)
        self.adopt(bytes(hashes), entries, row, {self.count: list(parents[1:])} if parents[1:] else {})

    # -- columns -----------------------------------------------------------------------------------

    def raw_hashes(self) -> bytes:
        """The column of hashes."""
        return bytes(self._hashes)

    def raw_entries(self, start: int, end: int) -> bytes:
        """Some of the column of entries."""
        return _joined(self._stored.read_entries(start, end), self._entries, self._stored.entries, start, end, ENTRY)

    def raw_rows(self) -> bytes:
        """The column of rows."""
        return self._stored.read_rows(0, self.count) + self._rows

    def _row(self, number: int) -> Row:
        raw = self._stored.read_rows(number, number + 1)
        return checked_row(_joined(raw, self._rows, self._stored.commits, number, number + 1, ROW), number)

    def _all_rows(self) -> Iterator[Row]:
        raw = self.raw_rows()
        return (checked_row(raw[at : at + ROW.size], at // ROW.size) for at in range(0, len(raw), ROW.size))


def columns(changed: Changed, number: int) -> tuple[bytes, bytes]:
    """Hashes and entries of what the commit with this number changed: paths, and the namespaces that they lie in."""
    content = dict(changed)
    for path in list(content):
        content[namespace_of(path)] = UNKNOWN
    hashes, entries = [], []
    for path, oid in content.items():
        digest = _digest(path)
        hashes.append(digest[:HASH])
        entries.append(_entry(digest[HASH:], oid, number))
    return b"".join(hashes), b"".join(entries)


def _entry(rest: bytes, oid: bytes, number: int) -> bytes:
    body = struct.pack("<8s20sI", rest, oid, number)
    return body + struct.pack("<I", zlib.crc32(body))


def namespace_of(path: bytes) -> bytes:
    """The namespace's directory that a file lies in, with a slash at its end; a lone slash for the root's files."""
    end = path.find(b"/")
    while end > 0 and path[end - 1 : end] == b"%" and (further := path.find(b"/", end + 1)) > 0:
        end = further
    return path[: end + 1] or b"/"


def make_row(commit: bytes, number: int, parents: Sequence[int], end: int) -> bytes:
    """The row of a commit."""
    body = struct.pack("<20sIII", commit, number, parents[0] + 1 if parents else 0, end)
    return body + struct.pack("<I", zlib.crc32(body))


def checked_row(raw: bytes, number: int, end: int | None = None) -> Row:
    """What a row says. Raises `Unusable` if it is not whole, or not that commit's."""
    if len(raw) != ROW.size:
        raise Unusable
    commit, found, first, found_end, checksum = ROW.unpack(raw)
    if found != number or first > number or end not in (None, found_end) or zlib.crc32(raw[:-4]) != checksum:
        raise Unusable
    return commit, found, first, found_end


def _joined(stored: bytes, late: bytearray, count: int, start: int, end: int, form: struct.Struct) -> bytes:
    """What was read of a column's ``count`` stored cells, and what is wanted of those that came later."""
    if end <= count:
        return stored
    return stored + bytes(late[max(start - count, 0) * form.size : (end - count) * form.size])


def _digest(path: bytes) -> bytes:
    return hashlib.blake2b(path, digest_size=HASH + 8).digest()
