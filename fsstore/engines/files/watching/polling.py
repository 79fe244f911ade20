"""Looking at what gives no hints, from time to time, and when somebody wants to know."""

from __future__ import annotations

import time

from fsstore.engines.files.watching.hinted import Hinted

_PAUSE, _SHARE = 500_000_000, 20
"""Nanoseconds between two looks, at least, and how many times as long as such a look takes."""


class Polling:
    """When all directories of a store, or those that the kernel does not watch, are looked at."""

    def __init__(self, state: Hinted, *, is_all: bool) -> None:
        self._state, self._is_all = state, is_all
        self._next = 0

    def next_time(self) -> int | None:
        """When to look again, in ns of the monotonic clock; ``None`` if all is watched."""
        return self._next if self._is_all or self._state.unwatched else None

    def look(self, *, now: bool) -> None:
        """Look, if it is time, or ``now`` if somebody wants to know."""
        state, begun = self._state, time.monotonic_ns()
        if state.is_missing or (due := self.next_time()) is None or not (now or begun >= due):
            return
        if self._is_all:
            state.is_root_in_doubt = True
            if state.is_there():
                state.rescan()
        else:
            for path in list(state.unwatched):
                state.look(path)
        ended = time.monotonic_ns()
        self._next = ended + max(_PAUSE, (ended - begun) * _SHARE)
