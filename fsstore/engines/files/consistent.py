"""One consistent view of several keys for readers that take no lock. It reads no value itself.

A reader looks at the gate's counters, reads, and looks again. If no commit of several files was under way, that
was all. If one is, whether its writer lives, is stopped or dead, its record says what counts as its files. If
one began or ended meanwhile, the journals name the files it touched, and only these are read again, until
nothing more has changed: each round is shorter than the one before.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from fsstore.engines.files.gate import Gate, is_odd, same
from fsstore.engines.files.intents import NOTHING_OPEN, Intents, Overlay
from fsstore.engines.files.journal import Journal
from fsstore.errors import LockTimeout

_T = TypeVar("_T")
_PATIENCE = 30.0  # seconds


class Consistency:
    """The means of a store's readers to see all of a commit or nothing."""

    def __init__(self, gate: Gate, intents: Intents, journal: Journal) -> None:
        self._gate = gate
        self._intents = intents
        self._journal = journal

    def overlay(self, stripe: int) -> Overlay:
        """What counts for a single key of this stripe."""
        return self._intents.overlay((stripe,)) if self._gate.is_open(stripe) else NOTHING_OPEN

    def view(
        self,
        stripes: Sequence[int],
        read: Callable[[Overlay], dict[str, _T]],
        key_of: Callable[[str], str | None],
        again: Callable[[Iterable[str], Overlay], dict[str, _T]],
    ) -> dict[str, _T]:
        """Values by key as they were at one instant.

        ``read`` reads all, ``again`` those that are given; ``key_of`` is the key of a path, if it is one of these.
        """
        before = self._gate.read()
        overlay = self._overlay(before, stripes)
        found = read(overlay)
        if self._held_still(before, overlay, stripes):
            return found
        return self._view_in_a_storm(stripes, read, key_of, again)

    def _view_in_a_storm(
        self,
        stripes: Sequence[int],
        read: Callable[[Overlay], dict[str, _T]],
        key_of: Callable[[str], str | None],
        again: Callable[[Iterable[str], Overlay], dict[str, _T]],
    ) -> dict[str, _T]:
        marks = self._journal.marks(stripes)
        before = self._gate.read()
        for stripe in stripes:
            if is_odd(before, stripe):  # its lines may have been written before the mark
                marks[stripe] = (marks[stripe][0], 0)
        overlay = self._overlay(before, stripes)
        found = read(overlay)
        until = time.monotonic() + _PATIENCE
        while True:
            seen = overlay.names
            ends = self._journal.marks(stripes)  # before the counters: a line past it is of a commit seen next time
            overlay = self._overlay(self._gate.read(), stripes)
            after = self._gate.read()  # after the records: one that is gone was counted before
            changed = [stripe for stripe in stripes if not same(before, after, (stripe,))]
            touched = self._journal.touched(marks, changed)
            if time.monotonic() > until:
                raise _never_still(len(found))
            if touched is None:  # their lines may be gone: all is read again
                marks = {stripe: (at[0], 0) if is_odd(after, stripe) else at for stripe, at in ends.items()}
                before, found = after, read(overlay)
                continue
            if overlay.names != seen:
                touched.update(overlay.paths)
            keys = {key for path in touched if (key := key_of(path)) is not None}
            if not keys:
                return found
            before = after
            marks.update({stripe: ends[stripe] for stripe in stripes if not is_odd(after, stripe)})
            fresh = again(keys, overlay)
            for key in keys:
                if key in fresh:
                    found[key] = fresh[key]
                else:
                    found.pop(key, None)

    def _overlay(self, counters: bytes, stripes: Sequence[int]) -> Overlay:
        if self._gate.is_quiet(counters):
            return NOTHING_OPEN
        opened = [stripe for stripe in stripes if is_odd(counters, stripe)]
        return self._intents.overlay(opened) if opened else NOTHING_OPEN

    def _held_still(self, before: bytes, overlay: Overlay, stripes: Sequence[int]) -> bool:
        """Whether no commit on these stripes was published or done since the counters were read."""
        names = self._overlay(before, stripes).names
        after = self._gate.read()  # after the records: one that is gone was counted before
        return names == overlay.names and (before == after or same(before, after, stripes))


def _never_still(count: int) -> LockTimeout:
    return LockTimeout(
        f"{count} of the keys were changed faster than they could be read, for {_PATIENCE:g} s. Read fewer at once.",
        seconds=_PATIENCE,
    )
