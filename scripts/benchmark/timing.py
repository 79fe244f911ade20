"""Time, taken in turns: every contender does a piece of work right after the others did the same. No stores here."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any


@dataclass
class Times:
    """Seconds per operation of each contender, one figure a turn."""

    turns: dict[str, list[float]] = field(default_factory=dict)

    def add(self, contender: str, seconds: float) -> None:
        """Note one turn."""
        self.turns.setdefault(contender, []).append(seconds)

    def typical(self, contender: str) -> float:
        """The median of its turns."""
        return median(self.turns[contender])

    def ratio(self, above: str, below: str) -> float:
        """The median ratio of turns that were taken next to each other, so that both saw the same machine."""
        return median(a / b for a, b in zip(self.turns[above], self.turns[below], strict=True))


def in_turns(
    contenders: Mapping[str, Callable[[Sequence[Any]], object]],
    work: Iterable[Sequence[Any]],
    calls: Mapping[str, int] | None = None,
) -> Times:
    """A B A B ...: each contender does the first piece, then each the second, and so on.

    ``calls``: how often a contender does its piece in one turn. One call of microseconds right after another
    contender's second would measure how fast the processor's caches fill, and leave garbage for the next one.
    """
    times = Times()
    clock = time.perf_counter
    for piece in work:
        for name, run in contenders.items():
            repeats = calls.get(name, 1) if calls else 1
            seconds = 0.0
            for _ in range(repeats):
                start = clock()
                kept = run(piece)  # what it made is thrown away when the clock has stopped
                seconds += clock() - start
                del kept
            times.add(name, seconds / (repeats * len(piece)))
    return times


def each(operation: Callable[[Any], object]) -> Callable[[Sequence[Any]], object]:
    """A contender that does one operation with one argument at a time."""

    def run(piece: Sequence[Any]) -> None:
        for item in piece:
            operation(item)

    return run


def each_pair(operation: Callable[[Any, Any], object]) -> Callable[[Sequence[Any]], object]:
    """A contender that does one operation with a key and a value at a time."""

    def run(piece: Sequence[Any]) -> None:
        for key, value in piece:
            operation(key, value)

    return run


def whole(operation: Callable[[], object]) -> Callable[[Sequence[Any]], object]:
    """A contender that does all in one call."""
    return lambda piece: operation()
