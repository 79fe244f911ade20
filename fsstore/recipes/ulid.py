"""Names that sort by time: ULIDs (github.com/ulid/spec). It knows a clock's seconds, and no store.

A ULID is 26 characters of Crockford's base 32: 48 bits of milliseconds since the epoch, then 80 bits that hold two of
the same millisecond apart. Here the first 10 of these are the microseconds within it and the others random, or one
more than those of the ULID before, if that was of the same microsecond: so those of one process sort as they were made.
"""

from __future__ import annotations

import os
import threading

_DIGITS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_PAIRS = [one + two for one in _DIGITS for two in _DIGITS]
_CHANCE = 69  # bits: the topmost of 70 stays free, so that counting on never runs over
_LATEST = (1 << 48) - 1

LENGTH = 26


class _Sequence:
    """The ULIDs of one process, each larger than those before it of the same microsecond."""

    def __init__(self) -> None:
        self._mutex = threading.Lock()
        self._last = 0

    def next(self, at: float) -> int:
        milliseconds, rest = divmod(int(at * 1_000_000), 1000)
        if not 0 <= milliseconds <= _LATEST:
            raise ValueError(f"at={at!r} is no time that a ULID has: seconds from 1970 to the year 10889")
        start = (milliseconds << 10 | rest) << 70
        with self._mutex:
            if self._last >> 70 == start >> 70:
                self._last += 1
            else:
                self._last = start | int.from_bytes(os.urandom(9)) >> 72 - _CHANCE
            return self._last


_sequence = _Sequence()


def _begin_anew() -> None:
    """A forked child must not count on from where its parent counts on, nor wait for a thread it does not have."""
    global _sequence
    _sequence = _Sequence()


os.register_at_fork(after_in_child=_begin_anew)


def new(at: float) -> str:
    """A ULID of the time ``at``, in seconds since the epoch; larger than those made before of the same microsecond.

    Safe among threads and after a fork. Raises `ValueError` for a time before 1970.
    """
    return _text(_sequence.next(at))


def bound(at: float) -> str:
    """The first 10 characters of every ULID of that millisecond: at most those of later ones."""
    return _text(max(int(at * 1000), 0) << 80)[:10]


def is_ulid(text: str) -> bool:
    """Whether this is one, in the form that `new` gives it."""
    return len(text) == LENGTH and text[0] <= "7" and not text.strip(_DIGITS)


def time_of(ulid: str) -> float:
    """Its time: seconds since the epoch, to the millisecond."""
    number = 0
    for digit in ulid[:10]:
        number = number * 32 + _DIGITS.index(digit)
    return number / 1000


def _text(number: int) -> str:
    return "".join([_PAIRS[number >> shift & 1023] for shift in range(120, -10, -10)])
