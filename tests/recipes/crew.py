"""A process that coordinates with others, and writes what it does to a file that only grows: the witness.

Arguments: the store's path, the witness's path, the part, its numbers as JSON. It says ``ready``, goes on at a line on
standard input, and says ``done``.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from typing import Any

import fsstore
from fsstore.leases import boot_seconds

Tell = Callable[[str], None]


def semaphore(store: fsstore.Store, tell: Tell, n: int, times: int) -> None:
    shared = store.semaphore("crew", n, timeout=120)
    for _ in range(times):
        with shared:
            tell("in")
            store.increment("work")
            tell("out")


def hold(store: fsstore.Store, tell: Tell, n: int) -> None:
    with store.semaphore("crew", n, timeout=0):
        tell("in")
        sys.stdin.readline()


def throttle(store: fsstore.Store, tell: Tell, count: int, seconds: float, times: int) -> None:
    for _ in range(times):
        before = boot_seconds()
        entry = store.throttle("crew", count, seconds).acquire()
        tell(json.dumps([before, entry, boot_seconds()]))


def barrier(store: fsstore.Store, tell: Tell, parties: int, times: int) -> None:
    for number in range(times):
        tell(f"comes {number}")
        index = store.barrier("crew", parties).wait(timeout=120)
        tell(f"goes {number} {index}")


def main(path: str, witness: str, part: str, numbers: str) -> None:
    fd = os.open(witness, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def tell(text: str) -> None:
        os.write(fd, f"{os.getpid()} {text}\n".encode())

    parts: dict[str, Any] = {part.__name__: part for part in (semaphore, hold, throttle, barrier)}
    with fsstore.open(path, git=False, agent="crew") as store:
        print("ready", flush=True)
        sys.stdin.readline()
        parts[part](store, tell, **json.loads(numbers))
    print("done", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
