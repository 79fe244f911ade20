"""Values that prove themselves: a checksum, whose they are, and a number that only grows for one key. No files."""

from __future__ import annotations

import json
import random
import zlib
from typing import Any

_POOL = "".join(random.Random(5).choices("abcdef0123456789", k=200_000))


def checked(key: str, number: int, by: str | None, size: int = 50, batch: str | None = None) -> dict[str, Any]:
    """A value of a key with ``size`` characters of padding, by this agent, or by a person (``None``).

    ``batch`` is the same for all that one call writes.
    """
    at = (number * 7919 + size) % (len(_POOL) - size)
    value = {"key": key, "number": number, "by": by, "batch": batch, "padding": _POOL[at : at + size]}
    return {**value, "sum": _sum(value)}


def is_whole(value: Any) -> bool:
    """Whether it is what somebody wrote, and no mixture of two."""
    return isinstance(value, dict) and value.get("sum") == _sum(value)


def text_of(value: dict[str, Any], size: int = 0) -> bytes:
    """One line of JSON, filled up with blanks to so many bytes."""
    return json.dumps(value).ljust(size - 1).encode() + b"\n"


def _sum(value: dict[str, Any]) -> int:
    return zlib.crc32("|".join(str(value.get(name)) for name in ("key", "number", "by", "batch", "padding")).encode())
