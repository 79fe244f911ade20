"""ULIDs: identifiers that sort by the time they were made. They know nothing of what they identify.

https://github.com/ulid/spec: 48 bits of milliseconds since 1970 and 80 random ones, as 26 digits of Crockford's base
32. Those of one process are strictly increasing, whatever its threads and the clock do.
"""

from __future__ import annotations

import os
import re
import secrets
import threading
import time

_DIGITS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_LENGTH = 26
_RANDOM = 80  # bits
PATTERN = re.compile(r"[0-7][0-9A-HJKMNP-TV-Z]{25}")
"""What all of them look like."""


class _Mint:
    """Makes them for one process."""

    def __init__(self) -> None:
        self._mutex = threading.Lock()
        self._last = -1

    def make(self) -> str:
        fresh = time.time_ns() // 1_000_000 << _RANDOM | secrets.randbits(_RANDOM)
        with self._mutex:
            self._last = max(fresh, self._last + 1)  # in one millisecond, and when the clock goes back, count on
            return _text(self._last)


_mints: dict[int, _Mint] = {}
"""By process: a forked child has its parent's, and must neither repeat what that makes nor wait for its threads."""


def make() -> str:
    """The next one."""
    process = os.getpid()
    mint = _mints.get(process) or _mints.setdefault(process, _Mint())
    return mint.make()


def seconds_of(ulid: str) -> float:
    """When it was made, in seconds since 1970, to the millisecond."""
    number = 0
    for digit in ulid:
        number = number << 5 | _DIGITS.index(digit)
    return (number >> _RANDOM) / 1000


def first_of(seconds: float) -> str:
    """The smallest that can be made at that time."""
    return _text(max(0, int(seconds * 1000)) << _RANDOM)


def _text(number: int) -> str:
    return "".join(_DIGITS[number >> shift & 31] for shift in range(5 * (_LENGTH - 1), -1, -5))
