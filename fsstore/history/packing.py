"""Pack files, written: whole or not at all, and durable if that is wanted. Formats: gitformat-pack(5), version 2."""

from __future__ import annotations

import contextlib
import hashlib
import os
import struct
import zlib
from collections.abc import Iterable
from typing import NamedTuple

from fsstore.engines.files.atomic import Tree
from fsstore.history.packs import HEADER, INDEX_MAGIC, LARGE, NUMBERS


class Record(NamedTuple):
    """One object as it lies in a pack."""

    oid: bytes
    crc: int
    raw: bytes


def record_of(oid: bytes, kind: bytes, content: bytes) -> Record:
    """An object, compressed."""
    size = len(content)
    head = bytearray([NUMBERS[kind] << 4 | size & 15])
    size >>= 4
    while size:
        head[-1] |= 0x80
        head.append(size & 0x7F)
        size >>= 7
    raw = bytes(head) + zlib.compress(content, 1)
    return Record(oid, zlib.crc32(raw), raw)


def write_pack(tree: Tree, records: Iterable[Record], *, sync: bool) -> str:
    """Write a pack of these objects and its index; its name below ``.git`` without suffix.

    Both appear whole; git sees the pack from the moment that its index is there. With ``sync`` both are on the
    disk when this returns, the directory too. Whatever is raised, at most temporary files are left, as
    ``objects/pack/tmp_*``, which ``git gc`` removes.
    """
    found = list(records)
    digest = hashlib.sha1(HEADER.pack(b"PACK", 2, len(found)), usedforsecurity=False)
    pieces, offset, entries = [HEADER.pack(b"PACK", 2, len(found))], HEADER.size, []
    for record in found:
        entries.append((record.oid, record.crc, offset))
        pieces.append(record.raw)
        digest.update(record.raw)
        offset += len(record.raw)
    if offset >= LARGE:
        raise ValueError("a pack of more than 2 GiB")
    entries.sort()
    index = _index_of(entries, digest.digest())
    name = f"objects/pack/pack-{hashlib.sha1(index, usedforsecurity=False).hexdigest()}"
    _place(tree, f"{name}.pack", b"".join([*pieces, digest.digest()]), sync=sync)
    _place(tree, f"{name}.idx", index, sync=sync)
    if sync:
        sync_directory(tree, "objects/pack")
    return name


def _index_of(entries: list[tuple[bytes, int, int]], pack: bytes) -> bytes:
    fan = [0] * 256
    for oid, _, _ in entries:
        fan[oid[0]] += 1
    total = 0
    for byte in range(256):
        total += fan[byte]
        fan[byte] = total
    body = b"".join(
        [
            INDEX_MAGIC,
            struct.pack(">256I", *fan),
            *(oid for oid, _, _ in entries),
            struct.pack(f">{len(entries)}I", *(crc for _, crc, _ in entries)),
            struct.pack(f">{len(entries)}I", *(offset for _, _, offset in entries)),
            pack,
        ]
    )
    return body + hashlib.sha1(body, usedforsecurity=False).digest()


def _place(tree: Tree, path: str, content: bytes, *, sync: bool) -> None:
    """Put a file there whole, or leave none."""
    staged = tree.absolute(f"objects/pack/tmp_fsstore_{os.path.basename(path)}_{os.getpid()}")
    with contextlib.suppress(FileNotFoundError):
        os.unlink(staged)  # of a process that had the same number
    tree.stage(staged, content, sync=sync)
    os.chmod(staged, 0o444)
    os.rename(staged, tree.absolute(path))


def sync_directory(tree: Tree, path: str) -> None:
    """Make the names in a directory durable."""
    fd = os.open(tree.absolute(path), os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
