"""Pack files, read: many git objects in one file with an index beside it. Formats: gitformat-pack(5), version 2.

Pure bytes: which objects there are and why is known elsewhere.
"""

from __future__ import annotations

import hashlib
import mmap
import os
import struct
import zlib
from collections.abc import Callable, Iterator

from fsstore.engines.files.atomic import READ, Tree
from fsstore.errors import DamagedHistory

Object = tuple[bytes, bytes]
"""Kind (``b"blob"``, ``b"tree"``, ``b"commit"``, ``b"tag"``) and content."""

NUMBERS = {b"commit": 1, b"tree": 2, b"blob": 3, b"tag": 4}
_KINDS = {number: kind for kind, number in NUMBERS.items()}
_OFFSET_DELTA, _NAMED_DELTA = 6, 7
HEADER = struct.Struct(">4sII")
INDEX_MAGIC = b"\xfftOc\0\0\0\2"
_FAN, _IDS = 8, 8 + 1024
LARGE = 1 << 31
_KEPT, _KEPT_EACH = 1 << 24, 1 << 16  # bytes of objects in memory
_IN_MEMORY = 1 << 20  # bytes: smaller files are read whole, and need no descriptor


def object_id(kind: bytes, content: bytes) -> bytes:
    """The 20 bytes that name an object."""
    return hashlib.sha1(b"%b %d\0" % (kind, len(content)) + content, usedforsecurity=False).digest()


