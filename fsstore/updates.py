"""What the atomic updates make of a value: increments, appends, merges, patches. Values only; nothing is stored."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from fsstore import values
from fsstore.errors import Conflict, InvalidValue, UnsupportedType

Change = Callable[[Any], Any]
"""From the value that is there to the new one."""


def adding(by: float) -> Change:
    """Add to a number."""
    _require_number(by, "by")

    def add(value: Any) -> Any:
        _require_number(value, "increment() adds to a number; the value")
        try:
            return value + by
        except OverflowError:
            raise InvalidValue("the value is too large for a fraction to be added", json_path="$") from None

    return add


def appending(item: Any, maxlen: int | None) -> Change:
    """Add an item to a list, and drop the oldest beyond ``maxlen``."""
    if isinstance(maxlen, bool) or not isinstance(maxlen, int | None):
        raise _wrong(maxlen, "maxlen is a number of items; what was given")
    if maxlen is not None and maxlen < 1:
        raise ValueError(f"maxlen={maxlen} leaves no room for the item; None is no limit")

    def append(value: Any) -> Any:
        if not isinstance(value, list):
            raise _wrong(value, "append() adds to a list; the value")
        value.append(item)
        return value if maxlen is None else value[-maxlen:]

    return append


def merging(patch: Mapping[str, Any]) -> Change:
    """JSON Merge Patch (RFC 7386): members replace members, ``None`` removes one, anything but objects is replaced."""
    if not isinstance(patch, Mapping):
        raise _wrong(patch, "merge() takes a dict; what was given")
    named = values.decode(values.encode(dict(patch)))  # members' names are strings, as in what is stored
    return lambda value: _merged(value, named)


def patching(operations: Sequence[Mapping[str, Any]]) -> Change:
    """JSON Patch (RFC 6902)."""
    import jsonpatch
    from jsonpointer import JsonPointerException

    given: Any = operations
    if isinstance(given, str | bytes) or not isinstance(given, Sequence):
        raise _wrong(operations, "patch() takes a list of operations; what was given")
    listed: Any = list(operations)

    def patch(value: Any) -> Any:
        try:
            return jsonpatch.apply_patch(value, listed)
        except jsonpatch.JsonPatchTestFailed as error:
            raise Conflict(
                f"a test of the patch failed: {error}", namespace="", key="", expected=None, actual=None
            ) from None
        except (jsonpatch.JsonPatchException, JsonPointerException, TypeError, KeyError) as error:
            raise InvalidValue(f"the patch cannot be applied: {error}", json_path="$") from None

    return patch


def _merged(value: Any, patch: Any) -> Any:
    if not isinstance(patch, Mapping):
        return patch
    merged = dict(value) if isinstance(value, dict) else {}
    for name, member in patch.items():
        if member is None:
            merged.pop(name, None)
        else:
            merged[name] = _merged(merged.get(name), member)
    return merged


def _require_number(value: Any, what: str) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _wrong(value, what)


def _wrong(value: Any, what: str) -> UnsupportedType:
    kind = type(value).__name__
    return UnsupportedType(f"{what} is of type {kind}", json_path="$", type_name=kind)
