"""The content of one file of the work tree, read for a commit with the status that the index will have of it."""

from __future__ import annotations

import errno
import logging
import os
import stat
import time
from collections.abc import Callable
from typing import NamedTuple

from fsstore import values
from fsstore.engines.files.atomic import READ, IrregularFile, Tree, read_descriptor
from fsstore.history.entries import Status, status_of
from fsstore.history.objects import FILE, LINK, PROGRAM, Entry
from fsstore.history.packs import object_id

_log = logging.getLogger("fsstore")

_LIMIT = 1 << 30
_TOO_LARGE = f"it is larger than {_LIMIT >> 20} MiB"
_YOUNG = 0.05  # seconds: a file so young may be half written
_GONE = frozenset({errno.ENOENT, errno.ENOTDIR})
_OURS = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM})
"""They say nothing of the file, but of this process or the system."""


class Captured(NamedTuple):
    """A file as it was at one moment."""

    entry: Entry
    raw: bytes
    status: Status
    mtime: float
    """Seconds since the epoch."""


class Unreadable(Exception):
    """There is something that cannot be committed; the message says what."""


def capture(tree: Tree, path: str) -> Captured | None:
    """Read a file, or the target of a link; ``None`` if there is neither.

    Raises `Unreadable` for one that cannot be committed now, and `OSError` where that is not the file's fault.
    """
    for _ in range(3):
        try:
            fd = tree.open(path, READ)
        except OSError as error:
            if error.errno in _GONE or _is_behind_link(tree, path):
                return None
            if error.errno == errno.ELOOP and (link := _link(tree, path)):
                return link
            if error.errno in _OURS:
                raise
            raise Unreadable(error.strerror or str(error)) from None
        try:
            before = os.fstat(fd)
            if stat.S_ISDIR(before.st_mode):
                return None
            raw = read_descriptor(fd, _LIMIT)
            status = os.fstat(fd)
        except (IrregularFile, OSError) as error:
            if error.errno in _OURS:
                raise
            raise Unreadable(_TOO_LARGE if error.errno == errno.EFBIG else error.strerror or str(error)) from None
        finally:
            os.close(fd)
        if len(raw) == status.st_size and before.st_mtime_ns == status.st_mtime_ns:
            break
    mode = PROGRAM if status.st_mode & 0o100 else FILE
    return Captured((mode, object_id(b"blob", raw)), raw, status_of(status), status.st_mtime)


def capture_whole(tree: Tree, path: str, guard: Callable[[Captured], None]) -> Captured | None:
    """The same for a value's file that a person may be writing in place; one that stays no JSON is taken.

    Before that ``guard`` is asked, which may raise `Unreadable`.
    """
    until = time.monotonic() + _YOUNG
    while True:
        found = capture(tree, path)
        if found is None or found.entry[0] == LINK:
            return found
        try:
            values.decode(found.raw)
        except values.Malformed as error:
            if time.monotonic() > until or abs(time.time() - found.mtime) > _YOUNG:
                guard(found)
                where = "" if error.line is None else f" line {error.line}, column {error.column}:"
                told = f"goes into the history as it is, no value:{where} {error.reason}"
                _log.warning("%s/%s %s", tree.root, path, told)
                return found
        else:
            guard(found)
            return found
        time.sleep(0.005)


def _is_behind_link(tree: Tree, path: str) -> bool:
    """Whether a directory above a file is a symbolic link: to git no file is there."""
    parents = path.split("/")[:-1]
    return any(os.path.islink(f"{tree.root}/{'/'.join(parents[: end + 1])}") for end in range(len(parents)))


def _link(tree: Tree, path: str) -> Captured | None:
    """A symbolic link, whose target is its content; nothing that lies behind one."""
    parent, _, name = path.rpartition("/")
    try:
        at = tree.open_handle(tree.absolute(parent).rstrip(b"/"))
    except OSError:
        return None
    try:
        status = os.stat(name, dir_fd=at, follow_symlinks=False)
        if not stat.S_ISLNK(status.st_mode):
            return None
        raw = os.fsencode(os.readlink(name, dir_fd=at))
    except OSError:
        return None
    finally:
        os.close(at)
    return Captured((LINK, object_id(b"blob", raw)), raw, status_of(status), status.st_mtime)
