r"""Places in a value, written as ``a.b``: the member ``b`` of the member ``a``. It compares nothing.

In a list, a step of digits is an index (``tags.0``). A backslash takes away the meaning of the next character:
``a\.b`` is the one member ``a.b``. The empty path is the value itself.
"""

from __future__ import annotations

import functools
from typing import Any

from fsstore.errors import InvalidValue, UnsupportedType
from fsstore.ops import MISSING

Steps = tuple[str, ...]


@functools.lru_cache(1024)
def parse(path: str) -> Steps:
    """The steps of a path. Raises `InvalidValue` for a backslash at its end."""
    if not path:
        return ()
    steps = [""]
    characters = iter(path)
    for character in characters:
        if character == ".":
            steps.append("")
            continue
        if character == "\\":
            character = next(characters, "")
            if not character:
                raise InvalidValue(f"the path {path!r} ends with a backslash; write \\\\ for one", json_path=path)
        steps[-1] += character
    return tuple(steps)


def require(path: Any) -> str:
    """The path. Raises `InvalidValue` or `UnsupportedType` for what is none."""
    if not isinstance(path, str):
        what = type(path).__name__
        raise UnsupportedType(f"a path is a str such as 'a.b', not {what}", json_path="$", type_name=what)
    parse(path)
    return path


def look_up(value: Any, steps: Steps) -> Any:
    """What lies there, or `MISSING`."""
    for step in steps:
        if isinstance(value, dict):
            value = value.get(step, MISSING)
        elif (
            isinstance(value, list) and step.isascii() and step.isdigit() and len(step) < 10 and int(step) < len(value)
        ):
            value = value[int(step)]
        else:
            return MISSING
    return value
