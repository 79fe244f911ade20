"""In which way a directory can be observed: where other machines write, not every change is heard of."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from typing import Any

from fsstore.engines.files.watching.inotify import Inotify

_log = logging.getLogger("fsstore")

_REMOTE = frozenset(
    ("9p", "afs", "ceph", "cifs", "coda", "gfs", "gfs2", "glusterfs", "lustre", "ncpfs", "nfs", "nfs4", "ocfs2")
) | frozenset(("smb3", "smbfs", "vboxsf", "virtiofs", "vmhgfs"))


def notifier_for(root: str, settings: Mapping[str, Any]) -> tuple[Inotify | None, str]:
    """The kernel's hints about a store, or why there are none to rely on; that is logged."""
    if settings.get("watch") == "polling":
        reason = 'the setting "watch" is "polling"'
    elif not (reason := why_polled(root)):
        try:
            return Inotify(), ""
        except OSError as error:
            reason = f"the kernel gives no inotify instance: {error.strerror}"
    _log.warning("%s is watched by looking at all files again and again: %s", root, reason)
    return None, reason


def why_polled(directory: str, table: str = "/proc/self/mountinfo") -> str:
    """Why changes in it may come without a hint; empty if they do not, or it cannot be known."""
    kind = _kind_of(directory, table)
    if kind in _REMOTE or (kind.startswith("fuse.") or kind == "fuse"):
        return f"it lies on a file system ({kind}) that others may change unheard"
    return ""


def _kind_of(directory: str, table: str) -> str:
    """The type of the file system that a directory lies on; empty if it cannot be known."""
    try:
        with open(table, encoding="utf-8", errors="surrogateescape") as file:
            lines = file.readlines()
    except OSError:
        return ""
    best, kind = -1, ""
    for line in lines:
        mount, _, what = line.partition(" - ")
        fields = mount.split(" ")
        if len(fields) < 5 or not what:
            continue
        point = _unescaped(fields[4])
        if len(point) >= best and (directory == point or directory.startswith(point.rstrip("/") + "/")):
            best, kind = len(point), what.split(" ")[0]
    return kind


def _unescaped(path: str) -> str:
    """A path as the kernel writes it in tables: some characters in octal."""
    if "\\" not in path:
        return path
    raw = os.fsencode(path)
    return os.fsdecode(raw.decode("unicode_escape").encode("latin-1"))
