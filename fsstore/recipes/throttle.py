"""At most so many entries in any span of time: an exact sliding log of them in one key. It takes no lock.

The time that counts is that of the machine since it was started (``clock``), which nobody can set; ``at`` is for
people. Entries made before the machine was started count as made when it was: they are older than that.
"""

from __future__ import annotations

import math
import random
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from fsstore.errors import WaitTimeout
from fsstore.leases import boot_id, boot_seconds
from fsstore.recipes.agreed import Agreed, require_count
from fsstore.recipes.entered import Entered
from fsstore.records import timestamp
from fsstore.steps import Deadline, Pause, Steps, given, waiting

if TYPE_CHECKING:
    from fsstore.recipes.doors import Recipes

_LOOK = 1.0  # seconds after which who waits looks again: somebody may have edited the log
_LEAST, _SPREAD = 0.0005, 0.01  # seconds: the shortest pause; over how long those who were told the same come back


class _Later(Exception):
    """There is no place for so many seconds."""

    def __init__(self, seconds: float) -> None:
        super().__init__(seconds)
        self.seconds = seconds


class Throttle(Agreed, Entered[float]):
    """``count`` entries in any ``seconds``, whoever enters, in all processes; made by ``store.throttle``.

    Enter with ``with`` or ``async with``, around a function as a decorator, or by ``acquire()``. An entry is made at
    the instant that the log says; what one does after that may be delayed, and is not measured. The key holds the
    limits, the entries that still count, and which start of the machine their clock began with.
    """

    __slots__ = ("count", "seconds")

    _kind = "throttle"

    def __init__(self, space: Recipes, name: str, count: int, seconds: float) -> None:
        super().__init__(space, name)
        require_count(count, "count")
        if isinstance(seconds, bool) or not 0 < seconds < math.inf:
            raise ValueError(f"seconds={seconds!r} is no number of seconds above 0")
        self.count = count
        """How many entries there may be."""
        self.seconds = float(seconds)
        """In any span as long as this."""

    @waiting
    def acquire(self, timeout: float | None = None) -> Steps[float]:
        """Enter as soon as there is a place; when that was, in seconds since the machine was started.

        Raises `WaitTimeout` at once if there is none within ``timeout`` seconds: ``retry_after`` is how many it takes.
        Raises `Conflict` if the throttle of this name has other limits. Each try is one atomic update of the key,
        which takes a place or changes nothing. Nobody's turn is promised. Who is cancelled has taken no place.
        """
        deadline = Deadline(timeout)
        while True:
            try:
                entry = self._try()
            except _Later as later:
                wait = later.seconds
            else:
                break
            if wait > deadline.left:
                raise self._timed_out(deadline.seconds, wait)
            yield Pause(max(_LEAST, min(wait, _LOOK)) + random.uniform(0, min(_SPREAD, self.seconds / 10)))  # noqa: S311
        return (yield from given(entry, self._forget))

    def _take(self) -> Steps[float]:
        return self.acquire.steps()

    def _give_back(self, taken: float) -> None:
        """Nothing: who has entered has entered."""

    def _try(self) -> float:
        """Take a place now, or raise `_Later`."""
        entries: list[dict[str, Any]] = []

        def take(value: Any) -> dict[str, Any]:
            nonlocal entries
            now = boot_seconds()
            old = self._entries(value, now)
            wait = wait_of([entry["clock"] for entry in old], self.count, self.seconds, now)
            if wait > 0:
                raise _Later(wait)
            recent = [entry for entry in old if now - entry["clock"] < self.seconds]
            entries = [*recent, {"at": timestamp(time.time()), "clock": now}]
            return self._value(entries)

        self._update_begun(self._value([]), take)
        clock: float = entries[-1]["clock"]
        return clock

    def _forget(self, clock: float) -> None:
        """Take an entry out of the log that nobody has made."""

        def forget(value: Any) -> Any:
            entries = self._entries(value, boot_seconds())
            kept = [entry for entry in entries if entry["clock"] != clock]
            same = [entry for entry in entries if entry["clock"] == clock]
            return self._value(sorted([*kept, *same[1:]], key=lambda entry: entry["clock"]))

        self._space.update(self.name, forget, default=self._value([]))

    def _value(self, entries: list[dict[str, Any]]) -> dict[str, Any]:
        return {"count": self.count, "seconds": self.seconds, "boot": boot_id(), "entries": entries}

    def _entries(self, value: Any, now: float) -> list[dict[str, Any]]:
        """The entries of the log, in order; older starts of the machine are the beginning of this one."""
        self._require_agreement(value, count=self.count, seconds=self.seconds)
        entries = value.get("entries")
        if not isinstance(entries, list) or not all(_is_entry(entry) for entry in entries):
            raise self._misshapen("a list 'entries', each with a number 'clock' from 0 on")
        same = value.get("boot") == boot_id()
        for entry in entries:
            if not same or entry["clock"] > now:  # where no start can be told from another: before this one, too
                entry["clock"] = 0.0
        return sorted(entries, key=lambda entry: entry["clock"])

    def _timed_out(self, timeout: float, wait: float) -> WaitTimeout:
        return WaitTimeout(
            f"{self._called} lets {self.count} enter in any {self.seconds:g} "
            f"s: there is no place for {wait:.3g} s more, and {timeout:g} s were given. Try again then.",
            seconds=timeout,
            retry_after=wait,
        )


def wait_of(entries: Iterable[float], count: int, seconds: float, now: float) -> float:
    """How long there is no place, in seconds, 0 if there is one now; ``entries`` in order, none after ``now``.

    The log of a sliding window: of any ``count + 1`` entries in a row the last is ``seconds`` or more after the first.
    """
    recent = [entry for entry in entries if now - entry < seconds]
    if len(recent) < count:
        return 0.0
    return max(recent[-count] + seconds - now, math.ulp(0.0))


def _is_entry(entry: Any) -> bool:
    clock = entry.get("clock") if isinstance(entry, dict) else None
    return isinstance(clock, int | float) and not isinstance(clock, bool) and clock >= 0
