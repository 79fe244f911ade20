"""A `Table` in a file: a header, the table's columns, then records of one commit each. It knows no paths.

The parts, in order:

    header   magic, numbers of commits, entries and links, checksums of links and hashes
    columns  links, hashes, entries, rows
    records  checksum of what follows it, numbers of entries and links; links, hashes, entries, row
"""

from __future__ import annotations

import contextlib
import os
import struct
import zlib

from fsstore.history.table import (
    ENTRY,
    HASH,
    LINK,
    ROW,
    Changed,
    Stored,
    Table,
    Unusable,
    checked_row,
    columns,
    make_row,
)

_HEADER = struct.Struct("<8sIIIII")
_MAGIC = b"fsschng2"
_HEAD = struct.Struct("<III")
_TAIL = 256 * 1024  # bytes of records, before they become a part of the columns; or an eighth of the file


def content(table: Table) -> bytes:
    """The table as a file without records."""
    links = b"".join([LINK.pack(child, parent) for child, each in table.links.items() for parent in each])
    hashes = table.raw_hashes()
    sums = zlib.crc32(links), zlib.crc32(hashes)
    header = _HEADER.pack(_MAGIC, table.count, table.end, len(links) // LINK.size, *sums)
    return b"".join([header, links, hashes, table.raw_entries(0, table.end), table.raw_rows()])


def load(fd: int) -> Table:
    """The table in an open file; the descriptor becomes its own. Raises `Unusable`; records cut short are left out."""
    try:
        count, end, link_count, sums = _header(fd)
        tail, size = _tail_of(count, end, link_count), os.fstat(fd).st_size
        links = os.pread(fd, link_count * LINK.size, _HEADER.size)
        hashes = os.pread(fd, end * HASH, _HEADER.size + len(links))
        if size < tail or (zlib.crc32(links), zlib.crc32(hashes)) != sums:
            raise Unusable
        records = os.pread(fd, size - tail, tail)
    except BaseException:
        os.close(fd)
        raise
    table = Table(Stored(fd, count, end, _HEADER.size + len(links) + len(hashes)), hashes, _links(links))
    _adopt(table, records)
    return table


def append(fd: int, parent: bytes, commit: bytes, changed: Changed) -> bool:
    """Add a record, by one write, to a file whose newest commit is its parent; whether it was so."""
    size = os.fstat(fd).st_size
    count, end, links, _ = _header(fd)
    raw = os.pread(fd, ROW.size, size - ROW.size)
    if size < _tail_of(count, end, links) or len(raw) != ROW.size:
        return False
    newest, number, _, end, _ = ROW.unpack(raw)
    if newest != parent:
        return False
    checked_row(raw, number)
    hashes, entries = columns(changed, number + 1)
    body = struct.pack("<II", len(hashes) // HASH, 0) + hashes + entries
    body += make_row(commit, number + 1, [number], end + len(hashes) // HASH)
    record = struct.pack("<I", zlib.crc32(body)) + body
    written = 0
    try:
        written = os.pwrite(fd, record, size)
    finally:
        if written != len(record):
            with contextlib.suppress(OSError):
                os.ftruncate(fd, size)
    return written == len(record)


def is_long(fd: int) -> bool:
    """Whether there are so many records that they should become a part of the columns."""
    size = os.fstat(fd).st_size
    count, end, links, _ = _header(fd)
    return size - _tail_of(count, end, links) > max(_TAIL, size // 8)


def _adopt(table: Table, records: bytes) -> None:
    """Add what was appended, up to the first record that is not whole."""
    at = 0
    while at + _HEAD.size + ROW.size <= len(records):
        checksum, entries, links = _HEAD.unpack_from(records, at)
        hashes_at = at + _HEAD.size + links * LINK.size
        entries_at = hashes_at + entries * HASH
        row_at = entries_at + entries * ENTRY.size
        end = row_at + ROW.size
        if end > len(records) or zlib.crc32(records[at + 4 : end]) != checksum:
            return
        table.adopt(
            records[hashes_at:entries_at],
            records[entries_at:row_at],
            records[row_at:end],
            _links(records[at + _HEAD.size : hashes_at]),
        )
        at = end


def _links(raw: bytes) -> dict[int, list[int]]:
    found: dict[int, list[int]] = {}
    for child, parent in LINK.iter_unpack(raw):
        found.setdefault(child, []).append(parent)
    return found


def _header(fd: int) -> tuple[int, int, int, tuple[int, int]]:
    """Numbers of commits, entries and links, and the checksums of two columns."""
    raw = os.pread(fd, _HEADER.size, 0)
    if len(raw) != _HEADER.size or not raw.startswith(_MAGIC):
        raise Unusable
    _, commits, entries, links, of_links, of_hashes = _HEADER.unpack(raw)
    return commits, entries, links, (of_links, of_hashes)


def _tail_of(commits: int, entries: int, links: int) -> int:
    """Where the records begin."""
    return _HEADER.size + links * LINK.size + entries * (HASH + ENTRY.size) + commits * ROW.size
