"""How finely a file system tells its times: for how long after a change another one may leave no trace.

Kernels stamp files with a clock that stands still for 1-10 ms. Since Linux 6.13 some file systems stamp a change finely
if somebody has looked at the file since the one before (multigrain timestamps): who looks, then sees every change.
"""

from __future__ import annotations

import os

from fsstore.engines.files.atomic import Tree, discard

COARSE = 20_000_000
"""Nanoseconds; more than any clock stands still."""
_FINE = 500_000  # ns: less than any tick
_WANTED, _TRIES = 3, 8
_known: dict[int, int] = {}


def tick(tree: Tree) -> int:
    """For how many nanoseconds a time proves nothing, in the directory of ``.git``; 0 where each change is seen.

    Found out by changing a file, once for a file system and process.
    """
    device = os.stat(tree.root).st_dev
    found = _known.get(device)
    if found is None:
        try:
            found = _known[device] = _measured(tree)
        except OSError:  # nothing can be written here
            return COARSE
    return found


def _measured(tree: Tree) -> int:
    path = tree.absolute(f"fsstore/tick.{os.getpid()}")
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        fine = 0
        before = os.fstat(fd).st_mtime_ns
        for _ in range(_TRIES):
            os.pwrite(fd, b"x", 0)
            after = os.fstat(fd).st_mtime_ns
            if after == before:
                return COARSE
            fine += after - before < _FINE
            if fine == _WANTED:
                return 0
            before = after
        return COARSE
    finally:
        os.close(fd)
        discard(path)
