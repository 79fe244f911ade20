"""Arguments that are a time to wait or to last. It waits for nothing."""

from __future__ import annotations

import math

from fsstore.cli.arguments import UsageError


def require_waiting(seconds: float | None, option: str) -> None:
    """Raise `UsageError` for what is no time to wait; ``None``, of an option that was not given, is one."""
    if seconds is not None and not seconds >= 0:
        raise UsageError(f"{option} {seconds:g}: a number of seconds is wanted, 0 tries once")


def require_lasting(seconds: float | None, option: str) -> None:
    """Raise `UsageError` for what is no time that something can last; ``None`` is one."""
    if seconds is not None and not 0 < seconds < math.inf:
        raise UsageError(f"{option} {seconds:g}: a number of seconds above 0 is wanted")
