"""Git's index as a file: read, and replaced with a few entries changed. It knows neither commits nor contents.

Format: gitformat-index(5), versions 2, 3 and 4. Git tells an edited file from its entry by whole seconds, size and
inode. An entry whose file was written in the second of the index is "racy": git looks into the file. Whoever writes
the index later must mark those that have changed since, or the edit is hidden for good (libgit2 does not). The offsets
of the entries are kept beside the index, so that a process need not parse what it did not change.
"""

from __future__ import annotations

import hashlib
import os
import struct
import zlib
from array import array
from bisect import bisect_left
from collections.abc import Callable, Mapping
from typing import NamedTuple

import orjson

from fsstore.engines.files.atomic import Tree
from fsstore.errors import DamagedHistory, RepositoryState
from fsstore.history import entries
from fsstore.history.entries import EMPTY, HEADER, MAX, OID, SIZE, STATUS, status_of
from fsstore.history.objects import Entry
from fsstore.history.ordered import Ordered
from fsstore.history.ticks import tick

_LIMIT = 1 << 34
_OFFSETS, _KEPT = "fsstore/offsets", "fsstore/index"


class Signature(NamedTuple):
    """What tells one index file from another."""

    inode: int
    size: int
    mtime: int
    """Nanoseconds."""


class Index(Ordered):
    """The index of a repository, as it was when it was last loaded."""

    def __init__(self, tree: Tree) -> None:
        """``tree`` is that of ``.git``."""
        super().__init__()
        self._tree = tree
        self.signature: Signature | None = None
        self.racy: set[bytes] = set()
        """Paths whose entries may hide a change from git once the index is written anew."""

    def load(self) -> bool:
        """Look for the file again; whether it is another than before. Raises `RepositoryState` for conflicts in it."""
        try:
            signature = _signature(self._tree)
        except FileNotFoundError:
            changed, self.signature = self.signature is not None, None
            self._found = {}
            self.data, self._offsets, self._end, self.racy = EMPTY, array("I"), HEADER.size, set()
            return changed
        if signature == self.signature:
            return False
        data = self._tree.read("index", _LIMIT)
        if len(data) != signature.size:  # replaced in between
            return self.load()
        self.data, self.signature, self._found = data, signature, {}
        try:
            if not self._recall():
                self._parse()
        except Exception:
            self.signature = None
            raise
        return True

    def is_current(self) -> bool:
        """Whether the file is still the one that was loaded."""
        try:
            return _signature(self._tree) == self.signature
        except FileNotFoundError:
            return self.signature is None

    def suspects(self) -> list[bytes]:
        """Paths whose files may have been written again, within one tick of the clock, after they were looked at."""
        if self.signature is None or not self.tick:
            return []
        found = []
        for path in self.racy:
            status = self.status(path)
            if status and status[2] * 10**9 + status[3] + self.tick >= self.signature.mtime:
                found.append(path)
        return found

    @property
    def tick(self) -> int:
        """For how many nanoseconds a file's time proves nothing."""
        return tick(self._tree)

    def foreign_changes(self) -> set[bytes]:
        """Paths whose entries are others than in the index that was written here last; all if that is unknown."""
        old = Index(self._tree)
        try:
            old.data = self._tree.read(_KEPT, _LIMIT)
            differing = self._differing(old.data)
            if differing is not None:
                return set(differing)
            old._parse()
        except (OSError, DamagedHistory, RepositoryState):
            return set(self.paths())
        mine, theirs = dict(self._raw_entries()), dict(old._raw_entries())
        return {path for path in mine.keys() | theirs.keys() if mine.get(path) != theirs.get(path)}

    # -- writing -----------------------------------------------------------------------------------

    def replaced(self, changes: Mapping[bytes, bytes | None], is_same: Callable[[bytes, Entry], bool]) -> Index:
        """The index with these entries (see `entry_of`) set, or removed (``None``): to be written, then `settle` it.

        ``is_same`` tells whether a file still has the content of its entry; it is asked where the status alone cannot
        tell. Extensions are left out: git makes them anew.
        """
        changes = {**self._smudged(changes, is_same), **changes}
        found = Index(self._tree)
        pieces: list[bytes | memoryview] = [b""]
        offsets = array("I")
        old, first, size = memoryview(self.data), 0, HEADER.size
        for path in sorted(changes):
            entry, at = changes[path], self._at(path)
            number = self._number(path) if at < 0 else bisect_left(self._offsets, at)
            size = self._copy(old, first, number, size, pieces, offsets)
            first = number + (at >= 0)
            if entry is not None:
                found._found[path] = size
                pieces.append(entry)
                offsets.append(size)
                size += len(entry)
        size = self._copy(old, first, len(self._offsets), size, pieces, offsets)
        version = 3 if self.data[4:8] == b"\0\0\0\3" else 2
        pieces[0] = HEADER.pack(b"DIRC", version, len(offsets))
        digest = hashlib.sha1(usedforsecurity=False)
        for piece in pieces:
            digest.update(piece)
        found.data, found._offsets, found._end = b"".join([*pieces, digest.digest()]), offsets, size
        found.racy = {*self.racy, *changes}
        return found

    def settle(self) -> None:
        """Say that the file now holds this index; what is known of it is kept beside it."""
        self.signature = _signature(self._tree)
        self.racy = self._racy_of(self.racy)
        self._remember()

    def _smudged(
        self, changes: Mapping[bytes, bytes | None], is_same: Callable[[bytes, Entry], bool]
    ) -> dict[bytes, bytes]:
        """Racy entries whose files have changed, with a size that no file has: so git marks them too."""
        found = {}
        suspects = set(self.suspects())
        for path in self.racy:
            at = self._at(path)
            if path in changes or at < 0 or (entry := self._entry(at)) is None:
                continue
            try:
                now = status_of(os.stat(self._tree.absolute(f"../{os.fsdecode(path)}"), follow_symlinks=False))
            except (FileNotFoundError, NotADirectoryError):
                continue
            known = STATUS.unpack_from(self.data, at)
            if (now[2:4] != known[2:4] or now[9] != known[9]) or (path in suspects and not is_same(path, entry)):
                raw = self.data[at : at + entries.length_at(self.data, at)]
                found[path] = raw[:SIZE] + b"\0\0\0\0" + raw[OID:]
        return found

    # -- what is read, and what is kept beside it --------------------------------------------------

    def _parse(self) -> None:
        self.data, self._offsets, self._end = entries.parse(self.data, self._file)
        second = struct.pack(">I", (self.signature.mtime if self.signature else 0) // 10**9 & MAX)
        self.racy = {self._path(at) for at in self._offsets if self.data[at + 8 : at + 12] >= second}

    @property
    def _file(self) -> str:
        return f"{self._tree.root}/index"

    def _remember(self) -> None:
        if self.signature is None:
            return
        offsets = self._offsets.tobytes()
        racy = [path.hex() for path in self.racy]
        head = orjson.dumps([*self.signature, self.data[-20:].hex(), self._end, racy, zlib.crc32(offsets)])
        path = self._tree.absolute(_OFFSETS)
        try:
            staged = self._tree.absolute(f"{_OFFSETS}.{os.getpid()}")
            with open(staged, "wb") as file:
                file.write(head + b"\n" + offsets)
            os.rename(staged, path)
        except OSError:  # it can be made again
            return

    def _recall(self) -> bool:
        """Whether what was kept is of this index, or of one that differs in no path."""
        try:
            head, _, offsets = self._tree.read(_OFFSETS, _LIMIT).partition(b"\n")
            *signature, digest, end, racy, checksum = orjson.loads(head)
            found = array("I", offsets)
            if len(found) != HEADER.unpack_from(self.data)[2] or zlib.crc32(offsets) != checksum:
                return False
            before = self._offsets, self._end, self.racy
            self._offsets, self._end, self.racy = found, end, {bytes.fromhex(path) for path in racy}
            if tuple(signature) == self.signature and bytes.fromhex(digest) == self.data[-20:]:
                return True
            entries.require_sound(self.data, self._file)
            kept = self._tree.read(_KEPT, _LIMIT)
            differing = self._differing(kept) if kept[-20:].hex() == digest else None
        except (OSError, ValueError, struct.error):
            return False
        if differing is None:
            self._offsets, self._end, self.racy = before
            return False
        entries.require_whole(self.data, self._end, self._file)
        self.racy = self._racy_of({*self.racy, *differing})
        return True

    def _racy_of(self, paths: set[bytes]) -> set[bytes]:
        """Those of these paths that were written in the second of the index, or later."""
        second = (self.signature.mtime if self.signature else 0) // 10**9 & MAX
        return {path for path in paths if (status := self.status(path)) and status[2] >= second}


def _signature(tree: Tree) -> Signature:
    status = tree.stat("index")
    return Signature(status.st_ino, status.st_size, status.st_mtime_ns)
