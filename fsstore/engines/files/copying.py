"""Brings a copy of a directory tree nearer to what the tree is, sweep by sweep. It takes no lock.

A sweep looks at the status of every file, copies those that are not what they were when they were copied, and
removes from the copy what is gone. Links are copied as links; devices, pipes and sockets are not copied.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

from fsstore.engines.files.atomic import DIRECTORY, READ, Tree, resemble, write_all
from fsstore.engines.files.directories import Directories

_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
_GONE = (FileNotFoundError, NotADirectoryError)
_RACY = 2 * 10**9  # ns: a file so young may change again without a sign of it, where clocks are coarse
_ATTEMPTS = 5  # for a file that is being written in place
_SMALL = 1 << 20
_NOT_WITHIN_KERNEL = frozenset({errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.EPERM, errno.EIO})


class Signature(NamedTuple):
    """What tells a file from what it becomes when it is replaced or written; of a directory the mode alone."""

    mode: int
    inode: int = 0
    size: int = 0
    modified: int = 0
    changed: int = 0

    @classmethod
    def of(cls, status: os.stat_result) -> Signature:
        """That of a file or directory with this status."""
        if stat.S_ISDIR(status.st_mode):
            return cls(status.st_mode)
        return cls(status.st_mode, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)


class Copying:
    """One copy. Nobody else changes the target."""

    def __init__(self, source: Tree, target: Tree, wanted: Callable[[str], bool]) -> None:
        """``wanted`` says of a path, and of a directory with all that is in it, whether it is to be copied."""
        self._source = source
        self._target = target
        self._wanted = wanted
        self._done: dict[str, Signature] = {}
        """What each path was when it was copied."""
        self._racy: set[str] = set()
        """Paths of which that does not tell whether they have changed since."""
        self.skipped: set[str] = set()
        """Paths that were there in the last sweep and were not copied."""

    @property
    def files(self) -> dict[str, Signature]:
        """All files and links in the copy."""
        return {path: found for path, found in self._done.items() if not stat.S_ISDIR(found.mode)}

    def sweep(self) -> None:
        """Make the copy what the tree is now, as far as nobody writes meanwhile."""
        self.skipped.clear()
        now = dict(self._walk(""))
        directories = Directories(self._target)
        try:
            for path in sorted(self._done, reverse=True):
                if path not in now or stat.S_IFMT(now[path].mode) != stat.S_IFMT(self._done[path].mode):
                    self._remove(path, directories)
            for path in sorted(now):
                if now[path] != self._done.get(path) or path in self._racy:
                    with contextlib.suppress(*_GONE):  # the next sweep sees it, or has seen it
                        self._copy(path, now[path], directories)
        finally:
            directories.close()

    def finish(self) -> list[str]:
        """Give the directories their modes, which might have kept us out; every path that is to be made durable."""
        for path in sorted((path for path, found in self._done.items() if stat.S_ISDIR(found.mode)), reverse=True):
            self._dress(path)
        self._dress("")
        return [path + "/" if stat.S_ISDIR(found.mode) else path for path, found in self._done.items()]

    def _walk(self, directory: str) -> Iterator[tuple[str, Signature]]:
        """Everything that is to be copied, with its signature."""
        todo = [directory]
        while todo:
            at = todo.pop()
            try:
                fd = self._source.open(self._source.absolute(at).rstrip(b"/"), DIRECTORY)
            except _GONE:
                continue
            try:
                with os.scandir(fd) as entries:
                    for entry in entries:
                        path = f"{at}/{entry.name}" if at else entry.name
                        if (found := self._look(path, entry)) is None:
                            continue
                        yield path, found
                        if stat.S_ISDIR(found.mode):
                            todo.append(path)
            finally:
                os.close(fd)

    def _look(self, path: str, entry: os.DirEntry[str]) -> Signature | None:
        if not self._wanted(path):
            return None
        try:
            status = entry.stat(follow_symlinks=False)
        except _GONE:
            return None
        if stat.S_ISDIR(status.st_mode) or stat.S_ISREG(status.st_mode) or stat.S_ISLNK(status.st_mode):
            return Signature.of(status)
        self.skipped.add(path)
        return None

    def _remove(self, path: str, directories: Directories) -> None:
        parent, _, name = self._target.absolute(path).rpartition(b"/")
        if stat.S_ISDIR(self._done.pop(path).mode):
            directories.forget(self._target.absolute(path))
            os.rmdir(name, dir_fd=directories.find(parent))
        else:
            self._racy.discard(path)
            os.unlink(name, dir_fd=directories.find(parent))

    def _copy(self, path: str, found: Signature, directories: Directories) -> None:
        parent, _, name = self._target.absolute(path).rpartition(b"/")
        at = directories.find(parent)
        if stat.S_ISDIR(found.mode):
            if path not in self._done:
                os.mkdir(name, 0o700, dir_fd=at)  # not one that folds to the same name
            self._done[path] = found
            return
        if path in self._done:
            self._remove(path, directories)
        if stat.S_ISLNK(found.mode):
            os.symlink(self._read_link(path), name, dir_fd=at)
            os.utime(name, ns=(found.modified, found.modified), dir_fd=at, follow_symlinks=False)
            self._done[path] = found
            return
        fd = self._source.open(path, READ)
        try:
            for _ in range(_ATTEMPTS):
                started = time.time_ns()
                before = os.fstat(fd)
                if not stat.S_ISREG(before.st_mode):
                    return
                self._copy_content(fd, before, at, name)
                self._done[path] = Signature.of(before)
                if Signature.of(os.fstat(fd)) == self._done[path]:
                    break
                os.unlink(name, dir_fd=at)
                del self._done[path]
        finally:
            os.close(fd)
        if path in self._done and before.st_ctime_ns > started - _RACY:
            self._racy.add(path)

    def _copy_content(self, fd: int, status: os.stat_result, at: int, name: bytes) -> None:
        new = os.open(name, _CREATE, 0o600, dir_fd=at)
        try:
            _transfer(fd, new, status.st_size)
            resemble(new, status)
            os.utime(new, ns=(status.st_atime_ns, status.st_mtime_ns))
        finally:
            os.close(new)

    def _read_link(self, path: str) -> bytes:
        parent, _, name = self._source.absolute(path).rpartition(b"/")
        at = self._source.open_handle(parent)
        try:
            return os.readlink(name, dir_fd=at)
        finally:
            os.close(at)

    def _dress(self, path: str) -> None:
        source, target = (tree.absolute(path).rstrip(b"/") for tree in (self._source, self._target))
        fd = self._target.open(target, DIRECTORY)
        try:
            with contextlib.suppress(*_GONE):
                resemble(fd, self._source.stat(source))
        finally:
            os.close(fd)


def _transfer(source: int, target: int, size: int) -> None:
    """Copy an open file from its beginning, within the file system where that is worth it."""
    offset = 0
    if size > _SMALL:
        try:
            while copied := os.copy_file_range(source, target, size, offset, offset):
                offset += copied
        except OSError as error:
            if error.errno not in _NOT_WITHIN_KERNEL:
                raise
    while piece := os.pread(source, _SMALL, offset):
        os.lseek(target, offset, os.SEEK_SET)
        write_all(target, piece)
        offset += len(piece)
