"""Entries of git's index, as bytes. Format: gitformat-index(5), versions 2, 3 and 4. It opens no file."""

from __future__ import annotations

import hashlib
import os
import struct
from array import array

from fsstore.errors import DamagedHistory, RepositoryState

HEADER = struct.Struct(">4sII")
STATUS = struct.Struct(">10I")
_ENTRY = struct.Struct(">10I20sH")
NAME, FLAGS, OID, SIZE, MODE = 62, 60, 40, 36, 24
EXTENDED, _STAGE = 0x40, 0x30  # in the first byte of the flags
INTENT, SKIPPED = 0x20, 0x40  # in that of the extended ones
MAX = 0xFFFFFFFF
EMPTY = b"DIRC" + struct.pack(">II", 2, 0)
PLAIN_VERSION = struct.pack(">I", 2)
"""That which has no extended flags."""

Status = tuple[int, int, int, int, int, int, int, int, int, int]
"""Seconds and nanoseconds of ctime and mtime, device, inode, mode, uid, gid, size: 32 bits each, as git keeps them."""


def entry_of(path: bytes, status: Status, oid: bytes) -> bytes:
    """The index's entry for a file."""
    raw = _ENTRY.pack(*status, oid, min(len(path), 0xFFF)) + path
    return raw + b"\0" * (8 - len(raw) % 8)


def unknown(mode: bytes) -> Status:
    """The status of a file that nobody has looked at: whoever wants to know compares its content."""
    return (0, 0, 0, 0, 0, 0, int(mode, 8), 0, 0, 0)


def status_of(found: os.stat_result) -> Status:
    """A file's status as the index keeps it."""
    mode = found.st_mode
    kept = 0o120000 if mode & 0o170000 == 0o120000 else 0o100755 if mode & 0o100 else 0o100644
    return (
        found.st_ctime_ns // 10**9 & MAX,
        found.st_ctime_ns % 10**9,
        found.st_mtime_ns // 10**9 & MAX,
        found.st_mtime_ns % 10**9,
        found.st_dev & MAX,
        found.st_ino & MAX,
        kept,
        found.st_uid & MAX,
        found.st_gid & MAX,
        found.st_size & MAX,
    )


def path_at(data: bytes, at: int) -> bytes:
    """The path of the entry that begins there."""
    start = at + (NAME + 2 if data[at + FLAGS] & EXTENDED else NAME)
    return data[start : data.index(b"\0", start)]


def length_at(data: bytes, at: int) -> int:
    """How many bytes the entry takes that begins there."""
    start = at + (NAME + 2 if data[at + FLAGS] & EXTENDED else NAME)
    return (data.index(b"\0", start) - at) // 8 * 8 + 8


def parse(data: bytes, path: str) -> tuple[bytes, array[int], int]:
    """The content of an index in version 2 or 3, where its entries begin, and where they end.

    ``path`` is for errors: `DamagedHistory`, and `RepositoryState` for conflicts, or for what is not understood.
    """
    if len(data) < HEADER.size + 20:
        raise damaged(path)
    magic, version, count = HEADER.unpack_from(data)
    if magic != b"DIRC" or version not in (2, 3, 4):
        raise damaged(path)
    require_sound(data, path)
    if version == 4:
        data, version = _expanded(data, count), 3
    offsets, at, find = array("I"), HEADER.size, data.find
    for _ in range(count):
        offsets.append(at)
        start = at + (NAME if version == 2 or not data[at + FLAGS] & EXTENDED else NAME + 2)
        end = find(b"\0", start)
        if end < 0:
            raise damaged(path)
        at += (end - at) // 8 * 8 + 8
    if any(data[offset + FLAGS] & _STAGE for offset in offsets):
        raise RepositoryState(
            f"{path} has conflicts of a merge. Settle them and git add what you chose, or give the merge up: "
            f"git merge --abort",
            path=path,
            reason="conflicts",
        )
    require_whole(data, at, path)
    return data, offsets, at


def require_sound(data: bytes, path: str) -> None:
    """Raise `DamagedHistory` unless the checksum at the end is right, or left out (``index.skipHash``)."""
    checksum = data[-20:]
    if any(checksum) and hashlib.sha1(memoryview(data)[:-20], usedforsecurity=False).digest() != checksum:
        raise damaged(path)


def require_whole(data: bytes, end: int, path: str) -> None:
    """Raise `RepositoryState` unless what comes after the entries may be left out."""
    while end + 8 <= len(data) - 20:
        name, size = struct.unpack_from(">4sI", data, end)
        if not name[:1].isupper():
            raise RepositoryState(
                f"{path} is of a kind that fsstore does not write ({name.decode('latin-1')}: split or sparse). "
                f"Turn it off: git update-index --no-split-index; git sparse-checkout disable",
                path=path,
                reason="unknown index",
            )
        end += 8 + size


def damaged(path: str) -> DamagedHistory:
    """The error for an index that makes no sense."""
    return DamagedHistory(
        f"{path} is damaged. Nothing is lost with it: remove it, and make it anew with: git reset", path=path
    )


def _expanded(data: bytes, count: int) -> bytes:
    """An index of version 4, whose paths say only how they differ from the one before, as one of version 3."""
    pieces, path, at = [HEADER.pack(b"DIRC", 3, count)], b"", HEADER.size
    for _ in range(count):
        start = at + (NAME + 2 if data[at + FLAGS] & EXTENDED else NAME)
        head = data[at:start]
        strip, start = _offset_number(data, start)
        end = data.index(b"\0", start)
        path = path[: len(path) - strip] + data[start:end]
        raw = head + path
        pieces.append(raw + b"\0" * (8 - len(raw) % 8))
        at = end + 1
    return b"".join([*pieces, data[at:]])


def _offset_number(data: bytes, at: int) -> tuple[int, int]:
    value = data[at] & 0x7F
    while data[at] & 0x80:
        at += 1
        value = (value + 1 << 7) | data[at] & 0x7F
    return value, at + 1
