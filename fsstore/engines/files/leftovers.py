"""What a process that died may have left in the runtime directory, and how to tell that it is dead. It removes nothing.

A staged file, or the record of a commit, is there only while its maker holds the lock of the stripe that its
name begins with. So the lock is the proof: process numbers come back, and mean nothing in another container.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import time
from collections.abc import Iterator

from fsstore.engines.files import layout
from fsstore.engines.files.atomic import READ, Tree
from fsstore.engines.files.gate import COUNT
from fsstore.records import Finding

_PATIENCE = 0.1  # seconds: a live writer is done long before; a stopped one is left alone
_PAUSE = 0.001
_BUSY = frozenset({errno.EAGAIN, errno.EACCES})


def leftovers(tree: Tree) -> Iterator[Finding]:
    """Files in the runtime directory whose makers are dead, and those that nobody's program made."""
    for directory in (layout.COMMITS, layout.TMP):
        for name in _names(tree, directory):
            path = f"{directory}/{name}"
            stripe = stripe_of(path)
            if stripe is None:
                yield Finding(path, "foreign", "no file of fsstore; it leaves it alone. Move it away.")
                continue
            with unheld(tree, stripe) as free:
                left = free and os.path.lexists(f"{tree.root}/{path}")
            if left:
                yield Finding(path, "leftover", _DETAILS[directory])


_DETAILS = {
    layout.COMMITS: "the writer of a commit of several keys died; the next writer of one of them finishes it.",
    layout.TMP: "a process died before it was done with it; the next one that opens the store removes it.",
}


def stripe_of(path: str) -> int | None:
    """The stripe that the maker of a file in the runtime directory held; ``None`` if the name is of another kind."""
    number, dash, rest = path.rpartition("/")[2].partition("-")
    try:
        stripe = int(number, 16)
    except ValueError:
        return None
    return stripe if dash and rest and len(number) == 2 and 0 <= stripe < COUNT else None


@contextlib.contextmanager
def unheld(tree: Tree, stripe: int) -> Iterator[bool]:
    """Whether nobody holds this stripe; in the body nobody gets it. A holder is given a moment to be done.

    The lock is shared and its file opened for reading only, so that this works, and changes nothing, in a store that
    must not be written.
    """
    try:
        fd = tree.open(f"{layout.JOURNAL}/{stripe:02x}.ndjson", READ)
    except FileNotFoundError:  # nobody has locked it yet
        yield True
        return
    try:
        if not _shared(fd):
            yield False
            return
        try:
            yield True
        finally:
            fcntl.flock(fd, fcntl.LOCK_UN)  # closing is not enough where a child was forked meanwhile
    finally:
        os.close(fd)


def _shared(fd: int) -> bool:
    until = time.monotonic() + _PATIENCE
    while True:
        try:
            fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno not in _BUSY or time.monotonic() > until:
                return False  # held, or no telling
            time.sleep(_PAUSE)
        else:
            return True


def _names(tree: Tree, directory: str) -> list[str]:
    try:
        return sorted(os.listdir(f"{tree.root}/{directory}"))
    except OSError:
        return []
