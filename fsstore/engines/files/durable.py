"""Make files and names survive a loss of power. It knows paths, and not what they are for."""

from __future__ import annotations

import ctypes
import errno
import hashlib
import os
import sys
from collections.abc import Iterable

from fsstore.engines.files.atomic import DIRECTORY, READ, Tree
from fsstore.leases import boot_id

# Of these it is known that syncfs(2) waits until all is on the disk; user-space ones may not even hear of it.
_TRUSTED = frozenset({"ext2", "ext3", "ext4", "xfs", "btrfs", "f2fs", "tmpfs"})
_libc = ctypes.CDLL(None, use_errno=True)
_GONE = (FileNotFoundError, NotADirectoryError)
_OURS = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EIO})
_EMPTY_PATH, _MOUNT_UNIQUE = 0x1000, 0x4000  # AT_EMPTY_PATH, STATX_MNT_ID_UNIQUE


def sync_all(tree: Tree, paths: Iterable[str]) -> None:
    """Make the store durable as it is now: its whole file system in one call, or else at least these files.

    Raises `OSError`; then nothing is known of any of them.
    """
    if _syncs_as_a_whole(tree):
        fd = tree.open(tree.absolute("").rstrip(b"/"), DIRECTORY)
        try:
            if _libc.syncfs(fd) != 0:
                code = ctypes.get_errno()
                raise OSError(code, os.strerror(code), tree.root)
        finally:
            os.close(fd)
    else:
        sync_files(tree, paths)


def sync_files(tree: Tree, paths: Iterable[str]) -> None:
    """Make these files durable, or their absence, one by one."""
    parents = set()
    for path in paths:
        parents.add(path.rpartition("/")[0])
        try:
            fd = tree.open(path, READ)
        except OSError as error:  # removed since, or replaced by a person
            if error.errno in _OURS:
                raise
            continue
        try:
            os.fsync(fd)
        finally:
            os.close(fd)
    sync_directories(tree, parents)


def sync_directories(tree: Tree, paths: Iterable[str]) -> None:
    """Make what these directories hold durable, and their own names up to that of the store."""
    wanted = {""}
    for path in paths:
        while path:
            wanted.add(path)
            path = path.rpartition("/")[0]
    for path in sorted(wanted, reverse=True):
        _sync_directory(tree, path)
    fd = os.open(os.path.dirname(tree.root) or "/", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def identity(fd: int) -> bytes:
    """32 bytes that name an open file on its mount in this run of the system.

    After a loss of power they are others: the system was started again, or the file system was mounted again. The
    kernel numbers mounts since Linux 6.8; elsewhere no two answers are the same, so that nothing is taken for safe.
    """
    mount = _mount(fd)
    if not mount:
        return os.urandom(32)
    status = os.fstat(fd)
    text = f"{boot_id()} {mount} {status.st_dev} {status.st_ino}"
    return hashlib.sha256(text.encode()).digest()


def _mount(fd: int) -> int:
    """The number of the mount that a file was opened on; 0 where the system does not tell."""
    if not hasattr(_libc, "statx"):
        return 0
    answer = ctypes.create_string_buffer(256)
    failed = _libc.statx(fd, b"", _EMPTY_PATH, _MOUNT_UNIQUE, answer)
    mask = int.from_bytes(answer.raw[:4], sys.byteorder)
    return 0 if failed or not mask & _MOUNT_UNIQUE else int.from_bytes(answer.raw[144:152], sys.byteorder)


def _sync_directory(tree: Tree, path: str) -> None:
    try:
        fd = tree.open(tree.absolute(path).rstrip(b"/"), DIRECTORY)
    except _GONE:
        return
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _syncs_as_a_whole(tree: Tree) -> bool:
    """Whether one call makes everything on the store's file system durable."""
    if not hasattr(_libc, "syncfs"):
        return False
    device = os.stat(tree.root).st_dev
    number = f"{os.major(device)}:{os.minor(device)}"
    try:
        with open("/proc/self/mountinfo", "rb") as file:
            lines = file.read().decode("utf-8", "surrogateescape").splitlines()
    except OSError:
        return False
    kinds = {line.partition(" - ")[2].split(" ")[0] for line in lines if line.split(" ")[2] == number}
    return bool(kinds) and kinds <= _TRUSTED
