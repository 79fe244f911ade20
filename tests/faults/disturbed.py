"""One store in a known state, made anew for each case by copying, and the verbs' system calls on it."""

from __future__ import annotations

import errno
import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import fsstore
from fsstore import Store

from .traced import Call, Ended, run, trace
from .verbs import State, Verb, outcomes, prepare

ROUNDS = int(os.environ.get("FSSTORE_FAULT_ROUNDS", "1"))
"""More than 1: every case that there is, where otherwise some are left out for time."""


_T = TypeVar("_T")
_APART = 7
_STRIPE, _NUMBER = re.compile(r"/journal/[0-9a-f]{2}\.ndjson"), re.compile(r"\b\d+<")


class Scene:
    """A directory for the cases of one verb."""

    def __init__(self, directory: Path, verb: Verb, durability: str = "process") -> None:
        self.verb = verb
        self.durability = durability
        self.root = directory / "store"
        self._fresh = directory / "fresh"
        self._log = directory / "trace"
        self.before: State
        self.before, self.after = outcomes(verb, directory / "undisturbed", durability)
        with fsstore.open(self._fresh, durability=durability) as store:
            prepare(store)

    def calls(self) -> list[Call]:
        """The system calls of the verb."""
        with self.opened() as store:
            return trace(lambda: self.verb.act(store), self._log)

    def telling_calls(self) -> list[Call]:
        """Those of its system calls that tell something new."""
        return telling(self.calls())

    @contextmanager
    def opened(self) -> Iterator[Store]:
        """The store as it is before, opened by this process for its children."""
        shutil.rmtree(self.root, ignore_errors=True)
        shutil.copytree(self._fresh, self.root)
        with fsstore.open(self.root, durability=self.durability) as store:
            yield store

    def run(self, inject: str, after: Callable[[Store], Any] | None = None) -> Ended:
        """The verb in a child, with one of its system calls disturbed."""
        with self.opened() as store:
            return run(lambda: _both(self.verb, store, after), inject)


def telling(calls: list[Call]) -> list[Call]:
    """Of 64 locks that are taken or let go in a row the first two, one in the middle and the last; all other calls."""
    if ROUNDS > 1:
        return calls
    alike: dict[str, list[Call]] = {}
    for call in calls:
        if _STRIPE.search(call.arguments):
            alike.setdefault(_NUMBER.sub("", _STRIPE.sub("", f"{call.name} {call.arguments}")), []).append(call)
    left_out = {call for row in alike.values() for call in set(row) - {*row[:2], row[len(row) // 2], row[-1]}}
    return [call for call in calls if call not in left_out]


def far_apart(cases: list[_T]) -> list[_T]:
    """All of them, in an order in which one of the kind that matters comes early, wherever these are."""
    return [case for first in range(_APART) for case in cases[first::_APART]]


def _both(verb: Verb, store: Store, after: Callable[[Store], Any] | None) -> None:
    try:
        verb.act(store)
    finally:
        if after is not None:
            after(store)


_OF_FILES = ["EIO", "ENOSPC", "EACCES", "EROFS", "EDQUOT"]
ERRORS = {
    "openat": ["EMFILE", "EIO", "ENOSPC", "EACCES"],
    "openat2": ["EMFILE", "ENFILE", "EIO", "EACCES", "EINTR"],
    "write": ["EIO", "ENOSPC", "EDQUOT", "EINTR"],
    "pwrite64": ["EIO", "ENOSPC", "EDQUOT", "EINTR"],
    "rename": _OF_FILES,
    "renameat": _OF_FILES,
    "renameat2": _OF_FILES,
    "link": ["EIO", "ENOSPC", "EACCES", "EMLINK", "EPERM"],
    "linkat": ["EIO", "ENOSPC", "EACCES", "EMLINK", "EPERM"],
    "unlink": ["EIO", "EACCES", "EROFS"],
    "unlinkat": ["EIO", "EACCES", "EROFS"],
    "rmdir": ["EIO", "EBUSY"],
    "mkdir": _OF_FILES,
    "mkdirat": _OF_FILES,
    "fsync": ["EIO", "ENOSPC"],
    "fdatasync": ["EIO", "ENOSPC"],
    "syncfs": ["EIO"],
    "ftruncate": ["EIO"],
    "chmod": ["EPERM", "EROFS"],
    "fchmod": ["EPERM", "EROFS"],
    "fchmodat": ["EPERM", "EROFS"],
    "utimensat": ["EPERM", "EROFS"],
    "fchown": ["EPERM"],
    "flock": ["EINTR", "ENOLCK"],
}
"""What each call may be answered with. A failing close is left out: strace would keep the file open."""

assert all(hasattr(errno, name) for names in ERRORS.values() for name in names)
