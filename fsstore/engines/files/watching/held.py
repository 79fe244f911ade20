"""Files whose telling waits: somebody may still be writing them, or about to put them back. It looks at none."""

from __future__ import annotations

import heapq
import time

from fsstore.engines.files.watching.inotify import CREATE, DELETE, MODIFY, MOVED_FROM, WHOLE

_WRITING = MODIFY | CREATE
_ANY = _WRITING | WHOLE | DELETE | MOVED_FROM

MILLISECOND = 1_000_000
AFTER_CLOSE = 6 * MILLISECOND
"""A file written in place is believed whole so long after it was closed, by its mtime."""
SETTLED = 50 * MILLISECOND
"""The same where no close was seen."""
PUT_BACK = 50 * MILLISECOND
"""So long a name that was moved away may be on its way back: editors save so."""
INVALID_AFTER = 300 * MILLISECOND
"""So long a file may make no sense before that is told."""


class Hold:
    """Why, and until when, one path waits. Times are in ns of the monotonic clock."""

    __slots__ = ("first", "gone", "hints", "signature", "since", "until")

    def __init__(self, now: int) -> None:
        self.first = self.since = self.until = now
        """Since when it has not been told; since when it has this signature; when it is to be looked at again."""
        self.signature = b""
        self.hints = 0
        self.gone = False
        """Whether it is its absence that waits."""

    def is_early(self, hints: int) -> bool:
        """Whether it need not be looked at now: somebody goes on writing it. That is noted."""
        if hints & _ANY != MODIFY or time.monotonic_ns() >= self.until:
            return False
        self.hints = hints
        return True

    def together(self, hints: int) -> int:
        """What counts when new hints come (0: its time has come): who opens a file anew has not closed it."""
        if not hints:
            return self.hints
        return hints if hints & _WRITING else hints | self.hints & ~_WRITING


class Held:
    """The paths that wait, and the times when they are to be looked at again."""

    def __init__(self) -> None:
        self.paths: dict[str, Hold] = {}
        self._timers: list[tuple[int, str]] = []

    def wait(self, path: str, hints: int, nanoseconds: int, signature: bytes = b"", *, gone: bool = False) -> None:
        """Let a path wait (longer); with the hints that count when it is looked at again."""
        now = time.monotonic_ns()
        hold = self.paths.get(path)
        if hold is None:
            hold = self.paths[path] = Hold(now)
        if hold.signature != signature:
            hold.signature, hold.since = signature, now
        hold.hints, hold.gone = hints, gone
        hold.until = now + nanoseconds
        heapq.heappush(self._timers, (hold.until, path))

    def waited(self, path: str, signature: bytes) -> int:
        """For how many ns it has waited as it is now, or a tenth of the time that it has changed again and again."""
        hold = self.paths.get(path)
        if hold is None:
            return 0
        now = time.monotonic_ns()
        return max(now - hold.since if hold.signature == signature else 0, (now - hold.first) // 10)

    def oldest(self) -> int | None:
        """Since when the first of them waits."""
        return min([hold.first for hold in list(self.paths.values())], default=None)  # other threads ask, too

    def drop(self, path: str) -> None:
        """It waits no more."""
        if self.paths:
            self.paths.pop(path, None)

    def next_time(self) -> int | None:
        """When the first of them is to be looked at again; ``None`` if none waits."""
        timers = self._timers
        while timers:
            until, path = timers[0]
            hold = self.paths.get(path)
            if hold is not None and hold.until == until:
                return until
            heapq.heappop(timers)
        return None

    def due(self) -> list[str]:
        """The paths whose time has come; they are still held."""
        found: list[str] = []
        now = time.monotonic_ns()
        while (until := self.next_time()) is not None and until <= now:
            found.append(heapq.heappop(self._timers)[1])
        return found

    def clear(self) -> None:
        """Nothing waits."""
        self.paths.clear()
        self._timers.clear()