class Pack:
    """One pack file, read. Raises `DamagedHistory` where it makes no sense."""

    def __init__(self, tree: Tree, name: str) -> None:
        """``name`` is the path below ``.git`` without its suffix. Raises `OSError`."""
        self._tree, self.name = tree, name
        self._index = _content(tree, f"{name}.idx")
        self._data: bytes | mmap.mmap | None = None
        self._known: dict[int, Object] = {}
        self._room = _KEPT
        if len(self._index) < _IDS + 40 or self._index[:8] != INDEX_MAGIC:
            raise self._damaged("its index is not one of version 2")
        self._fan = struct.unpack_from(">256I", self._index, _FAN)
        self.count = self._fan[255]
        if len(self._index) < _IDS + 28 * self.count + 40:
            raise self._damaged("its index is cut short")

    def offset(self, oid: bytes) -> int:
        """Where the object begins; -1 if it is not in this pack."""
        first = self._fan[oid[0] - 1] if oid[0] else 0
        low, high = _IDS + 20 * first, _IDS + 20 * self._fan[oid[0]]
        at = self._index.find(oid, low, high)
        while at >= 0 and (at - _IDS) % 20:  # across two of them
            at = self._index.find(oid, at + 1, high)
        return -1 if at < 0 else self._offset((at - _IDS) // 20)

    def ids(self, prefix: bytes = b"") -> Iterator[bytes]:
        """The ids that begin with these bytes, sorted."""
        first = self._fan[prefix[0] - 1] if prefix and prefix[0] else 0
        last = self._fan[prefix[0]] if prefix else self.count
        for number in range(first, last):
            at = _IDS + 20 * number
            if self._index[at : at + len(prefix)] == prefix:
                yield self._index[at : at + 20]

    def read(self, offset: int, base: Callable[[bytes], Object]) -> Object:
        """The object at this place; ``base`` reads the one that a delta names by its id."""
        deltas: list[tuple[int, bytes]] = []
        while True:
            if (known := self._known.get(offset)) is not None:
                kind, content = known
                break
            number, size, start = self._head(offset)
            if number in _KINDS:
                kind, content = _KINDS[number], self._inflated(start, size)
                self._remember(offset, kind, content)
                break
            if number == _OFFSET_DELTA:
                distance, start = self._distance(start)
                if not 0 < distance <= offset - HEADER.size:
                    raise self._damaged(f"at {offset}: a delta of nothing")
                deltas.append((offset, self._inflated(start, size)))
                offset -= distance
            elif number == _NAMED_DELTA:
                deltas.append((offset, self._inflated(start + 20, size)))
                kind, content = base(bytes(self._bytes(start, 20)))
                break
            else:
                raise self._damaged(f"at {offset}: objects of type {number} are not known")
        for at, delta in reversed(deltas):
            content = self._patched(content, delta)
            self._remember(at, kind, content)
        return kind, content

    def _remember(self, offset: int, kind: bytes, content: bytes) -> None:
        """Keep an object that others may be deltas of: what is read together lies in chains of them."""
        if len(content) <= _KEPT_EACH:
            self._room -= len(content) + 200
            if self._room < 0:
                self._known.clear()
                self._room = _KEPT
            self._known[offset] = kind, content

    def records(self) -> Iterator[tuple[bytes, int, bytes]] | None:
        """Id, checksum and the record as it lies there, of all objects; ``None`` if one is a delta."""
        count, index, data = self.count, self._index, bytes(self._opened())
        sums = struct.unpack_from(f">{count}I", index, _IDS + 20 * count)
        offsets = [*struct.unpack_from(f">{count}I", index, _IDS + 24 * count)]
        if any(offset & LARGE for offset in offsets):
            offsets = [self._offset(number) for number in range(count)]
        ordered = sorted(offsets)
        if ordered and not HEADER.size <= ordered[0] <= ordered[-1] < len(data) - 20:
            raise self._damaged("its index names places outside of it")
        if any(data[offset] >> 4 & 7 not in _KINDS for offset in offsets):
            return None
        ends = dict(zip(ordered, [*ordered[1:], len(data) - 20], strict=True))
        return (
            (index[at : at + 20], crc, self._checked(data[offset : ends[offset]], offset, crc))
            for at, crc, offset in zip(range(_IDS, _IDS + 20 * count, 20), sums, offsets, strict=True)
        )

    def _checked(self, raw: bytes, offset: int, crc: int) -> bytes:
        if zlib.crc32(raw) != crc:
            raise self._damaged(f"at {offset}: the checksum is wrong")
        return raw

    @property
    def size(self) -> int:
        """Bytes of the pack file."""
        return len(self._opened())

    def _opened(self) -> bytes | mmap.mmap:
        if self._data is None:
            self._data = _content(self._tree, f"{self.name}.pack")
        return self._data

    def _bytes(self, at: int, size: int) -> bytes:
        found = self._opened()[at : at + size]
        if len(found) != size:
            raise self._damaged(f"it is cut short at {at}")
        return found

    def _offset(self, number: int) -> int:
        at = _IDS + 24 * self.count + 4 * number
        offset: int = struct.unpack_from(">I", self._index, at)[0]
        if offset & LARGE:
            at = _IDS + 28 * self.count + 8 * (offset - LARGE)
            if at + 48 > len(self._index):
                raise self._damaged("its index is cut short")
            offset = struct.unpack_from(">Q", self._index, at)[0]
        return offset

    def _head(self, offset: int) -> tuple[int, int, int]:
        """Type, size of the content, and where the rest begins."""
        head = self._opened()[offset : offset + 12]
        if not head:
            raise self._damaged(f"it is cut short at {offset}")
        number, size, shift, at = head[0] >> 4 & 7, head[0] & 15, 4, 0
        while head[at] & 0x80:
            at += 1
            if at >= len(head):
                raise self._damaged(f"at {offset}: no end of a size")
            size |= (head[at] & 0x7F) << shift
            shift += 7
        return number, size, offset + at + 1

    def _distance(self, at: int) -> tuple[int, int]:
        """How far before a delta its base lies, and where the delta begins."""
        raw = self._opened()[at : at + 10]
        distance = 0
        for length, byte in enumerate(raw, 1):
            distance |= byte & 0x7F
            if not byte & 0x80:
                return distance, at + length
            distance = (distance + 1) << 7
        raise self._damaged(f"it is cut short at {at}")

    def _inflated(self, at: int, size: int) -> bytes:
        inflater = zlib.decompressobj()
        data = self._opened()
        step = size + (size >> 10) + 64  # what a stream of this size can take, so that little is copied beyond it
        content = b""
        try:
            while not inflater.eof and at < len(data) and len(content) <= size:
                content += inflater.decompress(data[at : at + step], size + 1 - len(content))
                at += step
        except zlib.error as error:
            raise self._damaged(f"at {at}: {error}") from None
        if len(content) != size:
            raise self._damaged(f"at {at}: an object is cut short")
        return content

    def _patched(self, base: bytes, delta: bytes) -> bytes:
        """What a delta makes of its base."""
        try:
            return apply_delta(base, delta)
        except (IndexError, ValueError):
            raise self._damaged("a delta does not fit its base") from None

    def _damaged(self, what: str) -> DamagedHistory:
        path = f"{self._tree.root}/{self.name}.pack"
        return DamagedHistory(f"{path} is damaged: {what}. See what is left with: git fsck", path=path)


def apply_delta(base: bytes, delta: bytes) -> bytes:
    """The content that a delta describes. Raises `IndexError` or `ValueError` for one that makes no sense."""
    source, at = _varint(delta, 0)
    target, at = _varint(delta, at)
    if source != len(base):
        raise ValueError(source)
    pieces = []
    while at < len(delta):
        op = delta[at]
        at += 1
        if op & 0x80:
            start = size = 0
            for bit in range(4):
                if op & 1 << bit:
                    start |= delta[at] << 8 * bit
                    at += 1
            for bit in range(3):
                if op & 0x10 << bit:
                    size |= delta[at] << 8 * bit
                    at += 1
            pieces.append(base[start : start + (size or 0x10000)])
        elif op:
            pieces.append(delta[at : at + op])
            at += op
        else:
            raise ValueError(op)
    content = b"".join(pieces)
    if len(content) != target:
        raise ValueError(len(content))
    return content


def _varint(raw: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = raw[at]
        value |= (byte & 0x7F) << shift
        at += 1
        shift += 7
        if not byte & 0x80:
            return value, at


def _content(tree: Tree, path: str) -> bytes | mmap.mmap:
    fd = tree.open(path, READ)
    try:
        size = os.fstat(fd).st_size
        if size > _IN_MEMORY:
            return mmap.mmap(fd, size, access=mmap.ACCESS_READ)
        raw = b""
        while piece := os.read(fd, _IN_MEMORY):
            raw += piece
        return raw
    finally:
        os.close(fd)
