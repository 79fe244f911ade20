"""The jobs that may be next, as far as one process has seen. Whether one still is, only its record knows.

Listing the keys of ten thousand jobs takes milliseconds, and whoever takes a job needs only the first. So the keys
that were listed are handed out one after the other, and listed anew when they are used up, or have been there for
fifty times as long as listing them took: at least 50 ms, at most a second.
"""

from __future__ import annotations

import threading
import time
from bisect import insort
from collections.abc import Callable

from fsstore.recipes import ulids
from fsstore.recipes.jobs import Keys, is_due

_TIMES, _SHORTEST, _LONGEST = 50, 0.05, 1.0
_HELD = 5.0  # seconds: a person may have given back what a worker has


class Line:
    """The line of one queue. Safe to share between threads."""

    def __init__(self, keys: Keys, listed: Callable[[], list[str]]) -> None:
        self._is_job = keys.is_job
        self._listed = listed
        self._mutex = threading.RLock()  # a signal handler may put a job while its own thread lists them
        self._keys: list[str] = []
        self._at = 0
        self._bound = ""
        self._held: dict[str, float] = {}
        self._expires = 0.0

    def next(self) -> str | None:
        """Take the first one that is due; ``None`` if there is none."""
        with self._mutex:
            is_old = time.monotonic() >= self._expires
            key = None if is_old else self._pass_on()
            if key is None:
                self._fill()
                key = self._pass_on()
            return key

    def add(self, key: str) -> None:
        """There is a new one, which is due. Where nobody takes any, nothing is kept."""
        with self._mutex:
            if time.monotonic() >= self._expires:  # who takes the next one lists them all
                return
            self._bound = max(self._bound, key[key.rfind(":") + 1 :][:10])
            if not self._keys or key > self._keys[-1]:  # it is so, where all have one priority
                self._keys.append(key)
            else:
                insort(self._keys, key, lo=self._at)

    def hold(self, key: str, until: float) -> None:
        """Do not hand this one out again before ``until``, in seconds since the epoch, but for a look now and then.

        The looks come whatever becomes of the clock.
        """
        with self._mutex:
            self._held[key] = time.monotonic() + min(until - time.time(), _HELD)

    def forget(self, key: str) -> None:
        """There is no such key any more."""
        with self._mutex:
            self._held.pop(key, None)

    def _pass_on(self) -> str | None:
        keys, held, bound = self._keys, self._held, self._bound
        while self._at < len(keys):
            key = keys[self._at]
            self._at += 1
            if key not in held and is_due(key, bound) and self._is_job(key):
                return key
        return None

    def _fill(self) -> None:
        started = time.monotonic()
        self._held = {key: until for key, until in self._held.items() if until > started}
        self._bound = ulids.first_of(time.time())[:10]
        self._keys = self._listed()
        self._at = 0
        ended = time.monotonic()
        self._expires = ended + min(max(_TIMES * (ended - started), _SHORTEST), _LONGEST)
