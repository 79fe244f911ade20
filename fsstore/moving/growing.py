"""A file that is written beside its place, and takes it when it is whole. It knows nothing of its content."""

from __future__ import annotations

import contextlib
import fcntl
import os
import stat
from collections.abc import Iterator
from typing import BinaryIO

from fsstore.errors import Conflict

SUFFIX = ".partial"
_BUFFER = 1024 * 1024  # bytes


class Growing:
    """``PATH.partial``, which nobody else is writing. Once `publish` has returned, all of it is ``PATH``, durably.

    Whatever else ends it, kill -9 included, leaves the file as it is, for whoever goes on with it, and ``PATH`` as it
    was.
    """

    def __init__(self, path: str, file: BinaryIO) -> None:
        self.path = path
        self.file = file

    def publish(self) -> None:
        """Give it its name."""
        self.file.flush()
        os.fsync(self.file.fileno())
        os.rename(self.path + SUFFIX, self.path)
        directory = os.open(os.path.dirname(self.path), os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)


@contextlib.contextmanager
def growing(path: str) -> Iterator[Growing]:
    """The file beside ``path``, new or as somebody has left it. Raises `Conflict` if it is being written."""
    path = os.path.realpath(path)
    with open(_opened(path), "r+b", buffering=_BUFFER) as file:
        yield Growing(path, file)


def _opened(path: str) -> int:
    partial = path + SUFFIX
    while True:
        fd = os.open(partial, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o666)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _is_there(partial, fd):
                with contextlib.suppress(FileNotFoundError):  # what nobody else may read stays so
                    os.fchmod(fd, stat.S_IMODE(os.stat(path).st_mode))
                return fd
        except BlockingIOError:
            os.close(fd)
            raise Conflict(
                f"{partial} is being written by somebody else now. Wait for them, or choose another name.",
                namespace="",
                key=path,
                expected=None,
                actual=None,
            ) from None
        except BaseException:
            os.close(fd)
            raise
        os.close(fd)  # it has got its name between the two


def _is_there(path: str, fd: int) -> bool:
    try:
        return os.path.samestat(os.stat(path, follow_symlinks=False), os.fstat(fd))
    except FileNotFoundError:
        return False
