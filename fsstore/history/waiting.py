"""Files that wait for the end of a run: what is known of them, so that other snapshots need not read them again."""

from __future__ import annotations

import os
import time
from collections.abc import Container, Mapping

from fsstore.engines.files.atomic import Tree
from fsstore.engines.files.journal import Line
from fsstore.history.capture import Captured
from fsstore.history.ticks import COARSE

_MAX = 0xFFFFFFFF

Pending = tuple[str, int, int]
"""Of a file: the run that it waits for, its ctime in ns (0 if it is gone, -1 if unknown), its size in bytes."""
UNREAD: Pending = ("", -1, 0)
"""It waits until it can be read."""


def pending(line: Line, found: Captured | None) -> Pending:
    """What is to be known of a file that the run of this line has written, or removed (``None``)."""
    if found is None:
        return line.run or "", 0, 0
    changed = found.status[0] * 10**9 + found.status[1]
    return line.run or "", changed if time.time_ns() - changed > COARSE else -1, found.status[9]


def unchanged(
    tree: Tree, known: Mapping[str, Pending], runs: Container[str], found: Container[str], noted: Container[str]
) -> dict[str, Pending]:
    """Those that still wait for one of these runs: they are not ``noted`` as written since, and are as they were.

    Only those that were ``found`` to differ from the index are looked at.
    """
    return {
        path: each
        for path, each in known.items()
        if each[0] in runs and path not in noted and (path not in found or _is_as_before(f"{tree.root}/{path}", each))
    }


def _is_as_before(path: str, known: Pending) -> bool:
    try:
        status = os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return known[1] == 0
    return (status.st_ctime_ns, status.st_size & _MAX) == known[1:]
