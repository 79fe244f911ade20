"""A few named facts, one a line, for people. It knows no record."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from fsstore.cli.output import compact, escape, quoted


def lines(facts: Mapping[str, Any], *, values: tuple[str, ...] = ()) -> Iterator[str]:
    """Name and fact in two columns; a text as it is, all else, and the facts called ``values``, as JSON."""
    width = max(map(len, facts))
    for name, fact in facts.items():
        is_text = isinstance(fact, str) and name not in values
        told = quoted(fact) if is_text else escape(compact(fact)) if name in values else quoted(compact(fact))
        yield f"{name.ljust(width)}  {told}"
