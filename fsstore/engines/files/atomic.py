"""Descriptors and bytes: reach a file without following any link, read it, replace it whole. No names, no JSON.

Every path starts at the store's root and is walked afresh by the kernel for each operation, so nothing
goes stale when a person moves, deletes or checks out directories. Linux does the walk in one system
call (``openat2`` with RESOLVE_NO_SYMLINKS); elsewhere, and where a path is too long for one call, it is
taken component by component with O_NOFOLLOW.

Writes are durable against the end of the process, not against a power loss.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import itertools
import os
import stat
import sys
from collections.abc import Callable

READ = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY | os.O_NOFOLLOW
DIRECTORY = os.O_RDONLY | os.O_CLOEXEC | os.O_DIRECTORY | os.O_NOFOLLOW
HANDLE = DIRECTORY | getattr(os, "O_PATH", 0)
"""A directory that is only a place to start from."""
APPEND = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
LOCK = os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
_MODE = 0o666  # less the umask
_FLAGS = (READ, DIRECTORY, HANDLE, APPEND, LOCK, _CREATE)

_FIRST_READ = 16384
_OPENAT2 = 437  # the same number on every architecture
_RESOLVE_NO_SYMLINKS = 0x04
_serial = itertools.count()
_TOKEN = os.urandom(4).hex()  # a process number alone may come back, or live in another container


class IrregularFile(OSError):
    """What lies at the path is no regular file; ``strerror`` says what it is."""


class _OpenHow(ctypes.Structure):
    _fields_ = (("flags", ctypes.c_uint64), ("mode", ctypes.c_uint64), ("resolve", ctypes.c_uint64))


def _opener(flags: int) -> Callable[[bytes], int]:
    """A function that opens an absolute path with these flags, following no link, in one system call."""
    how = _OpenHow(flags, _MODE if flags & os.O_CREAT else 0, _RESOLVE_NO_SYMLINKS)
    how_address, how_size = ctypes.c_void_p(ctypes.addressof(how)), ctypes.c_size_t(ctypes.sizeof(how))
    number, no_directory = ctypes.c_long(_OPENAT2), ctypes.c_int(-100)
    syscall, last_error = ctypes.CDLL(None, use_errno=True).syscall, ctypes.get_errno

    def open_path(path: bytes, how: _OpenHow = how) -> int:  # the default keeps the struct alive
        fd: int = syscall(number, no_directory, path, how_address, how_size)
        if fd < 0:
            code = last_error()
            if code == errno.EINTR:
                return open_path(path)
            raise OSError(code, os.strerror(code), os.fsdecode(path))
        return fd

    return open_path


def _has_openat2() -> bool:
    if not sys.platform.startswith("linux"):
        return False
    try:
        os.close(_opener(HANDLE)(b"/"))
    except (OSError, AttributeError):
        return False
    return True


class Tree:
    """The directory tree under a root: opens what lies in it, by paths relative to the root."""

    def __init__(self, root: str, *, one_call: bool | None = None) -> None:
        """``root`` has no symbolic link in it; ``one_call=False`` forces the portable walk."""
        self.root = root
        self._base = os.fsencode(root).rstrip(b"/") + b"/"
        self._fast: dict[int, Callable[[bytes], int]] = {}
        if _has_openat2() if one_call is None else one_call:
            self._fast = {flags: _opener(flags) for flags in _FLAGS}

    def open(self, path: str, flags: int) -> int:
        """A descriptor for ``path``. ELOOP where a symbolic link lies on the way."""
        if opener := self._fast.get(flags):
            try:
                return opener(self._base + os.fsencode(path))
            except OSError as error:
                if error.errno not in (errno.ENAMETOOLONG, errno.ENOSYS):
                    raise
        return self._walk(path, flags)

    def _walk(self, path: str, flags: int) -> int:
        *parents, last = path.split("/")
        at = os.open(self.root, HANDLE)
        try:
            for name in parents:
                at = _step(at, name)
            return _open_at(last or ".", flags, at)
        finally:
            os.close(at)

    def stat(self, path: str) -> os.stat_result:
        """The status of ``path`` itself, through no link but those a person may have put in the middle."""
        try:
            return os.lstat(self._base + os.fsencode(path))
        except OSError as error:
            if error.errno != errno.ENAMETOOLONG:
                raise
        fd = self._walk(path.rpartition("/")[0], HANDLE)
        try:
            return os.stat(path.rpartition("/")[2], dir_fd=fd, follow_symlinks=False)
        finally:
            os.close(fd)

    def open_parent(self, path: str, *, create: bool = False) -> tuple[int, str]:
        """The directory of ``path`` as a descriptor, and the name in it; made on demand with ``create``."""
        parent, _, name = path.rpartition("/")
        try:
            return self.open(parent, HANDLE), name
        except FileNotFoundError:
            if not create:
                raise
        return self.make_directories(parent), name

    def make_directories(self, path: str) -> int:
        """Make what is missing of a directory path (but never the root) and open it."""
        at = os.open(self.root, HANDLE)
        try:
            for name in path.split("/"):
                try:
                    at = _step(at, name)
                except FileNotFoundError:
                    with contextlib.suppress(FileExistsError):  # somebody else was faster
                        os.mkdir(name, dir_fd=at)
                    at = _step(at, name)
        except BaseException:
            os.close(at)
            raise
        return at

    def read(self, path: str, limit: int) -> bytes:
        """The whole content of a regular file. `IrregularFile` for anything else, EFBIG over ``limit`` bytes."""
        fd = self.open(path, READ)
        try:
            return read_descriptor(fd, limit)
        finally:
            os.close(fd)

    def stage(self, directory: str, raw: bytes, like: os.stat_result | None = None) -> tuple[str, int]:
        """Write a new file into ``directory``, ready to be renamed; its path and its modification time in ns.

        ``like`` is the file it will replace: its mode is kept, and as root its owner. Without it the umask rules.
        """
        path = f"{directory}/{os.getpid()}-{_TOKEN}-{next(_serial)}"
        fd = self.open(path, _CREATE)
        try:
            write_all(fd, raw)
            status = os.fstat(fd)
            if like is not None:
                if (status.st_uid, status.st_gid) != (like.st_uid, like.st_gid) and os.geteuid() == 0:
                    os.fchown(fd, like.st_uid, like.st_gid)
                if status.st_mode != like.st_mode:
                    os.fchmod(fd, stat.S_IMODE(like.st_mode))
        except BaseException:
            self.discard(path)
            raise
        finally:
            os.close(fd)
        return path, status.st_mtime_ns

    def discard(self, path: str) -> None:
        """Remove a staged file, or what is left of it."""
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self._base + os.fsencode(path))

    def rename(self, staged: str, parent: int, name: str) -> None:
        """Put a staged file in the place of ``name`` in an open directory: before it the old file, then the new."""
        os.rename(self._base + os.fsencode(staged), name, dst_dir_fd=parent)


def write_all(fd: int, raw: bytes) -> None:
    """Write every byte, however often the kernel takes only some."""
    written = os.write(fd, raw)
    while written < len(raw):
        written += os.write(fd, raw[written:])


def _step(at: int, name: str) -> int:
    """From one directory into another; closes the first only if there is a second."""
    below = _open_at(name, HANDLE, at)
    os.close(at)
    return below


def _open_at(name: str, flags: int, at: int) -> int:
    """Open, and say ELOOP for a link as ``openat2`` does (O_DIRECTORY with O_NOFOLLOW says ENOTDIR)."""
    try:
        return os.open(name, flags, _MODE, dir_fd=at)
    except NotADirectoryError:
        if stat.S_ISLNK(os.stat(name, dir_fd=at, follow_symlinks=False).st_mode):
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), name) from None
        raise


def read_descriptor(fd: int, limit: int) -> bytes:
    """The whole content of an open regular file.

    ``pread`` fails on pipes, sockets and terminals without taking anything out of them; what it does not
    fail on is asked for its type before more than a first piece is believed.
    """
    try:
        raw = os.pread(fd, _FIRST_READ, 0)
    except OSError as error:
        raise irregular(os.fstat(fd).st_mode) or error from None
    if 0 < len(raw) < min(_FIRST_READ, limit) and raw[-1] == 0x0A:  # a whole text file: no device reads so
        return raw
    status = os.fstat(fd)
    if wrong := irregular(status.st_mode):
        raise wrong
    if status.st_size > limit:
        raise OSError(errno.EFBIG, str(status.st_size))
    pieces = [raw]
    size = len(raw)
    while pieces[-1]:
        pieces.append(os.pread(fd, 1 << 20, size))
        size += len(pieces[-1])
        if size > limit:
            raise OSError(errno.EFBIG, str(size))
    return b"".join(pieces)


_KINDS = {
    stat.S_IFDIR: "a directory",
    stat.S_IFLNK: "a symbolic link",
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a character device",
    stat.S_IFBLK: "a block device",
}


def irregular(mode: int) -> IrregularFile | None:
    """The error for a file type that is not read, or ``None`` for a regular file."""
    if stat.S_ISREG(mode):
        return None
    return IrregularFile(errno.EINVAL, _KINDS.get(stat.S_IFMT(mode), "of an unknown type"))
