"""When to look again for what nobody tells of: soon at first, then rarer. It does not know what is looked for."""

from __future__ import annotations

import time
from typing import Self

from fsstore.steps import Deadline, Pause

_FIRST, _LONGEST = 0.002, 0.05  # seconds between two looks
_TIMES, _RAREST = 20, 1.0
"""Who looks for long looks rarely: the pause is so many times as long as the look, up to so many seconds."""


class Looks:
    """``with looks:`` is one look; after each either all are over, or there is a pause."""

    def __init__(self, timeout: float | None) -> None:
        self._deadline = Deadline(timeout)
        self._pause = _FIRST
        self._began = self._took = 0.0
        self.are_over = False
        """Whether the last one ended after the time to wait."""

    def __enter__(self) -> Self:
        self._began = time.monotonic()
        return self

    def __exit__(self, *exc: object) -> None:
        self._took = time.monotonic() - self._began
        self.are_over = not self._deadline.left

    def pause(self) -> Pause:
        """Until the next one."""
        seconds = min(max(self._pause, _TIMES * self._took), _RAREST, self._deadline.left)
        self._pause = min(2 * self._pause, _LONGEST)
        return Pause(seconds)
