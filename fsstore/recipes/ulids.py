"""ULIDs: identifiers that sort by the time they were made. They know nothing of what they identify.

https://github.com/ulid/spec: 48 bits of milliseconds since 1970 and 80 random ones, as 26 digits of Crockford's base
32. Those of one process are strictly increasing, whatever its threads and the clock do; or, where they are made for a
time that is given, among those of the same microsecond: that is then told by the first 10 of the random bits.
"""

from __future__ import annotations

import os
import random
import re
import secrets
import threading
import time

_DIGITS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
LENGTH = 26

_RANDOM = 80  # bits
_CHANCE = 69  # bits: one less than are left beside the microseconds, so that counting on never runs over
_LATEST = 1 << 48  # milliseconds
_PAIRS = [one + two for one in _DIGITS for two in _DIGITS]
PATTERN = re.compile(r"[0-7][0-9A-HJKMNP-TV-Z]{25}")
"""What all of them look like."""


class _Mint:
    """Makes them for one process."""

    def __init__(self) -> None:
        self._mutex = threading.RLock()  # a signal handler may make one while its own thread does
        self._last = -1
        self._last_dated = 0
        self._chance = random.Random(secrets.randbits(256))  # noqa: S311  # a name, and no secret

    def make(self) -> str:
        fresh = time.time_ns() // 1_000_000 << _RANDOM | secrets.randbits(_RANDOM)
        with self._mutex:  # nothing is called in it: there no handler comes between
            if fresh <= self._last:  # in one millisecond, and when the clock goes back, count on
                fresh = self._last + 1
            self._last = fresh
        return _text(fresh)

    def make_at(self, seconds: float) -> str:
        milliseconds, rest = divmod(int(seconds * 1_000_000), 1000)
        if not 0 <= milliseconds < _LATEST:
            raise ValueError(f"{seconds!r} is no time that a ULID has: seconds, from 1970 to the year 10889")
        microsecond = milliseconds << 10 | rest
        made = microsecond << 70 | self._chance.getrandbits(_CHANCE)
        with self._mutex:
            if self._last_dated >> 70 == microsecond:
                made = self._last_dated + 1
            self._last_dated = made
        return _text(made)


_mints: dict[int, _Mint] = {}
"""By process: a forked child has its parent's, and must neither repeat what that makes nor wait for its threads."""


def make() -> str:
    """The next one."""
    return _mint().make()


def make_at(seconds: float) -> str:
    """One of a time in seconds since 1970: larger than those that were made before for the same microsecond.

    Raises `ValueError` for times before 1970.
    """
    return _mint().make_at(seconds)


def is_ulid(text: str) -> bool:
    """Whether this is one."""
    return PATTERN.fullmatch(text) is not None


def seconds_of(ulid: str) -> float:
    """When it was made, in seconds since 1970, to the millisecond."""
    number = 0
    for digit in ulid:
        number = number << 5 | _DIGITS.index(digit)
    return (number >> _RANDOM) / 1000


def first_of(seconds: float) -> str:
    """The smallest that can be made at that time."""
    return _text(max(0, int(seconds * 1000)) << _RANDOM)


def _mint() -> _Mint:
    process = os.getpid()
    return _mints.get(process) or _mints.setdefault(process, _Mint())


def _text(number: int) -> str:
    """Its digits, two at a time, as there is one for each 5 of 130 bits."""
    p, mask = _PAIRS, (1 << 40) - 1
    a, b, c = number >> 80, number >> 40 & mask, number & mask  # small integers are shifted faster
    return (
        f"{p[a >> 40]}{p[a >> 30 & 1023]}{p[a >> 20 & 1023]}{p[a >> 10 & 1023]}{p[a & 1023]}"
        f"{p[b >> 30]}{p[b >> 20 & 1023]}{p[b >> 10 & 1023]}{p[b & 1023]}"
        f"{p[c >> 30]}{p[c >> 20 & 1023]}{p[c >> 10 & 1023]}{p[c & 1023]}"
    )
