"""The write-ahead log: what has been acknowledged with durability "power" and may not be on the disk yet.

One file of preallocated zeros, so that one ``fdatasync`` makes a record durable: its content is flushed, and no
metadata with it. A record holds all of one commit, new content included; the files are then renamed without any
sync. A checkpoint makes the file system durable as a whole and starts the log again, under a new epoch: what
older records are left in the file is void. While there are records, writes that need not survive a power
loss are noted too, by their revision, so that the last record of a path always tells what its file holds.
The scheme is that of ARIES and of SQLite's WAL, with whole files as pages.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import struct
import threading
import time
import zlib
from collections.abc import Iterator
from typing import NamedTuple

import orjson
from filelock import lock_descriptor, unlock_descriptor

from fsstore.engines.files.atomic import READ, READ_WRITE, Tree
from fsstore.engines.files.durable import identity, sync_directories
from fsstore.engines.files.gate import Gate
from fsstore.engines.files.kept import KeptFile
from fsstore.engines.files.waiting import holder_of, pauses
from fsstore.errors import LockTimeout

SIZE = 4 * 1024 * 1024
"""Bytes that are preallocated. A checkpoint is due at three quarters."""
_START = 4096
_MAGIC = b"fsstore write-ahead log 1\n"
_EPOCH = struct.Struct("<Q")
_EPOCH_AT = 64
_IDENTITY_AT, _IDENTITY_SIZE = 72, 32
_HEAD = struct.Struct("<4sBQII")  # mark, is void, epoch, length, crc32
_MARK = b"rec\n"
_VOID_AT = 4
_POLL = 0.002  # seconds
_PATIENCE = 30.0


class Logged(NamedTuple):
    """What a commit made of one file."""

    path: str
    """Relative to the store."""
    revision: str | None
    """Of the new content; ``None`` if the file was removed."""
    before: str | None
    """The revision of what was there before."""
    content: bytes | None
    """The new content; ``None`` if there is none, or if it need not survive a power loss."""
    durable: bool
    """Whether this had to survive a power loss."""


class Log:
    """The log of one store."""

    def __init__(self, tree: Tree, directory: str, gate: Gate) -> None:
        self._tree = tree
        self._gate = gate
        self._directory, self._path = directory, f"{directory}/wal"
        self._file = KeptFile(tree, tree.absolute(self._path))
        self._mutex = threading.Lock()
        self._presence = -1
        self._epoch = -1
        self._marked = -1
        """The epoch in which this process has told the gate that there are records."""
        self._end = _START
        self._syncing = threading.Lock()
        self._begun = self._synced = self._failures = self._doubtful = 0
        """The last sync's number, that of the last one that succeeded, and how many have failed; records before this
        place may not be on the disk."""

    @property
    def is_due(self) -> bool:
        """Whether a checkpoint should be made."""
        return self._end > SIZE * 3 // 4

    def append(self, entries: list[Logged]) -> int:
        """Write the record of one commit; where it begins. It is durable only after `sync`."""
        payload = _pack(entries)
        with self._locked():
            self._find_end()
            at = self._end
            crc = zlib.crc32(payload, self._epoch & 0xFFFFFFFF)
            record = _HEAD.pack(_MARK, 0, self._epoch, len(payload), crc) + payload
            written = 0
            while written < len(record):
                written += os.pwrite(self._file.fd, record[written:], at + written)
            self._end = at + len(record)
            if self._marked != self._epoch:
                self._gate.mark_log(used=True)
                self._marked = self._epoch
        if self._presence < 0:
            self.join(_PATIENCE)
        return at

    def sync(self, at: int) -> None:
        """Make the record at this place durable, and all before it. A failure says nothing of them.

        The system tells of a failure once, and only one of the threads that wait for their records: so there is one
        sync at a time, and the next begins when all can see how it went. It serves all who have waited for it.
        """
        begun, failures = self._begun, self._failures
        with self._syncing:
            if self._failures == failures and at >= self._doubtful:
                if self._synced <= begun:  # else another thread's was begun since the record was written
                    self._sync()
                return
        raise OSError(errno.EIO, "another thread was told that the log could not be synced", self._path)

    def _sync(self) -> None:
        self._begun += 1
        try:
            os.fdatasync(self._file.fd)
            self._synced = self._begun
        except OSError:
            with self._mutex:
                self._failures += 1
                self._doubtful = self._end
            self._file.open()  # a second sync of the same descriptor would succeed, and mean nothing
            raise

    def void(self, at: int) -> None:
        """Take a record back whose commit will not be."""
        with contextlib.suppress(OSError):  # the whole head: after a failed sync only what is written again is
            head = bytearray(os.pread(self._file.fd, _HEAD.size, at))
            head[_VOID_AT] = 1
            os.pwrite(self._file.fd, head, at)

    def lost_nothing(self) -> bool:
        """Whether there was no loss of power since the log was begun: then all files are as they were left.

        Takes no lock: one write has put there what is read.
        """
        try:
            fd = self._tree.open(self._path, READ)
        except FileNotFoundError:
            return True
        try:
            return os.pread(fd, _IDENTITY_SIZE, _IDENTITY_AT) == identity(fd)
        finally:
            os.close(fd)

    def records(self) -> Iterator[list[Logged]]:
        """All records that are whole, oldest first."""
        try:
            raw = self._tree.read(self._path, 1 << 40)
        except FileNotFoundError:
            return
        if raw[: len(_MAGIC)] != _MAGIC:
            return
        epoch = _EPOCH.unpack_from(raw, _EPOCH_AT)[0]
        at = _START
        while (found := _record(raw, at, epoch)) is not None:
            payload, is_void, at = found
            if not is_void:
                yield _unpack(payload)

    def reset(self) -> None:
        """Forget all records; the caller holds all stripes, and has made the files durable."""
        with self._locked():
            self._start_epoch(self._read_epoch() + 1)
            if os.fstat(self._file.fd).st_size > 4 * SIZE:
                os.ftruncate(self._file.fd, SIZE)
                os.fsync(self._file.fd)
            self._gate.mark_log(used=False)

    def is_alone(self) -> bool:
        """Whether no process has joined the log; if so it is the caller's alone until it joins."""
        self._be_present()
        try:
            fcntl.flock(self._presence, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def join(self, timeout: float) -> None:
        """Be seen as one who writes, until `close`. Waits while another process brings the store in order."""
        self._be_present()
        until = time.monotonic() + timeout
        while True:
            try:
                fcntl.flock(self._presence, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() > until:
                    raise LockTimeout(
                        f"another process has been bringing {self._tree.root} in order for {timeout:g} s. Try again.",
                        seconds=timeout,
                    ) from None
                time.sleep(_POLL)
            else:
                return

    def _be_present(self) -> None:
        """Have the file open by which others see that there is somebody; threads that come at once share one."""
        if self._presence >= 0:
            return
        fd = self._tree.open(f"{self._directory}/users", READ_WRITE)
        with self._mutex:
            if self._presence < 0:
                self._presence, fd = fd, -1
        if fd >= 0:
            os.close(fd)

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        """Alone with the file, among threads and processes."""
        with self._mutex:
            while True:
                if self._file.fd < 0:
                    self._file.open()
                self._lock()
                if self._file.is_current():
                    break
                self._file.open()
                self._epoch = self._marked = -1
            try:
                if self._epoch < 0 and not self._is_whole():
                    self._allocate()
                yield
            finally:
                unlock_descriptor(self._file.fd)

    def _lock(self) -> None:
        if any(lock_descriptor(self._file.fd, blocking=False) for _ in pauses(_PATIENCE)):
            return
        pid = holder_of(self._file.fd)
        raise LockTimeout(
            f"process {pid} held the log of {self._tree.root} for more than {_PATIENCE:g} s. Try again; if it never "
            f"ends, see whether that process is stopped: ps -o pid,stat,cmd -p {pid}",
            seconds=_PATIENCE,
            pid=pid,
        )

    def _is_whole(self) -> bool:
        return os.pread(self._file.fd, len(_MAGIC), 0) == _MAGIC

    def _allocate(self) -> None:
        """Make the file and its name durable, so that later records need no metadata."""
        try:
            written = 0
            while written < SIZE:  # a disk that is nearly full takes some of it, and then says so
                written += os.pwrite(self._file.fd, bytes(SIZE - written), written)
            os.fsync(self._file.fd)
        except OSError:
            os.ftruncate(self._file.fd, 0)
            raise
        self._start_epoch(1)
        sync_directories(self._tree, [self._directory])

    def _start_epoch(self, epoch: int) -> None:
        header = _MAGIC.ljust(_EPOCH_AT, b"\0") + _EPOCH.pack(epoch) + identity(self._file.fd)
        os.pwrite(self._file.fd, header, 0)
        os.fdatasync(self._file.fd)
        self._epoch, self._end, self._doubtful = epoch, _START, 0

    def _read_epoch(self) -> int:
        epoch: int = _EPOCH.unpack(os.pread(self._file.fd, _EPOCH.size, _EPOCH_AT))[0]
        return epoch

    def _find_end(self) -> None:
        """Go past what other processes have written since."""
        epoch = self._read_epoch()
        if epoch != self._epoch:
            self._epoch, self._end, self._doubtful = epoch, _START, 0
        while True:
            head = os.pread(self._file.fd, _HEAD.size, self._end)
            if len(head) < _HEAD.size or head[:4] != _MARK:
                return
            length = _HEAD.unpack(head)[3]
            record = head + os.pread(self._file.fd, length, self._end + _HEAD.size)
            found = _record(record, 0, epoch)
            if found is None:
                return
            self._end += found[2]

    def close(self) -> None:
        """Close the file, which nobody uses any more. Who comes later is told `Closed`."""
        self._file = self._file.successor()
        self._leave()

    def start_over(self) -> None:
        """In a forked child: what the parent is to others is not for it to change. It joins when it writes."""
        self._mutex, self._syncing = threading.Lock(), threading.Lock()
        self._file.start_over()
        self._leave()

    def _leave(self) -> None:
        fd, self._presence = self._presence, -1
        if fd >= 0:
            os.close(fd)


def _record(raw: bytes, at: int, epoch: int) -> tuple[bytes, bool, int] | None:
    """The payload of the record at this place, whether it is void, and where the next begins."""
    if at + _HEAD.size > len(raw):
        return None
    mark, is_void, of_epoch, length, crc = _HEAD.unpack_from(raw, at)
    start = at + _HEAD.size
    payload = raw[start : start + length]
    # Of a void record the content may be lost: the sync that it was written for has failed.
    whole = len(payload) == length and (bool(is_void) or zlib.crc32(payload, epoch & 0xFFFFFFFF) == crc)
    return (payload, bool(is_void), start + length) if mark == _MARK and of_epoch == epoch and whole else None


def _pack(entries: list[Logged]) -> bytes:
    """A head of JSON, a newline, and the contents one after the other."""
    head = [
        (entry.path, entry.revision, entry.before, None if entry.content is None else len(entry.content), entry.durable)
        for entry in entries
    ]
    return orjson.dumps(head) + b"\n" + b"".join(entry.content for entry in entries if entry.content is not None)


def _unpack(payload: bytes) -> list[Logged]:
    head, _, contents = payload.partition(b"\n")
    entries, at = [], 0
    for path, revision, before, size, durable in orjson.loads(head):
        content = None if size is None else contents[at : at + size]
        at += size or 0
        entries.append(Logged(path, revision, before, content, durable))
    return entries
