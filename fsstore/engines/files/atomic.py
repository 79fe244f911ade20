"""Descriptors and bytes: reach a file without following any link, read it, replace it whole. No names, no JSON.

Every path starts at the store's root and is walked afresh by the kernel for each operation, so nothing
goes stale when a person moves, deletes or checks out directories. Linux does the walk in one system
call (``openat2`` with RESOLVE_NO_SYMLINKS); elsewhere, and where a path is too long for one call, it is
taken component by component with O_NOFOLLOW.

What is written here survives the end of the process; `durable` and `log` make it survive a loss of power.
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
READ_WRITE = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
_MODE = 0o666  # less the umask
_ATTEMPTS = 100

_PATH_MAX = 4096  # bytes, its end included: longer ones are not taken in one call
_FIRST_READ = 16384
_OPENAT2 = 437  # the same number on every architecture
_RESOLVE_NO_SYMLINKS = 0x04
# ENOTDIR: `openat2` says it of a link too, the walk tells them apart.
_NOT_IN_ONE_CALL = frozenset({errno.ENAMETOOLONG, errno.ENOSYS, errno.EINTR, errno.ENOTDIR})
_serial = itertools.count()

Opener = Callable[[bytes], int]


class IrregularFile(OSError):
    """What lies at the path is no regular file; ``strerror`` says what it is."""


class Tree:
    """The directory tree under a root: opens what lies in it.

    A path is text relative to the root, or the bytes that `absolute` made of it once for many uses.
    """

    def __init__(self, root: str) -> None:
        """``root`` has no symbolic link in it."""
        self.root = root
        self._base = os.fsencode(root).rstrip(b"/") + b"/"
        make = self._one_call if has_openat2() else self._walking
        self.open_file, self.open_handle = make(READ), make(HANDLE)
        self._create = make(_CREATE)
        self._openers = {READ: self.open_file, HANDLE: self.open_handle} | {
            flags: make(flags) for flags in (DIRECTORY, APPEND, READ_WRITE)
        }

    def absolute(self, path: str) -> bytes:
        """The path as the operating system takes it."""
        return self._base + path.encode("utf-8", "surrogateescape")

    def relative(self, path: bytes) -> str:
        """The path of a file or directory in the tree; empty for the root itself."""
        return os.fsdecode(path[len(self._base) :])

    def open(self, path: str | bytes, flags: int) -> int:
        """A descriptor for ``path``. ELOOP where a symbolic link lies on the way."""
        return self._openers[flags](path if isinstance(path, bytes) else self.absolute(path))

    def stat(self, path: str | bytes) -> os.stat_result:
        """The status of ``path`` itself. Unlike `open`, it does not see a link in the middle."""
        absolute = path if isinstance(path, bytes) else self.absolute(path)
        try:
            return os.lstat(absolute)
        except OSError as error:
            if error.errno != errno.ENAMETOOLONG:
                raise
        parent, _, name = absolute.rpartition(b"/")
        at = self.open_handle(parent)
        try:
            return os.stat(name, dir_fd=at, follow_symlinks=False)
        finally:
            os.close(at)

    def exists(self, path: bytes) -> bool:
        """Whether there is anything at an absolute path. Follows links, so that a dangling one is nothing."""
        if len(path) < _PATH_MAX:
            return os.access(path, os.F_OK)
        try:
            self.stat(path)
        except OSError:
            return False
        return True

    def read(self, path: str | bytes, limit: int) -> bytes:
        """The whole content of a regular file. `IrregularFile` for anything else, EFBIG over ``limit`` bytes."""
        fd = self.open(path, READ)
        try:
            return read_descriptor(fd, limit)
        finally:
            os.close(fd)

    def make_directories(self, path: str) -> int:
        """Make what is missing of a directory path (but never the root) and open it.

        Whoever removes the last file of a directory removes it too, at any time: then all begins again.
        """
        for _ in range(_ATTEMPTS - 1):
            with contextlib.suppress(FileNotFoundError):
                return self._made(path)
        return self._made(path)

    def _made(self, path: str) -> int:
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

    @staticmethod
    def new_name(stripe: int) -> str:
        """A file name that nobody else uses, for a file that is only there while its maker holds this stripe.

        Note it before `stage`: an interrupt may come. Whoever holds the stripe may remove what others left.
        """
        return f"{stripe:02x}-{_prefix}{next(_serial)}"

    def stage(self, path: bytes, raw: bytes, like: os.stat_result | None = None, *, sync: bool = False) -> None:
        """Write a new file under a `new_name`, ready to be renamed.

        ``like`` is the file it will replace: its mode is kept, and as root its owner. Without it the umask rules.
        ``sync``: the content survives a loss of power.
        """
        fd = -1
        try:
            fd = self._create(path)
            write_all(fd, raw)
            if like is not None:
                resemble(fd, like)
            if sync:
                os.fsync(fd)
        except BaseException:
            discard(path)
            raise
        finally:
            if fd >= 0:
                os.close(fd)

    def _one_call(self, flags: int) -> Opener:
        """A function that opens an absolute path with these flags by one ``openat2``."""
        how = _OpenHow(flags, _MODE if flags & os.O_CREAT else 0, _RESOLVE_NO_SYMLINKS)
        how_address, how_size = ctypes.c_void_p(ctypes.addressof(how)), ctypes.c_size_t(ctypes.sizeof(how))
        number, no_directory = ctypes.c_long(_OPENAT2), ctypes.c_int(-100)
        syscall, last_error = _libc.syscall, ctypes.get_errno
        walk = self._walking(flags)

        def open_path(path: bytes, _keeps_the_struct_alive: _OpenHow = how) -> int:
            fd: int = syscall(number, no_directory, path, how_address, how_size)
            if fd >= 0:
                return fd
            code = last_error()
            if code in _NOT_IN_ONE_CALL:
                return walk(path)
            raise OSError(code, os.strerror(code), os.fsdecode(path))

        return open_path

    def _walking(self, flags: int) -> Opener:
        """The same, component by component below the root."""

        def open_path(path: bytes) -> int:
            *parents, last = os.fsdecode(path[len(self._base) :]).split("/")
            at = os.open(self.root, HANDLE)
            try:
                for name in parents:
                    at = _step(at, name)
                return _open_at(last or ".", flags, at)
            finally:
                os.close(at)

        return open_path


class _OpenHow(ctypes.Structure):
    _fields_ = (("flags", ctypes.c_uint64), ("mode", ctypes.c_uint64), ("resolve", ctypes.c_uint64))


_libc = ctypes.CDLL(None, use_errno=True)


def has_openat2() -> bool:
    """Whether this system opens a path without following links in one call (Linux 5.6, and no filter against it)."""
    if not sys.platform.startswith("linux"):
        return False
    how = _OpenHow(HANDLE, 0, _RESOLVE_NO_SYMLINKS)
    fd: int = _libc.syscall(
        ctypes.c_long(_OPENAT2), ctypes.c_int(-100), b"/", ctypes.byref(how), ctypes.c_size_t(ctypes.sizeof(how))
    )
    if fd >= 0:
        os.close(fd)
    return fd >= 0


def _name_process() -> None:
    """Begin the names of staged files; a process number alone may come back, or live in another container."""
    global _prefix
    _prefix = f"{os.getpid()}-{os.urandom(4).hex()}-"


_prefix = ""
_name_process()
os.register_at_fork(after_in_child=_name_process)


def discard(path: bytes) -> None:
    """Remove a staged file, or what is left of it."""
    with contextlib.suppress(OSError):  # what made it useless is the error to tell
        os.unlink(path)


def resemble(fd: int, like: os.stat_result) -> None:
    """Give a new file the mode of an old one, and as root its owner."""
    status = os.fstat(fd)
    if (status.st_uid, status.st_gid) != (like.st_uid, like.st_gid) and os.geteuid() == 0:
        os.fchown(fd, like.st_uid, like.st_gid)
    if status.st_mode != like.st_mode:
        os.fchmod(fd, stat.S_IMODE(like.st_mode))


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
    if 0 < len(raw) < _FIRST_READ and raw[-1] == 0x0A and len(raw) <= limit:  # a whole text file: no device reads so
        return raw
    status = os.fstat(fd)
    if wrong := irregular(status.st_mode):
        raise wrong
    if status.st_size > limit:
        raise OSError(errno.EFBIG, str(status.st_size))
    if status.st_size > len(raw):
        raw = os.pread(fd, status.st_size, 0)  # in one piece, which need not be copied
    pieces = [raw]
    size = len(raw)
    while pieces[-1]:
        pieces.append(os.pread(fd, 1 << 20, size))
        size += len(pieces[-1])
        if size > limit:
            raise OSError(errno.EFBIG, str(size))
    return raw if len(pieces) == 2 else b"".join(pieces)


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
