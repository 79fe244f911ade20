"""What an index notes of a value: for each declared path its kind and, where it can be compared, the value.

An index may name too many keys, as each is looked at again, but never too few. So what SQLite could not keep exactly is
kept so that order is not turned round: long text by its beginning, huge integers as floats.
"""

from __future__ import annotations

import math
from typing import Any

from fsstore.ops import MISSING

NULL, BOOLEAN, NUMBER, TEXT, LIST, OBJECT = range(6)
ELEMENT = 16
"""Added to the kind of an element of a list."""
MORE = 32
"""The list has more elements than are noted."""
LONGEST = 200
"""Bytes of text that are noted."""
_MOST = 1000  # elements of a list
_EXACT = 1 << 63

Entry = tuple[int, Any]
"""Kind and value; 0 where the kind has none."""


def entry(value: Any) -> Entry:
    """That of one value, also of one that is asked for."""
    if value is None:
        return NULL, 0
    if isinstance(value, bool):
        return BOOLEAN, int(value)
    if isinstance(value, str):
        return TEXT, value.encode("utf-8", "surrogatepass")[:LONGEST]  # in the order of code points
    if isinstance(value, int | float):
        return NUMBER, _number(value)
    return (LIST, 0) if isinstance(value, list) else (OBJECT, 0)


def entries(value: Any) -> set[Entry]:
    """Those of what lies at a path, or of `MISSING`."""
    if value is MISSING:
        return set()
    found = {entry(value)}
    if isinstance(value, list):
        for each in value[:_MOST]:
            kind, noted = entry(each)
            found.add((ELEMENT + kind, noted))
        if len(value) > _MOST:
            found.add((MORE, 0))
    return found


def _number(value: int | float) -> int | float:  # an int is kept as one
    if -_EXACT <= value < _EXACT:
        return value
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf
