"""A file that this process has locked for itself alone (flock), and that no forked child keeps locked.

flock belongs to the open file description, which a child shares with its parent: so a child closes what it
inherits, and never unlocks it. It knows neither names nor leases.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import threading
import weakref
from collections.abc import Iterator

from filelock import lock_descriptor, unlock_descriptor

from fsstore.engines.files.atomic import READ_WRITE, Tree
from fsstore.engines.files.waiting import pauses


class LockedFile:
    """An open file, locked until it is closed or dropped, or the process ends."""

    __slots__ = ("__weakref__", "fd", "path")

    def __init__(self, tree: Tree, path: bytes) -> None:
        """Open the file, and make it if it is not there; it is not locked yet."""
        self.path = path
        self.fd = -1
        with _no_fork:  # a child knows of every descriptor that it inherits
            self.fd = tree.open(path, READ_WRITE)
            _all.add(self)

    @property
    def is_ours(self) -> bool:
        """Whether this process has it open still."""
        return self.fd >= 0

    def read(self, limit: int) -> bytes:
        """The first ``limit`` bytes."""
        return os.pread(self.fd, limit, 0)

    def write(self, raw: bytes) -> None:
        """Make this the whole content."""
        os.ftruncate(self.fd, os.pwrite(self.fd, raw, 0))

    def close(self) -> None:
        """Unlock and close it. Twice is nothing."""
        fd, self.fd = self.fd, -1
        if fd >= 0:
            try:
                with contextlib.suppress(OSError):  # closing it lets go of the lock as well
                    unlock_descriptor(fd)  # a child that has not come to close its copy holds it no longer
            finally:
                os.close(fd)

    def remove(self) -> None:
        """Remove it, if it can be; then unlock and close it. Who waits for it sees that it has no name any more."""
        if self.is_ours:
            with contextlib.suppress(OSError):
                os.unlink(self.path)
        self.close()

    def abandon(self) -> None:
        """Close it without a word to the lock, which is somebody else's."""
        fd, self.fd = self.fd, -1
        if fd >= 0:
            os.close(fd)

    def __del__(self) -> None:
        with contextlib.suppress(Exception):  # the interpreter may be on its way out
            self.close()


def lock(tree: Tree, path: bytes, timeout: float = 0.0) -> LockedFile | None:
    """Lock the file at an absolute path, which is made if needed; ``None`` if others hold it all the time."""
    for _ in pauses(timeout):
        while True:
            file = LockedFile(tree, path)
            try:
                is_locked = lock_descriptor(file.fd, blocking=False)
                if is_locked and is_current(tree, file):
                    return file
            except BaseException:
                file.close()
                raise
            file.close()
            if not is_locked:
                break
    return None


@contextlib.contextmanager
def sharing(fd: int) -> Iterator[bool]:
    """Share the lock of an open file, in the body, with all who only look; false if somebody has it for themselves."""
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        is_shared = False
    else:
        is_shared = True
    try:
        yield is_shared
    finally:
        if is_shared:
            fcntl.flock(fd, fcntl.LOCK_UN)  # closing is not enough where a child was forked meanwhile


def is_current(tree: Tree, file: LockedFile) -> bool:
    """Whether the locked file is still the one that others lock: it may have been removed or replaced meanwhile."""
    status = os.fstat(file.fd)
    if status.st_nlink == 0:
        return False
    try:
        return os.path.samestat(status, tree.stat(file.path))
    except FileNotFoundError:
        return False


_all: weakref.WeakSet[LockedFile] = weakref.WeakSet()
_no_fork = threading.RLock()


def _before_fork() -> None:
    _no_fork.acquire()


def _after_fork_in_parent() -> None:
    _no_fork.release()


def _after_fork_in_child() -> None:
    global _no_fork
    _no_fork = threading.RLock()
    for file in list(_all):
        file.abandon()


os.register_at_fork(before=_before_fork, after_in_parent=_after_fork_in_parent, after_in_child=_after_fork_in_child)
