"""The jobs that may be next, as far as one process has seen. Whether one still is, only its record knows.

Listing the keys of ten thousand jobs takes milliseconds, and whoever takes a job needs only the first. So the keys
that were listed are handed out one after the other, and listed anew when they are used up or have been there for
fifty times as long as listing them took: at least 50 ms, at most a second.
"""

from __future__ import annotations

import threading
import time
from bisect import insort
from collections.abc import Callable

from fsstore.recipes import ulids
from fsstore.recipes.jobs import is_due

_MANY = 1000
_TIMES, _SHORTEST, _LONGEST = 50, 0.05, 1.0


class Line:
    """The line of one queue. Safe to share between threads."""

    def __init__(self, listed: Callable[[], list[str]]) -> None:
        self._listed = listed
        self._mutex = threading.Lock()
        self._keys: list[str] = []
        self._held: dict[str, float] = {}
        self._is_whole = True
        self._expires = 0.0

    def next(self) -> str | None:
        """Take the first one that is due; ``None`` if there is none."""
        with self._mutex:
            if not self._keys or time.monotonic() >= self._expires:
                self._fill()
            return self._keys.pop(0) if self._keys else None

    def add(self, key: str) -> None:
        """There is a new one, which is due."""
        with self._mutex:
            if self._is_whole or (self._keys and key < self._keys[-1]):
                insort(self._keys, key)

    def hold(self, key: str, until: float) -> None:
        """Do not hand this one out again before ``until``, in seconds since the epoch."""
        with self._mutex:
            self._held[key] = until

    def forget(self, key: str) -> None:
        """There is no such key any more."""
        with self._mutex:
            self._held.pop(key, None)

    def _fill(self) -> None:
        started = time.monotonic()
        now = time.time()
        self._held = held = {key: until for key, until in self._held.items() if until > now}
        bound = ulids.first_of(now)[:10]
        found: list[str] = []
        self._keys = found
        self._is_whole = True
        for key in self._listed():
            if key not in held and is_due(key, bound):
                if len(found) == _MANY:
                    self._is_whole = False
                    break
                found.append(key)
        ended = time.monotonic()
        self._expires = ended + min(max(_TIMES * (ended - started), _SHORTEST), _LONGEST)
