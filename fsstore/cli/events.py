"""An event as a line of a table that grows, for a terminal. It watches nothing."""

from __future__ import annotations

import shutil
import unicodedata
from collections.abc import Sequence

from fsstore.cli import colours
from fsstore.cli.output import Output, compact, escape, quoted
from fsstore.errors import BadValue, SchemaViolation, StoreError
from fsstore.events import GONE, Event
from fsstore.records import Author

_COLOURS = {
    "created": colours.ADDED,
    "updated": colours.CHANGED,
    "deleted": colours.REMOVED,
    "expired": colours.REMOVED,
    "invalid": colours.INVALID,
    "ready": colours.FAINT,
    "resync": colours.PLACE,
}
_OF_NO_KEY = {
    "ready": "that is all there was; what follows happens now",
    "resync": "more was changed than could be told: read it anew",
}
_TITLES = ("TIME (UTC)", "WHO", "KIND", "NAMESPACE", "KEY", "VALUE")
_FIXED = 10, 12, 7  # columns of time, author and kind
_NAMESPACE, _KEY = 24, 60  # at most
_GAP = "  "
_LONGEST = 400  # columns, however wide the terminal is: a value is looked at no farther


def header(output: Output) -> str:
    """The line above all others."""
    return "".join(output.paint(cell, colours.FAINT) for cell in _fitted(_TITLES))


def line(event: Event, output: Output) -> str:
    """Time, author, kind, namespace, key and how the value begins, in the columns that the terminal has now."""
    if event.kind in _OF_NO_KEY:
        cells = _fitted((event.time[11:19], "", event.kind, _OF_NO_KEY[event.kind]))
    else:
        where = quoted(event.namespace), quoted(event.key)
        cells = _fitted((event.time[11:19], _who(event.source), event.kind, *where, _about(event)))
    cells[2] = output.paint(cells[2], _COLOURS[event.kind])
    return "".join(cells)


def _who(source: Author) -> str:
    return "(by hand)" if source.by_hand else quoted(source.agent) if source.agent else "-"


def _about(event: Event) -> str:
    """What the last column is to say."""
    if event.kind in GONE:
        return ""
    text = compact(event.value) if event.error is None else _reason(event.error)
    return escape(text[: _LONGEST + 1])


def _reason(error: StoreError) -> str:
    """Where and why, without the names, which have columns of their own."""
    if isinstance(error, BadValue):
        return error.reason if error.line is None else f"line {error.line}, column {error.column}: {error.reason}"
    if isinstance(error, SchemaViolation):
        return f"{error.json_path}: {error.reason}"
    return str(error)


def _fitted(cells: Sequence[str]) -> list[str]:
    """The cells cut and padded to their columns, the gaps between them included; together no wider than a terminal.

    The last one has all that is left, and is not padded.
    """
    left = shutil.get_terminal_size().columns
    widths = _widths(left)
    fitted: list[str] = []
    for number, cell in enumerate(cells, 1):
        gap = _GAP[:left] if fitted else ""
        left -= len(gap)
        is_last = number == len(cells)
        width = min(_LONGEST if is_last else widths[number - 1], left)
        text, used = _cut(cell, width)
        fitted.append(gap + text + ("" if is_last else " " * (width - used)))
        left -= width
    return fitted


def _widths(total: int) -> tuple[int, ...]:
    """All but the last: of what the fixed ones leave a fifth is the namespace's (its title fits), two are the key's."""
    left = max(0, total - sum(_FIXED) - (len(_TITLES) - 1) * len(_GAP))
    namespace, key = max(len(_TITLES[3]), min(_NAMESPACE, left // 5)), min(_KEY, left * 2 // 5)
    return (*_FIXED, namespace, key)


def _cut(text: str, width: int) -> tuple[str, int]:
    """As much of the text as so many columns hold, and how many it takes; an ellipsis stands for the rest."""
    if text.isascii() and len(text) <= width:
        return text, len(text)
    used = kept = before = 0  # ``kept`` letters take ``before`` columns, and leave room for the ellipsis
    for number, char in enumerate(text):
        used += _columns(char)
        if used > width:
            return (text[:kept] + "…", before + 1) if width else ("", 0)
        if used < width:
            kept, before = number + 1, used
    return text, used


def _columns(char: str) -> int:
    """How many columns of a terminal a printable character takes."""
    if char.isascii():
        return 1
    if unicodedata.category(char) in ("Mn", "Me"):  # it is drawn over the one before it
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1
