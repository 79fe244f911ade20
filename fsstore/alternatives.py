"""Whether a JSON Schema's alternatives multiply so that telling what is wrong with a value would take for ever.

Whether a value is valid is known at once; but who asks what is wrong with it gets an error for each way through the
schema, and ``anyOf`` within ``anyOf`` doubles them. It knows the keywords that lead elsewhere, and checks nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

_REPEATED, _PAIRS = 2_000, 100_000
"""Visits of a part of the value with a part of the schema that had met before, and parts that meet at all."""
_EACH = ("allOf", "anyOf", "oneOf")
_ONE = ("not", "if", "then", "else")
_ITEMS = ("items", "contains", "additionalItems", "unevaluatedItems")
_MEMBERS = ("additionalProperties", "unevaluatedProperties")


def multiply(schema: Any, value: Any) -> bool:
    """Whether parts of the value meet the same parts of the schema again and again, in more than 2,000 ways.

    Looks at 100,000 meetings at most, which only large values have.
    """
    seen: set[tuple[int, int]] = set()
    places: dict[tuple[int, str | int], int] = {}
    """Numbers of the parts of the value; their identities would not do, as small ones are shared."""
    repeated = 0
    left = [(schema, value, 0)]
    while left and len(seen) < _PAIRS:
        at, part, place = left.pop()
        if not isinstance(at, dict):
            continue
        pair = id(at), place
        if pair in seen:
            repeated += 1
            if repeated > _REPEATED:
                return True
        seen.add(pair)
        left.extend((each, part, place) for each in _here(at, schema))
        left.extend(
            (each, item, places.setdefault((place, name), len(places) + 1)) for each, name, item in _in(at, part)
        )
    return False


def _here(at: dict[str, Any], schema: Any) -> Iterator[Any]:
    """The parts of the schema that are held against the same part of the value."""
    for name in _EACH:
        yield from _list(at.get(name))
    yield from (at[name] for name in _ONE if name in at)
    yield from _dict(at.get("dependentSchemas")).values()
    yield from (_referred(schema, at[name]) for name in ("$ref", "$dynamicRef", "$recursiveRef") if name in at)


def _in(at: dict[str, Any], part: Any) -> Iterator[tuple[Any, str | int, Any]]:
    """Those that are held against what is in it, with its names or numbers."""
    if isinstance(part, dict):
        properties = _dict(at.get("properties"))
        yield from ((properties[name], name, item) for name, item in part.items() if name in properties)
        others = [*_dict(at.get("patternProperties")).values(), *(at[name] for name in _MEMBERS if name in at)]
        yield from ((other, name, item) for other in others for name, item in part.items())
    elif isinstance(part, list):
        yield from (
            (each, number, item)
            for number, (each, item) in enumerate(zip(_list(at.get("prefixItems")), part, strict=False))
        )
        for name in _ITEMS:
            if isinstance(at.get(name), dict):
                yield from ((at[name], number, item) for number, item in enumerate(part))


def _referred(schema: Any, name: Any) -> Any:
    """What a pointer into the schema leads to; all of it for what is no pointer."""
    if not isinstance(name, str) or not name.startswith("#/"):
        return schema
    found = schema
    for step in name[2:].split("/"):
        found = _dict(found).get(step.replace("~1", "/").replace("~0", "~"))
    return found


def _list(found: Any) -> list[Any]:
    return found if isinstance(found, list) else []


def _dict(found: Any) -> dict[str, Any]:
    return found if isinstance(found, dict) else {}
