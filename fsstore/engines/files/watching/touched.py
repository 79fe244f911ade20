"""Which files a hub had hints of, and when: what has to be looked at to know what was edited. It looks at none."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable
from typing import NamedTuple, Protocol

_KEPT = 100_000  # paths: more take more memory than it takes time to look at every file
_SET_BACK = 1.0  # seconds that the clock of the day may be set back without harm


class Edited(NamedTuple):
    """What may have been changed in the directories of a store, but for those that lie in one with a dot in front."""

    since: float
    """Since then every change of a file has given a hint, in seconds since the epoch."""
    paths: set[str]
    """The files with a hint since that time, or a little longer; relative to the store."""


class Observer(Protocol):
    """A hub, as those see it who want to know what was edited."""

    def edits(self, since: float) -> Edited | None:
        """The files with a hint since a time, or since a later one; ``None`` where not every change gives a hint."""
        ...


class Touched:
    """The files that had hints, from the time when somebody first wants to know."""

    def __init__(self) -> None:
        self.times: dict[str, float] | None = None
        """When each had its last one, in seconds since the epoch; ``None`` while nobody wants to know."""
        self._begun = 0.0
        self._ahead = -math.inf
        """By how many seconds the clock of the day was ahead of the monotonic one, at most."""

    def clock(self) -> float:
        """The time of day. If it was set back, all begins again: times of before say nothing any more."""
        now = time.time()
        ahead = now - time.monotonic()
        if ahead < self._ahead - _SET_BACK:
            self.lose()
            self._ahead = ahead
        elif ahead > self._ahead:
            self._ahead = ahead
        return now

    def lose(self) -> None:
        """Some hints were lost, or there are too many: all begins again."""
        self.times = None

    def note(self, prefix: str, names: Iterable[str]) -> None:
        """Files of a directory that is watched from now on: what happened in it before gave no hint."""
        now = self.clock()
        if self.times is not None:
            self.times.update((prefix + name, now) for name in names)
            self.require_room()

    def require_room(self) -> None:
        """Begin again where there are too many."""
        if self.times is not None and len(self.times) > _KEPT:
            self.lose()

    def edited(self, since: float) -> Edited:
        """Those with a hint since a time. Several may ask, each with a time of their own."""
        now = self.clock()
        if self.times is None:
            self.times, self._begun = {}, now
        if since > now + _SET_BACK:  # by a clock that was ahead
            return Edited(math.inf, set())
        since = max(since, self._begun)
        return Edited(since, {path for path, at in self.times.items() if at >= since - _SET_BACK})


observers: dict[str, Observer] = {}
"""The hubs of this process by the paths of their stores' directories."""


def edits(root: str, since: float) -> Edited | None:
    """What was edited in a store since a time, or since a later one; ``None`` if no hub of this process can tell."""
    observer = observers.get(root)
    return None if observer is None else observer.edits(since)
