"""Values and their bytes: what a JSON file of the store holds, and nothing about where it lies.

``encode`` and ``decode`` are inverse: what cannot be given back exactly as it was is refused. The work is
orjson's; what orjson would change silently (NaN, enums, UUIDs, integers over 64 bits, duplicate members)
is found by checks that cost less than the parse.
"""

from __future__ import annotations

import itertools
import json
import marshal
import math
import re
from collections.abc import Callable
from enum import Enum
from typing import Any

import orjson

from fsstore.errors import InvalidValue, UnsupportedType

MAX_DEPTH = 254
"""Deepest nesting of arrays and objects: what orjson can write."""

_FORM = (
    orjson.OPT_INDENT_2
    | orjson.OPT_APPEND_NEWLINE
    | orjson.OPT_PASSTHROUGH_SUBCLASS
    | orjson.OPT_PASSTHROUGH_DATETIME
    | orjson.OPT_PASSTHROUGH_DATACLASS
)
_loads, _dumps = orjson.loads, orjson.dumps
_BOM = b"\xef\xbb\xbf"
_CONFLICT = rb"(?m)^<{7} "
_PLAIN_MEMBER = r"[A-Za-z_][A-Za-z0-9_]*\Z"
_NUMBER = r"-?[0-9.eE+-]*"
_LEXEME = r'"(?:[^"\\]|\\.)*"|[{}\[\]:,]|[^\s{}\[\]:,"]+'
_WAYS_OUT = {
    "bytes": "store base64.b64encode(data).decode(), or a path to the file",
    "bytearray": "store base64.b64encode(data).decode(), or a path to the file",
    "memoryview": "store base64.b64encode(data).decode(), or a path to the file",
    "set": "store sorted(value), or list(value)",
    "frozenset": "store sorted(value), or list(value)",
    "datetime": "store value.isoformat()",
    "date": "store value.isoformat()",
    "time": "store value.isoformat()",
    "UUID": "store str(value)",
    "Decimal": "store str(value)",
    "complex": "store [value.real, value.imag]",
    "PosixPath": "store str(value)",
    "PurePosixPath": "store str(value)",
}


class Malformed(ValueError):
    """Bytes that are no JSON value of the store; ``line`` and ``column`` count from 1."""

    def __init__(self, reason: str, line: int | None = None, column: int | None = None) -> None:
        super().__init__(reason)
        self.reason, self.line, self.column = reason, line, column


def encode(value: Any) -> bytes:
    """The bytes of a value: UTF-8, two-space indent, members in insertion order, one final newline.

    Tuples become arrays, and subclasses of the built-in types the built-in. Raises `UnsupportedType` or
    `InvalidValue` with the JSON path of the first offender.
    """
    try:
        raw = _dumps(value, None, _FORM)
        exact = marshal.dumps(value)  # refuses all but exact built-in types; orjson alone makes a UUID a str
        # NaN and infinity leave orjson as null; as doubles they end in one of these two bytes.
        if b"null" not in raw or not (b"\x7f" in exact or b"\xff" in exact) or orjson.loads(raw) == value:
            return raw
    except (TypeError, ValueError):
        pass
    plain = _plain(value, "$", 0)
    try:
        return orjson.dumps(plain, None, _FORM)
    except TypeError:  # integers beyond 64 bits
        return _dump_with_standard_library(plain)


def decode(raw: bytes) -> Any:
    """The value of a file's bytes, also where a person wrote them. Raises `Malformed`."""
    try:
        value = _loads(raw)
        if _dumps(value, None, _FORM) == raw:
            return value  # written so by `encode`: then the bytes have this one meaning
    except orjson.JSONDecodeError as error:
        return _decode_odd(raw, error)
    except TypeError:  # nested too deeply
        pass
    return _decode_strictly(raw)


def same(stored: bytes, raw: bytes) -> bool:
    """Whether stored bytes hold the value that ``raw`` is the encoding of, whatever their formatting."""
    if stored == raw:
        return True
    try:
        if _dumps(_loads(stored), None, _FORM) == stored:
            return False  # in our own form equal values are equal bytes
    except (orjson.JSONDecodeError, TypeError):
        pass
    try:
        return encode(decode(stored)) == raw
    except Malformed:
        return False


