"""A descriptor kept open for a small file that a person may remove or replace at any time."""

from __future__ import annotations

import contextlib
import os
import threading
import time

from fsstore.engines.files import failures
from fsstore.engines.files.atomic import READ, READ_WRITE, Tree

_RECHECK = 0.05  # seconds


class KeptFile:
    """One file, shared by the threads of a process; opened for reading when looked at, for writing when asked to.

    Its number is free when the last thread lets go of the object, never before: the number of a closed file is soon
    that of another, which a thread in the middle of a call would read or, worse, write. So keep the object while you
    use its number, and put a `successor` in its place to have the file closed.
    """

    __slots__ = ("_mutex", "_path", "_tree", "fd", "until")

    def __init__(self, tree: Tree, path: bytes) -> None:
        self.fd = -1
        self._tree = tree
        self._path = path
        self._mutex = threading.RLock()  # a signal handler may close the store while its own thread opens this
        self.until = 0.0
        """When it is to be looked for again, on the monotonic clock."""

    def look(self) -> None:
        """Open the file, or open it again if another lies in its place; what it finds counts for 50 ms."""
        self.until = time.monotonic() + _RECHECK
        try:
            if self.fd < 0 or not os.path.samestat(os.fstat(self.fd), self._tree.stat(self._path)):
                self._adopt(self._tree.open(self._path, READ))
        except OSError:  # there is none (any more)
            return

    def open(self) -> None:
        """Open the file for reading and writing; it is made if it is not there."""
        self._adopt(self._tree.open(self._path, READ_WRITE))

    def is_current(self) -> bool:
        """Whether the open file still has a name."""
        return self.fd >= 0 and os.fstat(self.fd).st_nlink > 0

    def _adopt(self, fd: int) -> None:
        """Use this file from now on, under the number of the old one, which another thread may be using just now."""
        with self._mutex:
            if self.fd < 0:
                self.fd = fd
                return
            try:
                os.dup2(fd, self.fd, inheritable=False)
            finally:
                os.close(fd)

    def successor(self) -> KeptFile:
        """What to put in its place to have it closed: who wants the file from now on is told `Closed`.

        It is closed at once; to a thread that is in the middle of a call its number is that of an empty file.
        """
        with self._mutex, contextlib.suppress(OSError):  # without a descriptor to spare it is left to the last thread
            if self.fd >= 0:
                empty = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
                try:
                    os.dup2(empty, self.fd, inheritable=False)
                finally:
                    os.close(empty)
        return _Ended(self._tree, self._path)

    def start_over(self) -> None:
        """In a forked child: the thread that held the mutex may not be here; the file itself is the parent's too."""
        self._mutex = threading.RLock()
        self._close()

    def _close(self) -> None:
        fd, self.fd = self.fd, -1
        if fd >= 0:
            os.close(fd)

    def __del__(self) -> None:
        with contextlib.suppress(Exception):  # the interpreter may be on its way out
            self._close()


class _Ended(KeptFile):
    """One that is opened by nobody any more: a thread that came too late would leave it open."""

    __slots__ = ()

    def look(self) -> None:
        raise failures.closed(self._tree.root)

    def open(self) -> None:
        raise failures.closed(self._tree.root)
