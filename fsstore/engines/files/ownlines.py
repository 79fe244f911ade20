"""Which lines of the journals this process wrote, kept only while somebody wants to know. It reads no journal."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Any

_KEPT = 500_000  # who wants to know takes them as soon as one of a commit has come: of a large one many wait
_SLACK = 50_000  # forgotten at once: to look for the oldest of a dictionary costs what was taken from its beginning


class OwnLines:
    """The lines that this process wrote to the journals of one store, whichever of its handles did it.

    A line is told by its path and its time, which no two writes of a path share.
    """

    __slots__ = ("noted",)

    def __init__(self) -> None:
        self.noted: dict[tuple[str, float], None] | None = None
        """Path and time of each, the oldest first; ``None`` while nobody wants to know."""

    def note(self, lines: Iterable[Mapping[str, Any]]) -> None:
        """Lines that are about to be written. Of more than 550,000 the newest 500,000 are kept."""
        noted = self.noted
        if noted is None:  # by now
            return
        for line in lines:
            noted[line["path"], line["time"]] = None
        if len(noted) > _KEPT + _SLACK:
            with contextlib.suppress(RuntimeError):  # another thread notes something: the next one forgets
                for old in list(islice(noted, len(noted) - _KEPT)):
                    noted.pop(old, None)
