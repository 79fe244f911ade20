"""When every file is to be looked at again: what was written in place leaves no trace elsewhere. It looks at none."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fsstore.engines.files.watching.touched import Edited

_SWEEP_AFTER = 60.0  # seconds
_RARELY = 10  # times as long: some changes the kernel tells nobody, as those by way of memory that a file is mapped to


def is_sweep_due(
    settings: Mapping[str, Any], everything: float, edited: float, observed: Edited | None, now: float
) -> bool:
    """Whether all files are to be looked at.

    ``everything``: when they last were; ``edited``: since when edits in place are not known; ``observed``: what a hub
    has seen since then, ``None`` without one. The first time with a hub is one, too: from then on it has seen all.
    """
    after = sweep_after(settings)
    if not is_recent(everything, now, _RARELY * after):
        return True
    return observed.since > edited if observed is not None else not is_recent(edited, now, after)


def is_recent(then: float, now: float, seconds: float) -> bool:
    """Whether a time is not so many seconds ago, and has come."""
    return 0 <= now - then < seconds


def sweep_after(settings: Mapping[str, Any]) -> float:
    """Seconds after which all files are looked at again: a setting of the store."""
    found = settings.get("sweep_seconds", _SWEEP_AFTER)
    return float(found) if isinstance(found, int | float) else _SWEEP_AFTER
