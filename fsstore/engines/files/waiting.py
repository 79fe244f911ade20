"""How often one asks again for what somebody else holds, and who that is. It takes no lock itself."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator

_QUICK_POLLS = 20
_QUICK, _SLOW = 0.0002, 0.002  # seconds: most holders are gone within microseconds
_SHARE = 0.02  # of the time that one has waited


def pauses(timeout: float, slowest: float = _SLOW) -> Iterator[None]:
    """Comes back at once, then after each pause, and a last time when ``timeout`` seconds are over.

    Pauses are short at first, and never longer than ``slowest`` seconds.
    """
    started = time.monotonic()
    polls = 0
    while True:
        yield
        waited = time.monotonic() - started
        if waited >= timeout:
            return
        pause = _QUICK if polls < _QUICK_POLLS else min(slowest, max(_SLOW, waited * _SHARE))
        time.sleep(min(pause, timeout - waited))
        polls += 1


def holder_of(fd: int) -> int | None:
    """The process that holds the lock of an open file, as far as the kernel tells (Linux)."""
    status = os.fstat(fd)
    file = f"{os.major(status.st_dev):02x}:{os.minor(status.st_dev):02x}:{status.st_ino}"
    try:
        with open("/proc/locks", encoding="ascii") as locks:
            found = [line.split() for line in locks if f" {file} " in line and " FLOCK " in line and "->" not in line]
    except OSError:
        return None
    return int(found[0][4]) if found and int(found[0][4]) > 0 else None
