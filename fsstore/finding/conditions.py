"""What a value must be to be found: ``{"a.b": {"gte": 3}}`` as a function of a value. It knows no index.

Types are strictly apart: ``1``, ``"1"`` and ``true`` are three values, and only numbers are greater than numbers, only
text than text (by code point). Where a condition is about a member that is not there it is false, but for ``ne`` and
``exists: false``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from fsstore import values
from fsstore.errors import InvalidValue, UnsupportedType
from fsstore.finding import paths
from fsstore.ops import MISSING


class Condition(NamedTuple):
    """One demand on what lies at a path."""

    path: str
    steps: paths.Steps
    op: str
    operand: Any
    """A JSON value."""

    def holds(self, value: Any) -> bool:
        """Whether a whole value meets it."""
        return OPERATORS[self.op](paths.look_up(value, self.steps), self.operand)


def parse(where: Any) -> list[Condition]:
    """The conditions, all of which have to be met.

    Raises `InvalidValue` for an unknown operator or an operand it cannot have, `UnsupportedType` for what is no JSON.
    """
    if where is None:
        return []
    if not isinstance(where, Mapping):
        what = type(where).__name__
        raise UnsupportedType(f'where is a dict such as {{"a.b": 3}}, not {what}', json_path="$", type_name=what)
    found = []
    for path, wanted in where.items():
        steps = paths.parse(paths.require(path))
        if not isinstance(wanted, Mapping):
            found.append(Condition(path, steps, "eq", _operand(path, "eq", wanted)))
            continue
        if not wanted:
            raise _wrong(path, "no operator", 'an empty object is {"eq": {}}')
        for op, operand in wanted.items():
            if op not in OPERATORS:
                raise _wrong(
                    path,
                    f"{op!r} is no operator",
                    f'there are {", ".join(OPERATORS)}; a whole object is compared with {{"eq": {{...}}}}',
                )
            found.append(Condition(path, steps, op, _operand(path, op, operand)))
    return found


def _operand(path: str, op: str, operand: Any) -> Any:
    """The operand as JSON gives it back, once it is one that the operator can have."""
    if op == "in" and isinstance(operand, set | frozenset):
        operand = list(operand)
    try:
        plain = values.decode(values.encode(operand))
    except (UnsupportedType, InvalidValue) as error:
        raise type(error)(f"where[{path!r}], {op}: {error}", **error.__dict__) from None
    wanted = _WANTED.get(op)
    if wanted and (not isinstance(plain, wanted[0]) or (isinstance(plain, bool) and bool not in wanted[0])):
        raise _wrong(path, f"{op} cannot have {values.brief(plain, 40)}", f"it takes {wanted[1]}")
    return plain


_ORDERED: tuple[type, ...] = (int, float, str)
_WANTED: dict[str, tuple[tuple[type, ...], str]] = {
    **dict.fromkeys(("gt", "gte", "lt", "lte"), (_ORDERED, "a number or text")),
    "in": ((list,), "a list"),
    "exists": ((bool,), "true or false"),
    "prefix": ((str,), "text"),
}


def _wrong(path: str, what: str, way_out: str) -> InvalidValue:
    return InvalidValue(f"where[{path!r}]: {what}; {way_out}", json_path=path)


def same(a: Any, b: Any) -> bool:
    """Whether two JSON values are equal, with their types: ``1`` is ``1.0``, and neither ``true`` nor ``"1"``."""
    if isinstance(a, bool) or isinstance(b, bool) or a is None or b is None or a is MISSING:
        return a is b
    if isinstance(a, int | float):
        return isinstance(b, int | float) and a == b
    if isinstance(a, list):
        return isinstance(b, list) and len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, dict):
        return isinstance(b, dict) and a.keys() == b.keys() and all(same(a[name], b[name]) for name in a)
    return isinstance(a, str) and isinstance(b, str) and a == b


def is_number(value: Any) -> bool:
    """Whether it is one; a boolean is none."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def _comparable(a: Any, b: Any) -> bool:
    return (is_number(a) and is_number(b)) or (isinstance(a, str) and isinstance(b, str))


def _contains(value: Any, operand: Any) -> bool:
    """A list has it as an element, or a text in it."""
    if isinstance(value, list):
        return any(same(each, operand) for each in value)
    return isinstance(value, str) and isinstance(operand, str) and operand in value


OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "eq": same,
    "ne": lambda value, operand: not same(value, operand),
    "gt": lambda value, operand: _comparable(value, operand) and value > operand,
    "gte": lambda value, operand: _comparable(value, operand) and value >= operand,
    "lt": lambda value, operand: _comparable(value, operand) and value < operand,
    "lte": lambda value, operand: _comparable(value, operand) and value <= operand,
    "in": lambda value, operand: any(same(value, each) for each in operand),
    "contains": _contains,
    "prefix": lambda value, operand: isinstance(value, str) and value.startswith(operand),
    "exists": lambda value, operand: (value is not MISSING) is operand,
}
"""By name; each takes what lies at the path, or `MISSING`, and the operand."""
