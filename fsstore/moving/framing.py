"""Whether the exports among the lines of an import are whole. It knows no key and no value."""

from __future__ import annotations

import logging

from fsstore.moving.lines import End, Entry, Header, Line

_log = logging.getLogger("fsstore")


class Framing:
    """The first and the last lines of exports, as they come by: the one belongs to the other."""

    def __init__(self, source: str, *, counting: bool) -> None:
        """``counting``: all lines are taken, so that the keys can be counted."""
        self._source = source
        self._counting = counting
        self._keys: int | None = None
        """The lines of keys of the export that has begun and whose last line has not come."""
        self._is_cut = False

    def take(self, number: int, line: Line) -> None:
        """Look at the next line."""
        if isinstance(line, Header):
            if self._keys is not None:
                self._cut(f"line {number} begins another export before the last line of the one before")
            self._keys = 0
        elif self._keys is not None and isinstance(line, Entry):
            self._keys += 1
        elif self._keys is not None and isinstance(line, End):
            if self._counting and line.keys != self._keys:
                self._cut(f"line {number} ends an export of {line.keys:,} keys, and there are {self._keys:,}")
            self._keys = None

    def is_cut(self) -> bool:
        """At the end of all lines: whether any export is not whole, which the logger ``fsstore`` has said then."""
        if self._keys is not None:
            self._cut("it ends without the last line of an export")
        return self._is_cut

    def _cut(self, why: str) -> None:
        self._is_cut = True
        _log.warning("%s is not whole: %s. What is there is imported; export it again.", self._source, why)
