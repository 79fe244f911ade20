"""One agent of mixed use, as a program: runs that set keys, with a log of its writes and of the snapshots it made."""

from __future__ import annotations

import json
import logging
import os
import random
import sys
import time
from collections.abc import Callable
from typing import Any, TextIO

import fsstore
from fsstore.commits import Commit
from fsstore.errors import RepositoryBusy, RepositoryState
from fsstore.history.snapshots import Snapshots
from fsstore.history.step import Request

from .mixed import KEYS, Snapshot

Attempt = Callable[[Snapshots, Request], list[Commit]]


def noting(note: Callable[[Snapshot], object]) -> Attempt:
    """An attempt at a snapshot that tells what it made, and when; in place of ``Snapshots._attempt``."""
    sound = Snapshots._attempt

    def attempt(snapshots: Snapshots, request: Request) -> list[Commit]:
        begun = time.monotonic()
        made = sound(snapshots, request)
        if made:
            note(Snapshot([commit.id for commit in made], begun, time.monotonic()))
        return made

    return attempt


class _Heard(logging.Handler):
    """Whether a run was not committed."""

    heard = False

    def emit(self, record: logging.LogRecord) -> None:
        self.heard = True


def agent(root: str, number: int, seed: int, log: str) -> None:
    """Make runs until the standard input ends; each write is noted in the log when its run has been committed."""
    draw, heard, count = random.Random(seed * 100 + number), _Heard(), 0
    logging.getLogger("fsstore").addHandler(heard)
    file = open(log, "w")  # noqa: SIM115
    setattr(Snapshots, "_attempt", noting(lambda made: _log(file, "snapshot", *made)))  # noqa: B010
    store = fsstore.open(root, f"agent {number}")
    os.set_blocking(0, False)
    print("ready", flush=True)
    while sys.stdin.buffer.read(1) != b"":  # None while there is nothing
        writes: list[list[Any]] = []
        heard.heard = False
        with store.run() as data:
            for key in draw.sample(range(KEYS), draw.randint(1, 2)):
                count += 1
                name, value = f"k{number}{key}", f"a{number}-{count:06d}"
                begun = time.monotonic()
                data.set(name, {"value": value})
                writes.append([name, value, begun, time.monotonic()])
                time.sleep(draw.choice([0, 0, 0.001, 0.01]))
        while heard.heard and not _is_committed(store):
            time.sleep(0.01)
        for write in writes:
            _log(file, "write", *write, time.monotonic())
        time.sleep(draw.choice([0, 0.001, 0.005]))


def _log(file: TextIO, *told: Any) -> None:
    print(json.dumps(told), file=file, flush=True)


def _is_committed(store: fsstore.Store) -> bool:
    try:
        store.snapshot()
    except (RepositoryState, RepositoryBusy):
        return False
    return True


if __name__ == "__main__":
    agent(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4])