def brief(value: Any, limit: int) -> str:
    """A value as compact JSON, for people: cut to ``limit`` characters."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return text if len(text) <= limit else text[: limit - 1] + "…"


def _plain(value: Any, path: str, depth: int) -> Any:
    """The value in exact built-in types. The slow way: taken when the fast one met something odd."""
    if depth >= MAX_DEPTH and isinstance(value, dict | list | tuple):
        raise InvalidValue(
            f"{path[:80]}...: nested deeper than {MAX_DEPTH} levels. Store the parts under keys of their own.",
            json_path=path,
        )
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, Enum):
        raise _unsupported(value, path, "store value.value or value.name")
    for kind, plain in _SCALARS:
        if isinstance(value, kind):
            return plain(value, path)
    if isinstance(value, dict):
        return _plain_object(value, path, depth)
    if isinstance(value, list | tuple):
        return [_plain(item, f"{path}[{index}]", depth + 1) for index, item in enumerate(value)]
    raise _unsupported(value, path, _WAYS_OUT.get(type(value).__name__))


def _plain_str(value: str, path: str) -> str:
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise InvalidValue(
            f"{path}: a lone surrogate at position {error.start} has no UTF-8 form. "
            f"Decode the text it came from with errors='replace'.",
            json_path=path,
        ) from None
    return str.__str__(value)


def _plain_float(value: float, path: str) -> float:
    if not math.isfinite(value):
        raise InvalidValue(f"{path}: {float(value)} has no JSON form. Store None, or a string.", json_path=path)
    return float(value)


def _plain_int(value: int, path: str) -> int:
    number = int(value)
    try:
        str(number)
    except ValueError as error:
        raise InvalidValue(f"{path}: {error}. Store hex(value).", json_path=path) from None
    return number


_SCALARS: tuple[tuple[type, Callable[[Any, str], Any]], ...] = (
    (str, _plain_str),
    (int, _plain_int),
    (float, _plain_float),
)


def _plain_object(value: dict[Any, Any], path: str, depth: int) -> dict[str, Any]:
    out: dict[str, Any] = {}
    for member, item in value.items():
        name = _member_name(member, path)
        where = f"{path}.{name}" if re.match(_PLAIN_MEMBER, name) else f"{path}[{json.dumps(name)}]"
        if name in out:
            raise InvalidValue(f"{where}: two members become the same name, {name!r}.", json_path=where)
        out[name] = _plain(item, where, depth + 1)
    return out


def _member_name(member: Any, path: str) -> str:
    """A member's name as the standard library's json would write it."""
    plain = _plain(member, f"{path}.<name>", 0) if isinstance(member, str | int | float | None) else member
    if plain is None or isinstance(plain, bool):
        return {None: "null", True: "true", False: "false"}[plain]
    if isinstance(plain, str):
        return plain
    if isinstance(plain, int | float):
        return repr(plain)
    raise _unsupported(member, f"{path}.<name>", "use a str as the member's name")


def _unsupported(value: Any, path: str, way_out: str | None) -> UnsupportedType:
    name = type(value).__name__
    if hasattr(type(value), "__dataclass_fields__"):
        way_out = "store dataclasses.asdict(value)"
    way_out = way_out or "store the parts it is made of, as dict, list, str, int, float, bool or None"
    return UnsupportedType(f"{path}: {name} is no JSON type; {way_out}.", json_path=path, type_name=name)


def _dump_with_standard_library(value: Any) -> bytes:
    return (json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode()


def _decode_strictly(raw: bytes) -> Any:
    """Parse with the standard library, which keeps integers of any size and lets duplicate members be seen."""
    text = raw.decode()

    def members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        out = dict(pairs)
        if len(out) != len(pairs):
            raise _duplicate_member(text)
        return out

    try:
        value = json.loads(text, object_pairs_hook=members)
        encode(value)
    except (RecursionError, InvalidValue):
        raise Malformed(f"nested deeper than {MAX_DEPTH} levels, or a number out of range") from None
    except json.JSONDecodeError as error:
        raise Malformed(error.msg, error.lineno, error.colno) from None
    except ValueError as error:
        raise error if isinstance(error, Malformed) else Malformed(str(error)) from None
    return value


def _decode_odd(raw: bytes, error: orjson.JSONDecodeError) -> Any:
    """Parse what orjson refuses and we do not: a byte order mark, integers that to orjson are infinity."""
    if raw.startswith(_BOM):
        raw = raw[len(_BOM) :]
        try:
            orjson.loads(raw)
        except orjson.JSONDecodeError as second:
            error = second
        else:
            return _decode_strictly(raw)
    if _is_huge_integer(raw, error.pos):
        return _decode_strictly(raw)
    raise _malformed(raw, error) from None


def _is_huge_integer(raw: bytes, position: int) -> bool:
    number = re.match(_NUMBER, raw.decode(errors="replace")[position:])
    return number is not None and len(number[0]) > 308 and number[0].removeprefix("-").isdecimal()


def _malformed(raw: bytes, error: orjson.JSONDecodeError) -> Malformed:
    """What is wrong with these bytes, and where, in words for the person who edited them."""
    if not raw.strip():
        return Malformed("the file is empty")
    if conflict := re.search(_CONFLICT, raw):
        return Malformed("git conflict markers", *_position(raw[: conflict.start()].decode(errors="replace")))
    try:
        text = raw.decode()
    except UnicodeDecodeError as bad:
        return Malformed(f"invalid UTF-8 ({bad.reason})", *_position(raw[: bad.start].decode(errors="replace")))
    before = text[: error.pos]
    if not text[error.pos :].strip():
        return Malformed("the file ends in the middle of a value", *_position(before))
    reason = str(error).split(": line ")[0]
    return Malformed(reason, *_position(before))


def _duplicate_member(text: str) -> Malformed:
    """Find the second of two members of one name: a walk over the tokens of valid JSON."""
    objects: list[set[str] | None] = []
    tokens = list(re.finditer(_LEXEME, text))
    for token, following in itertools.pairwise(tokens):
        word = token[0]
        if word in "{[":
            objects.append(set() if word == "{" else None)
        elif word in "}]":
            objects.pop()
        elif word[0] == '"' and following[0] == ":":
            names = objects[-1]
            name = json.loads(word)
            if names is not None and name in names:
                return Malformed(f"two members named {name!r}", *_position(text[: token.start()]))
            if names is not None:
                names.add(name)
    return Malformed("two members of one name")


def _position(before: str) -> tuple[int, int]:
    line = before.count("\n") + 1
    return line, len(before) - (before.rfind("\n") + 1) + 1
