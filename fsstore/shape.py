"""Whether a value is as a JSON Schema (draft 2020-12, unless it names another) wants it. It knows no store.

The work is that of `jsonschema-rs`, which is imported where there is a schema. Nothing is ever fetched: a ``$ref``
may point into the schema itself, and nowhere else.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

from fsstore.alternatives import multiply
from fsstore.errors import InvalidValue, SchemaViolation

if TYPE_CHECKING:
    import jsonschema_rs

_MASK = "\x00"
_SHOWN, _LONGEST = 60, 300
_KEPT = 1000
_PLAIN_MEMBER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")

_compiled: dict[int, tuple[Any, jsonschema_rs.Validator]] = {}
"""By the identity of schemas, which are kept beside, so that no other object has it."""


class Violation(NamedTuple):
    """The first place where a value is not as its schema wants it."""

    json_path: str
    reason: str
    schema_path: str

    def error(self, namespace: str, key: str, happened: str) -> SchemaViolation:
        """The error that tells of it; ``happened`` is what became of the key."""
        return SchemaViolation(
            f"key {key!r} of namespace {namespace!r} {happened}: {self.json_path}: {self.reason} (schema: "
            f"{self.schema_path}). Mend the value; or change the schema: store.schema({namespace!r}, ...).",
            namespace=namespace,
            key=key,
            **self._asdict(),
        )


def violation(schema: Any, value: Any) -> Violation | None:
    """What is wrong with a value; ``None`` if nothing is. Raises `InvalidValue` for a schema that is none."""
    found = _compiled.get(id(schema))
    if found is None:
        if len(_compiled) >= _KEPT:
            _compiled.clear()
        found = _compiled[id(schema)] = schema, _made(schema)
    validator = found[1]
    if validator.is_valid(value):
        return None
    if multiply(schema, value):
        return Violation("$", "it is not as the schema wants it, and there are too many ways to say where", "$")
    error = next(validator.iter_errors(value))
    return Violation(
        json_path(_in(value, error.instance_path)), _reason(error), json_path(_in(schema, error.schema_path))
    )


def _reason(error: jsonschema_rs.ValidationError) -> str:
    """What was expected instead of what, both cut to a length for people."""
    shown = json.dumps(error.instance, ensure_ascii=False, separators=(",", ":"), default=str)
    shown = shown if len(shown) <= _SHOWN else f"{shown[: _SHOWN - 1]}…"
    reason = error.message.replace(_MASK, shown)
    return reason if len(reason) <= _LONGEST else f"{reason[: _LONGEST - 1]}…"


def require_schema(schema: Any) -> None:
    """Raise `InvalidValue`, with the place, for what is no JSON Schema, or has a ``$ref`` that leads elsewhere."""
    _made(schema)


def json_path(parts: Sequence[str | int]) -> str:
    """A place in a value, as messages name it: ``$.items[3].when``."""
    path = "$"
    for part in parts:
        if isinstance(part, int):
            path += f"[{part}]"
        else:
            path += f".{part}" if _PLAIN_MEMBER.match(part) else f"[{json.dumps(part, ensure_ascii=False)}]"
    return path


def _in(value: Any, parts: Sequence[str | int]) -> list[str | int]:
    """The same place; the library takes the name of a member that is a number for an index."""
    place: list[str | int] = []
    for part in parts:
        name = str(part) if isinstance(value, dict) else part
        place.append(name)
        try:
            value = value[name]
        except (LookupError, TypeError):  # behind a ``$ref``
            value = None
    return place


def _made(schema: Any) -> jsonschema_rs.Validator:
    import jsonschema_rs

    if not isinstance(schema, dict | bool):
        what = type(schema).__name__
        raise InvalidValue(f"this is no JSON Schema: $: a dict is wanted, or True or False; not {what}", json_path="$")
    try:
        return jsonschema_rs.validator_for(schema, validate_formats=True, retriever=_refuse, mask=_MASK)
    except jsonschema_rs.ValidationError as error:
        place, reason = json_path(_in(schema, error.instance_path)), _reason(error)
    except ValueError as error:
        place, reason = "$", str(error).partition("\n")[0][:_LONGEST]
    raise InvalidValue(f"this is no JSON Schema: {place}: {reason}", json_path=place)


def _refuse(uri: str) -> NoReturn:
    """Instead of fetching what a ``$ref`` names."""
    raise ValueError(f"{uri} is not in the schema, and nothing is fetched; put it under $defs")
