"""The entries of git's index in the order of their paths: found, compared, and taken over. It opens no file."""

from __future__ import annotations

import os
import struct
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from typing import Literal

from fsstore.history import entries
from fsstore.history.entries import (
    EMPTY,
    EXTENDED,
    FLAGS,
    HEADER,
    INTENT,
    MODE,
    NAME,
    OID,
    PLAIN_VERSION,
    SKIPPED,
    STATUS,
    Status,
)
from fsstore.history.objects import Entry

_PIECE = 4096  # bytes that are compared at once
_AFTER_SLASH = b"0"
_SHORT = struct.Struct(">II12xII8xI")
"""Of a `Status`, what tells whether a file was changed."""


class Ordered:
    """What can be asked of an index by those who know paths."""

    def __init__(self) -> None:
        self.data = EMPTY
        self._offsets = array("I")
        self._end = HEADER.size
        self._found: dict[bytes, int] = {}
        """Where entries are that were asked for."""

    def __len__(self) -> int:
        return len(self._offsets)

    def find(self, path: bytes) -> Entry | None:
        """Mode and id of a path; ``None`` for one that is only meant to be added."""
        at = self._at(path)
        return None if at < 0 else self._entry(at)

    def status(self, path: bytes) -> Status | None:
        """What the index knows of the file."""
        at = self._at(path)
        return None if at < 0 else STATUS.unpack_from(self.data, at)

    def is_skipped(self, path: bytes) -> bool:
        """Whether the file need not be in the work tree: it is outside of a sparse checkout."""
        at = self._at(path)
        return at >= 0 and bool(self.data[at + FLAGS] & EXTENDED and self.data[at + NAME] & SKIPPED)

    def below(self, directory: bytes) -> dict[str, Status | Literal[False]]:
        """What lies directly in a directory (a path with a slash at its end; empty for the root).

        Names of files with what is known of them, names of sub-directories with False.
        """
        found: dict[str, Status | Literal[False]] = {}
        data, offsets, unpack, decode = self.data, self._offsets, STATUS.unpack_from, os.fsdecode
        skip, number, count = len(directory), self._number(directory), len(self._offsets)
        while number < count:
            at = offsets[number]
            start = at + (NAME + 2 if data[at + FLAGS] & EXTENDED else NAME)
            path = data[start : data.index(b"\0", start)]
            if not path.startswith(directory):
                break
            slash = path.find(b"/", skip)
            if slash >= 0:
                found[decode(path[skip:slash])] = False
                number = self._number(path[:slash] + _AFTER_SLASH)
            else:
                found[decode(path[skip:])] = unpack(data, at)
                number += 1
        return found

    def files(self, directory: bytes) -> tuple[list[str], list[tuple[int, int, int, int, int]]] | None:
        """What lies in a directory, in order, in half the time of `below`; ``None`` if there is another one in it.

        Names, and of each file the seconds and nanoseconds of its ctime, inode, mode and size.
        """
        data, find, start = self.data, self.data.find, NAME + len(directory)
        if data[4:8] != PLAIN_VERSION or not directory:
            return None
        offsets = self._offsets[self._number(directory) : self._number(directory[:-1] + _AFTER_SLASH)]
        names = os.fsdecode(b"\0".join([data[at + start : find(b"\0", at + start)] for at in offsets]))
        if not names or "/" in names:
            return None
        unpack = _SHORT.unpack_from
        return names.split("\0"), [unpack(data, at) for at in offsets]

    def paths(self, directory: bytes = b"") -> Iterator[bytes]:
        """The paths that begin so."""
        for number in range(self._number(directory), len(self._offsets)):
            path = self._path(self._offsets[number])
            if not path.startswith(directory):
                return
            yield path

    # -- for who writes an index -------------------------------------------------------------------

    def _differing(self, old: bytes) -> list[bytes] | None:
        """The paths whose entries differ from those of another index; ``None`` if it does not have the same paths."""
        data, offsets, last = self.data, self._offsets, self._end
        if len(old) < last or old[: HEADER.size] != data[: HEADER.size]:
            return None
        found: list[bytes] = []
        done = 0
        for start in range(HEADER.size, last, _PIECE):
            if old[start : start + _PIECE] == data[start : start + _PIECE]:
                continue
            number = max(done, bisect_right(offsets, start) - 1)
            while number < len(offsets) and (at := offsets[number]) < start + _PIECE:
                number += 1
                end = offsets[number] if number < len(offsets) else last
                if old[at:end] != data[at:end]:
                    if old[at + FLAGS : end] != data[at + FLAGS : end]:
                        return None
                    found.append(self._path(at))
            done = number
        return found

    def _raw_entries(self) -> Iterator[tuple[bytes, bytes]]:
        for at, end in zip(self._offsets, [*self._offsets[1:], self._end], strict=True):
            yield self._path(at), self.data[at:end]

    def _copy(
        self, old: memoryview, first: int, last: int, size: int, pieces: list[bytes | memoryview], offsets: array[int]
    ) -> int:
        """Take over the entries of these numbers; where the next begins."""
        if first == last:
            return size
        start = self._offsets[first]
        end = self._offsets[last] if last < len(self._offsets) else self._end
        pieces.append(old[start:end])
        moved = size - start
        offsets.extend(self._offsets[first:last] if not moved else [at + moved for at in self._offsets[first:last]])
        return size + end - start

    # -- finding -----------------------------------------------------------------------------------

    def _at(self, path: bytes) -> int:
        """Where the entry of a path is; -1 if there is none."""
        at = self._found.get(path)
        if at is None:
            number = self._number(path)
            exists = number < len(self._offsets) and self._path(self._offsets[number]) == path
            at = self._found[path] = self._offsets[number] if exists else -1
        return at

    def _number(self, path: bytes) -> int:
        """How many entries come before this path."""
        data, find = self.data, self.data.find
        if data[4:8] != PLAIN_VERSION:
            return bisect_left(self._offsets, path, key=self._path)
        return bisect_left(self._offsets, path, key=lambda at: data[at + NAME : find(b"\0", at + NAME)])

    def _path(self, at: int) -> bytes:
        return entries.path_at(self.data, at)

    def _entry(self, at: int) -> Entry | None:
        if self.data[at + FLAGS] & EXTENDED and self.data[at + NAME] & INTENT:
            return None
        mode = int.from_bytes(self.data[at + MODE : at + MODE + 4])
        return b"%o" % mode, self.data[at + OID : at + OID + 20]
