"""What was moved, in numbers; pure data."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

Progress = Callable[[int, int | None], object]
"""Called with how much is done, and how much there is; ``None`` where that cannot be told."""


class Exported(NamedTuple):
    """What an export wrote."""

    path: str | None
    """Where it is; ``None`` for a stream."""
    namespaces: int
    keys: int
    bytes: int
    """Of the whole export."""
    resumed: int
    """How many of the keys an earlier, interrupted export had written."""


class Imported(NamedTuple):
    """What an import did, or would do; each key that a line names is in one of the four counts of keys."""

    lines: int
    """How many lines are dealt with, those that were passed over included: ``skip=lines`` goes on after them."""
    created: int
    updated: int
    unchanged: int
    """They held the same already, to the byte."""
    skipped: int
    """They were there and left alone (``on_conflict="skip"``), or their time was over."""
    rules: int
    """Namespaces whose rules were changed."""
    cut: bool = False
    """An export among the lines is not whole: its last line is missing, or tells of another number of keys."""
