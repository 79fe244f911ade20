"""What runs in a process of its own for a row: a writer that waits for its turns, or a reader that streams."""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Callable
from typing import Any

import fsstore
from benchmark import peers, workload


def write(path: str, number: int, batch: int) -> None:
    """For each line on standard input write a batch of new keys; say ``done`` after each, and when ready."""
    with fsstore.open(path) as store:
        values = workload.values(batch)
        print("done", flush=True)
        for turn, _ in enumerate(sys.stdin):
            first = (number * 1000 + turn) * batch
            for key, value in zip(workload.keys(batch, first=first), values, strict=True):
                store.set(key, value)
            print("done", flush=True)


def stream(path: str) -> None:
    """Read every record once; print how many there were and the largest resident size in KiB."""
    with fsstore.open(path) as store:
        count = sum(1 for _ in store.items())
    print(count, _peak())


def count(kind: str, path: str, key: str, seconds: float) -> None:
    """Say ``done`` when ready; for a line on standard input increment a key for so many seconds, and say how often."""
    add: Callable[[str], Any] = fsstore.open(path).increment if kind == "fsstore" else peers.open_diskcache(path).incr
    add(f"warm:{key}")
    print("done", flush=True)
    sys.stdin.readline()
    until = time.monotonic() + seconds
    times = 0
    while time.monotonic() < until:
        add(key)
        times += 1
    print(times, flush=True)


def _peak() -> int:
    """Linux counts in ``ru_maxrss`` what the process was before it became this program; its status does not."""
    try:
        with open("/proc/self/status", encoding="ascii") as status:
            return next(int(line.split()[1]) for line in status if line.startswith("VmHWM:"))
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


if __name__ == "__main__":
    if sys.argv[1] == "write":
        write(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
    elif sys.argv[1] == "count":
        count(sys.argv[2], sys.argv[3], sys.argv[4], float(sys.argv[5]))
    else:
        stream(sys.argv[2])
