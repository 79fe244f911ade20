"""A picture of a directory tree, to prove that nothing in it was made, changed or removed. It knows no store."""

from __future__ import annotations

import os
import stat
from pathlib import Path

Picture = dict[str, tuple[object, ...]]


def picture(directory: Path, *, leave_out: tuple[str, ...] = ()) -> Picture:
    """Type, mode, owner, size, times and content of everything below ``directory``.

    ``leave_out`` are paths below it that are passed over, with all that is in them. Directories are
    pictured by their names alone, so that a file passed over changes nothing.
    """
    out: Picture = {}
    for parent, directories, files in os.walk(os.fsencode(directory)):
        relative = os.fsdecode(os.path.relpath(parent, os.fsencode(directory)))
        directories[:] = [name for name in directories if _path(relative, name) not in leave_out]
        for name in [*directories, *files]:
            path = _path(relative, name)
            if path not in leave_out:
                out[path] = _describe(os.path.join(parent, name))
    return out


def _path(parent: str, name: bytes) -> str:
    return os.fsdecode(name) if parent == "." else f"{parent}/{os.fsdecode(name)}"


def _describe(path: bytes) -> tuple[object, ...]:
    status = os.lstat(path)
    facts: tuple[object, ...] = (oct(status.st_mode), status.st_uid, status.st_gid)
    if stat.S_ISDIR(status.st_mode):
        return facts
    content: object = None
    if stat.S_ISLNK(status.st_mode):
        content = os.readlink(path)
    elif stat.S_ISREG(status.st_mode) and status.st_size < 1 << 20:
        content = _read(path)
    return (*facts, status.st_size, status.st_mtime_ns, content)


def _read(path: bytes) -> object:
    try:
        with open(path, "rb") as file:
            return file.read()
    except PermissionError:
        return "closed to this user"
