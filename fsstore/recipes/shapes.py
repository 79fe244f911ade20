"""What recipes say of a file that a person, or another program, has given a form they do not know."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fsstore.errors import BadValue, NotFound

if TYPE_CHECKING:
    from fsstore.reading import ReadHandle


class Misshapen(Exception):
    """Inside of a recipe: a value that is not what the recipe writes; the message says how it should be."""


def bad_value(space: ReadHandle, key: str, shape: Misshapen, way_out: str) -> BadValue:
    """The error for the key of such a value."""
    try:
        path = space.info(key).path
    except NotFound:  # it is gone meanwhile
        path = ""
    return BadValue(
        f"key {key!r} of namespace {space.name!r} holds what its recipe cannot use: {path}: {shape}. {way_out}",
        namespace=space.name,
        key=key,
        path=path,
        reason=str(shape),
        line=None,
        column=None,
    )
