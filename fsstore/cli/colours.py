"""Colours for a terminal: which ones there are, and whether they are wanted. It knows no words that wear them."""

from __future__ import annotations

from collections.abc import Mapping

COMMIT, ADDED, REMOVED, CHANGED, INVALID, PLACE, FAINT = "33", "32", "31", "1", "35", "36", "2"


def wanted(environment: Mapping[str, str]) -> bool:
    """Does who reads a terminal want colours there, and can it show them?"""
    return not environment.get("NO_COLOR") and environment.get("TERM", "dumb") != "dumb"


def paint(text: str, colour: str) -> str:
    """The text in a colour. It should hold no control characters of its own."""
    return f"\x1b[{colour}m{text}\x1b[m" if text else ""
