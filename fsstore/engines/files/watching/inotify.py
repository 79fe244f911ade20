"""The kernel's hints: one inotify descriptor, through watchdog's binding of the three calls, or the C library's.

Only module-level names of watchdog are used; where a later version has them no more, they are bound here.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import fcntl
import os
import struct
import termios
from collections.abc import Callable
from typing import cast

MODIFY, ATTRIB, CLOSE_WRITE = 0x2, 0x4, 0x8
MOVED_FROM, MOVED_TO = 0x40, 0x80
CREATE, DELETE, DELETE_SELF, MOVE_SELF = 0x100, 0x200, 0x400, 0x800
UNMOUNT, OVERFLOW, IGNORED = 0x2000, 0x4000, 0x8000
_ONLYDIR, _DONT_FOLLOW, _EXCL_UNLINK = 0x1000000, 0x2000000, 0x4000000
ISDIR = 0x40000000
WHOLE = CLOSE_WRITE | MOVED_TO
"""After these nobody need be writing the file any more."""
_WANTED = (
    MODIFY
    | ATTRIB
    | WHOLE
    | MOVED_FROM
    | CREATE
    | DELETE
    | DELETE_SELF
    | MOVE_SELF
    | _ONLYDIR
    | _DONT_FOLLOW
    | _EXCL_UNLINK
)
HEADER = struct.Struct("iIII")
"""Watch, mask, cookie and length of the name that follows."""
LONGEST = 16 + 256
"""Bytes of the longest hint."""
FEW = 1 << 12
"""Bytes of hints that are taken at once: to make room for many takes longer than to read one."""
_MANY = 1 << 18
_NOTHING = bytes(4)

Calls = tuple[Callable[[], int], Callable[[int, bytes, int], int], Callable[[int, int], int]]


class LimitReached(OSError):
    """The kernel watches no more directories for this user."""


class Inotify:
    """One inotify instance. Raises `OSError` where the kernel has none to give."""

    def __init__(self) -> None:
        make, self._add, self._remove = calls()
        self.fd: int = make()
        if self.fd < 0:
            _fail("inotify")
        os.set_inheritable(self.fd, False)
        os.set_blocking(self.fd, False)

    def add(self, directory: bytes, fd: int) -> int:
        """Watch a directory, which is open as ``fd``; the same number for one that is watched already.

        Raises `LimitReached`, or what the system says of the path.
        """
        number: int = self._add(self.fd, directory, _WANTED)
        if number < 0 and ctypes.get_errno() == errno.ENAMETOOLONG:
            number = self._add(self.fd, b"/proc/self/fd/%d" % fd, _WANTED & ~_DONT_FOLLOW)
        if number < 0:
            _fail(os.fsdecode(directory))
        return number

    def add_moves(self, directory: bytes) -> int:
        """Hear of it when a directory itself is moved. Raises `OSError`."""
        number: int = self._add(self.fd, directory, MOVE_SELF | _ONLYDIR)
        if number < 0:
            _fail(os.fsdecode(directory))
        return number

    def remove(self, number: int) -> None:
        """Watch it no more; nothing, if it is not watched."""
        self._remove(self.fd, number)

    def read(self, *, many: bool = True) -> bytes:
        """What has happened since; empty for nothing. Few hints are taken at less cost."""
        try:
            return os.read(self.fd, _MANY if many else FEW)
        except BlockingIOError:
            return b""

    def has_hints(self) -> bool:
        """Whether there is anything to be read; also true if that cannot be known. In any thread."""
        try:
            return fcntl.ioctl(self.fd, termios.FIONREAD, _NOTHING) != _NOTHING
        except (OSError, ValueError):
            return True

    def close(self) -> None:
        """Watch nothing any more. Twice is nothing."""
        fd, self.fd = self.fd, -1
        if fd >= 0:
            with contextlib.suppress(OSError):
                os.close(fd)


def _fail(what: str) -> None:
    code = ctypes.get_errno()
    kind = LimitReached if code == errno.ENOSPC else OSError
    raise kind(code, os.strerror(code), what)


def calls() -> Calls:
    """The three calls of inotify, which return -1 and set ctypes' errno. Raises `OSError` where there are none."""
    try:
        from watchdog.observers import inotify_c as binding

        return cast("Calls", (binding.inotify_init, binding.inotify_add_watch, binding.inotify_rm_watch))
    except (ImportError, AttributeError):  # also what watchdog raises where the C library has none
        return bound_here()


def bound_here() -> Calls:
    """The same without watchdog."""
    libc = ctypes.CDLL(None, use_errno=True)
    try:
        make, add, remove = libc.inotify_init, libc.inotify_add_watch, libc.inotify_rm_watch
    except AttributeError:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS), "inotify") from None
    add.argtypes = (ctypes.c_int, ctypes.c_char_p, ctypes.c_uint32)
    remove.argtypes = (ctypes.c_int, ctypes.c_int)
    return make, add, remove
