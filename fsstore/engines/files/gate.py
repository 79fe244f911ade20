"""Whether a commit of several keys is under way, told by one small file. It knows stripes, not keys.

One counter per lock stripe, changed only by the holder of that stripe: odd from before the commit point of a
commit that spans several files until it is done, even otherwise (a sequence lock). A reader that finds the
counters of its stripes even and the same before and after has seen no part of such a commit. A holder
that finds its stripe odd knows that the last one died. One more byte says that the write-ahead log has
records, so that every write is to be noted there. A lost or old file of this kind hides nothing: the
commits' records say what is to be done.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from time import monotonic

from fsstore.engines.files.atomic import Tree
from fsstore.engines.files.kept import KeptFile

COUNT = 64
"""Of stripes."""
_WIDTH = 8  # bytes of a counter: they are written alone, and no reader sees half of one
_SIZE = COUNT * _WIDTH + 1
_NO_COUNTERS = bytes(_SIZE)
_ODD = int.from_bytes((b"\1" + bytes(_WIDTH - 1)) * COUNT, "little")


class Gate:
    """The counters of one store."""

    def __init__(self, tree: Tree, path: str) -> None:
        self._file = KeptFile(tree, tree.absolute(path))
        self._quiet = _NO_COUNTERS

    def is_open(self, stripe: int) -> bool:
        """Whether a commit of several files is under way in this stripe, or its writer died."""
        file = self._file
        if file.fd < 0 or monotonic() >= file.until:
            file.look()
        return file.fd < 0 or os.pread(file.fd, 1, stripe * _WIDTH) in _ODD_BYTES

    def counter(self, stripe: int) -> bytes:
        """The counter of one stripe; odd where it cannot be told."""
        file = self._file
        if file.fd < 0 or monotonic() >= file.until:
            file.look()
        return (os.pread(file.fd, _WIDTH, stripe * _WIDTH) if file.fd >= 0 else b"") or _UNKNOWN[:_WIDTH]

    def read(self) -> bytes:
        """All counters and the mark of the log."""
        file = self._file
        if file.fd < 0 or monotonic() >= file.until:
            file.look()
        raw = os.pread(file.fd, _SIZE, 0) if file.fd >= 0 else b""
        return raw.ljust(_SIZE, b"\0") if raw else _UNKNOWN

    def is_quiet(self, counters: bytes) -> bool:
        """Whether no counter is odd."""
        if counters != self._quiet:
            if int.from_bytes(counters, "little") & _ODD:
                return False
            self._quiet = counters
        return True

    def begin(self, stripes: list[int]) -> None:
        """Make the counters of these stripes odd, or another odd number; the caller holds their locks.

        This is done before the commit's record appears, and again when all is in place, before it goes: a reader that
        finds no record twice, and the counters the same after that, has seen nothing of what came between.
        """
        self._step(stripes, odd=1)

    def end(self, stripes: list[int]) -> None:
        """Make them even again."""
        self._step(stripes, odd=0)

    def mark_log(self, *, used: bool) -> None:
        """Say whether the log has records; the caller holds the log's lock, or all stripes."""
        self._write(COUNT * _WIDTH, b"\1" if used else b"\0")

    def _step(self, stripes: list[int], odd: int) -> None:
        counters = self.read()
        for first, last in _runs(stripes):
            steps = []
            for stripe in range(first, last + 1):
                old = int.from_bytes(counters[stripe * _WIDTH : (stripe + 1) * _WIDTH], "little")
                new = old + 1 if old & 1 != odd else old + 2 * odd
                steps.append((new & 0xFFFFFFFFFFFFFFFF).to_bytes(_WIDTH, "little"))
            self._write(first * _WIDTH, b"".join(steps))

    def _write(self, offset: int, raw: bytes) -> None:
        file = self._file
        try:
            os.pwrite(file.fd, raw, offset)
        except OSError:  # not open yet, or only for reading
            file.open()
            os.pwrite(file.fd, raw, offset)

    def make(self) -> None:
        """Have the file made and whole, so that marking a commit needs no room on a full disk."""
        file = self._file
        file.open()
        if os.fstat(file.fd).st_size < _SIZE:
            os.pwrite(file.fd, b"\0", _SIZE - 1)

    def close(self) -> None:
        """Close the file, once the threads that are just reading it have done so. Who comes later is told `Closed`."""
        self._file = self._file.successor()

    def start_over(self) -> None:
        """In a forked child."""
        self._file.start_over()


def is_odd(counters: bytes, stripe: int) -> bool:
    """Whether the counter of this stripe is odd."""
    return bool(counters[stripe * _WIDTH] & 1)


def has_log(counters: bytes) -> bool:
    """Whether the write-ahead log has records."""
    return counters[COUNT * _WIDTH] != 0


def same(before: bytes, after: bytes, stripes: Iterable[int]) -> bool:
    """Whether the counters of these stripes are the same."""
    return all(
        before[stripe * _WIDTH : (stripe + 1) * _WIDTH] == after[stripe * _WIDTH : (stripe + 1) * _WIDTH]
        for stripe in stripes
    )


_UNKNOWN = (b"\1" + bytes(_WIDTH - 1)) * COUNT + b"\0"
_ODD_BYTES = frozenset(bytes([number]) for number in range(1, 256, 2)) | {b""}  # nothing: it was closed meanwhile


def _runs(numbers: Iterable[int]) -> list[tuple[int, int]]:
    """Ascending numbers as first and last of each run without a gap."""
    runs: list[tuple[int, int]] = []
    for number in numbers:
        if runs and runs[-1][1] == number - 1:
            runs[-1] = (runs[-1][0], number)
        else:
            runs.append((number, number))
    return runs
