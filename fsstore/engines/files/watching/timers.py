"""The known ends of keys, the soonest first: which have come, and which were taken back. It reads no file."""

from __future__ import annotations

import heapq
import time

_AWAKE = 60.0  # seconds of sleep at most before an end: meanwhile the clock may be set, or the machine be suspended
_SPARE = 1000
"""So many timers that mean nothing any more are carried along."""


class Timers:
    """The ends of keys, by the paths of their files."""

    def __init__(self) -> None:
        self.ends: dict[str, float] = {}
        """In seconds since the epoch."""
        self.over: dict[str, float] = {}
        """When keys ended of which nothing says so any more, as was found in this round."""
        self._soonest: list[tuple[float, str]] = []
        self._changed: set[str] = set()
        self._now = 0.0
        """When the last round was, by the clock of the day: what has ended then has ended, though it be set back."""

    def begin(self) -> None:
        """Another round begins: what is noted from now on is of this instant."""
        self._now = time.time()
        self.over.clear()

    def note(self, path: str, end: float | None) -> None:
        """When a key ends; ``None`` if nothing says so."""
        old = self.ends.get(path)
        if old == end:
            return
        if end is None:
            del self.ends[path]
        else:
            self.ends[path] = end
            heapq.heappush(self._soonest, (end, path))
        if old is not None and old <= max(time.time(), self._now):
            self._changed.add(path)
            self.over[path] = old

    def take(self) -> set[str]:
        """The paths whose end had come as the round began, or was taken back."""
        now = self._now
        if len(self._soonest) > 2 * len(self.ends) + _SPARE:
            self._soonest = [(end, path) for path, end in self.ends.items() if end > now]
            heapq.heapify(self._soonest)
            self._changed.update(path for path, end in self.ends.items() if end <= now)
        found, self._changed = self._changed, set()
        while self._soonest and self._soonest[0][0] <= now:
            end, path = heapq.heappop(self._soonest)
            if self.ends.get(path) == end:
                found.add(path)
        return found

    def seconds(self) -> float | None:
        """For how long to sleep at most; ``None``: no key ends."""
        soonest = self._soonest[:1]  # at once: other threads ask, too, and the last one may be taken meanwhile
        return min(soonest[0][0] - time.time(), _AWAKE) if soonest else None

    def end_of_gone(self, path: str) -> float | None:
        """When a key had ended whose file is there no more, or counts as none; ``None`` if it had not."""
        end = self.ends.get(path, self.over.get(path))
        return None if end is None or max(time.time(), self._now) < end else end

    def has_come(self, path: str) -> bool:
        """Whether the end of a key has come, as far as is known."""
        end = self.ends.get(path)
        return end is not None and max(time.time(), self._now) >= end
