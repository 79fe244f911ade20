"""How long to wait before what failed is tried again, and when to give up. It tries nothing itself."""

from __future__ import annotations

from typing import NamedTuple

_DOUBLINGS = 30  # no float is in the way, and no longest pause is reached later


class Retries(NamedTuple):
    """An exponential back-off: each pause is twice as long as the one before."""

    limit: int = 5
    """How often to try again."""
    first: float = 0.5
    """Seconds."""
    longest: float = 30.0
    """Seconds."""

    def pause(self, failures: int) -> float | None:
        """Seconds to wait after so many failures in a row, from 1 on; ``None``: give up."""
        if failures > self.limit:
            return None
        return min(self.longest, self.first * 2.0 ** min(failures - 1, _DOUBLINGS))
