"""The lines of an export: one JSON object for each key, its file to the byte. It knows no store and no file.

A line is ``{"namespace", "key", "value", "metadata"?, "expires"?}``. Where the file is not what `fsstore.values.encode`
makes of the value, ``raw`` is its text; where it is no JSON, ``raw`` stands alone; where it is no text either,
``base64`` does. ``{"namespace", "rules"}`` says what holds for all keys of a namespace; the first line says of what
it is an export, the last one, ``{"end": {"keys"}}``, that it is whole. Each is written in one way, so equal stores give
equal bytes.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from typing import Any, NamedTuple

import orjson

from fsstore import values
from fsstore.engine import Stored
from fsstore.errors import StoreError
from fsstore.keys import path_of
from fsstore.ops import MISSING
from fsstore.records import seconds_of, timestamp
from fsstore.values import Malformed

VERSION = 1
_CONTENT = ("value", "raw", "base64")
_MEMBERS = frozenset(("namespace", "key", "metadata", "expires", *_CONTENT))


class Header(NamedTuple):
    """The first line: which keys of a store the others are."""

    namespace: str | None = None
    """``None``: of all namespaces."""
    prefix: str | None = None


class Entry(NamedTuple):
    """A line of one key."""

    namespace: str | None
    """``None``: whoever reads it knows."""
    key: str
    raw: bytes
    """The content of its file."""
    metadata: dict[str, Any]
    expires: float | None
    """When the key ends by itself, in seconds since the epoch."""


class Ruling(NamedTuple):
    """A line of what holds for all keys of a namespace."""

    namespace: str | None
    rules: dict[str, Any]


class End(NamedTuple):
    """The last line: without it the export was cut off."""

    keys: int
    """How many lines of keys there are since the first line."""


Line = Header | Entry | Ruling | End


def header_line(header: Header) -> bytes:
    """The first line of an export."""
    said = {"fsstore": "export", "version": VERSION, "namespace": header.namespace, "prefix": header.prefix}
    return orjson.dumps({name: value for name, value in said.items() if value is not None}) + b"\n"


def key_line(namespace: str, key: str, stored: Stored) -> bytes:
    """The line of a key."""
    parts = [b'{"namespace":', orjson.dumps(namespace), b',"key":', orjson.dumps(key)]
    if stored.value is not MISSING:
        parts += [b',"value":', _compact(stored.value)]
    if stored.value is MISSING or values.encode(stored.value) != stored.raw:
        parts.append(_exactly(stored.raw))
    if stored.metadata:
        parts += [b',"metadata":', _compact(stored.metadata)]
    if stored.expires is not None:
        parts += [b',"expires":', orjson.dumps(timestamp(stored.expires))]
    return b"".join([*parts, b"}\n"])


def rules_line(namespace: str, rules: Mapping[str, Any]) -> bytes:
    """The line of a namespace's rules. That its keys may end by themselves is said by those that do."""
    said = {name: rules[name] for name in sorted(rules) if name != "expires"}
    return b"".join([b'{"namespace":', orjson.dumps(namespace), b',"rules":', _compact(said), b"}\n"]) if said else b""


def end_line(keys: int) -> bytes:
    """The last line of an export."""
    return orjson.dumps({"end": {"keys": keys}}) + b"\n"


def read_line(raw: bytes) -> Line:
    """What a line says, also one that a person or another program wrote. Raises `Malformed`, with the column."""
    found = _parsed(raw)
    if not isinstance(found, dict):
        raise Malformed("it is no JSON object")
    if "fsstore" in found:
        return _header(found)
    if "end" in found:
        return _end_of_export(found)
    namespace = found.get("namespace")
    if namespace is not None:
        _require(namespace, str, "namespace")
    if "rules" in found:
        _require_no_others(found, frozenset(("namespace", "rules")))
        return Ruling(namespace, _require(found["rules"], dict, "rules"))
    _require_no_others(found, _MEMBERS)
    if "key" not in found:
        raise Malformed('it has no "key"')
    key = _require(found["key"], str, "key")
    metadata = _require(found.get("metadata", {}), dict, "metadata")
    try:
        path_of("default" if namespace is None else namespace, key)
        values.encode(metadata)
        return Entry(namespace, key, _content(found), metadata, _end(found.get("expires")))
    except StoreError as error:
        raise Malformed(str(error).rstrip(".")) from None


def _header(found: dict[str, Any]) -> Header:
    version = found.get("version")
    if found["fsstore"] != "export" or type(version) is not int or version < 1:
        raise Malformed(f'it is no first line of an export: {{"fsstore": "export", "version": {VERSION}}}')
    if version > VERSION:
        raise Malformed(f"it is not of version {VERSION} of an export, but of a newer one; a newer fsstore reads it")
    return Header(found.get("namespace"), found.get("prefix"))


def _end_of_export(found: dict[str, Any]) -> End:
    said = found["end"]
    keys = said.get("keys") if isinstance(said, dict) else None
    if len(found) > 1 or type(keys) is not int:
        raise Malformed('it is no last line of an export: {"end": {"keys": 3}}')
    return End(keys)


def _content(found: dict[str, Any]) -> bytes:
    """The bytes of the key's file."""
    given = [name for name in _CONTENT if name in found]
    if given not in (["value"], ["value", "raw"], ["raw"], ["base64"]):
        raise Malformed('it needs a "value", or else "raw" (the text of the file), or "base64"')
    if "base64" in found:
        try:
            return base64.b64decode(_require(found["base64"], str, "base64"), validate=True)
        except (binascii.Error, ValueError):
            raise Malformed('"base64" is none') from None
    raw = _bytes_of(_require(found["raw"], str, "raw")) if "raw" in found else None
    own = values.encode(found["value"]) if "value" in found else None
    if raw is not None and own is not None and not _says(raw, own):
        raise Malformed('"value" and "raw" say different things; if the value is right, take "raw" away')
    return raw if raw is not None else own or b""


def _bytes_of(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise Malformed(f'"raw" holds a lone surrogate at position {error.start}; it has no UTF-8 form') from None


def _says(raw: bytes, own: bytes) -> bool:
    try:
        return values.encode(values.decode(raw)) == own
    except Malformed:
        return False


def _end(found: Any) -> float | None:
    if found is None:
        return None
    said = _require(found, str, "expires")
    try:
        return seconds_of(said)
    except (ValueError, OverflowError):
        raise Malformed('"expires" should read like "2030-01-31T12:00:00+00:00"') from None


def _require(found: Any, kind: type[str] | type[dict[str, Any]], name: str) -> Any:
    if not isinstance(found, kind):
        what = "a string" if kind is str else "an object"
        raise Malformed(f'"{name}" is {what}; not {values.brief(found, 40)}')
    return found


def _require_no_others(found: dict[str, Any], known: frozenset[str]) -> None:
    for name in found:
        if name not in known:
            raise Malformed(f"it has a member {name!r}, which says nothing here; {', '.join(sorted(known))} do")


def _exactly(raw: bytes) -> bytes:
    try:
        return b',"raw":' + orjson.dumps(raw.decode())
    except UnicodeDecodeError:
        return b',"base64":"' + base64.b64encode(raw) + b'"'


def _compact(value: Any) -> bytes:
    try:
        return orjson.dumps(value)
    except TypeError:  # integers beyond 64 bits
        return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def _parsed(raw: bytes) -> Any:
    """The JSON value of a line; an object in an object deeper than values may be is for others to refuse."""
    try:
        found = orjson.loads(raw)
        if orjson.dumps(found) == raw.strip():
            return found  # written so by us: then the bytes have this one meaning
    except (orjson.JSONDecodeError, TypeError):
        pass
    try:
        text = raw.decode()
    except UnicodeDecodeError as error:
        column = len(raw[: error.start].decode()) + 1
        raise Malformed(f"invalid UTF-8 ({error.reason})", 1, column) from None
    try:
        return json.loads(text, object_pairs_hook=_members, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        reason = error.msg if text[error.pos :].strip() else "the line ends in the middle of a value"
        raise Malformed(reason, 1, error.colno) from None
    except RecursionError:
        raise Malformed(f"nested deeper than {values.MAX_DEPTH} levels") from None
    except ValueError as error:
        raise error if isinstance(error, Malformed) else Malformed(str(error)) from None


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    out = dict(pairs)
    if len(out) != len(pairs):
        names = [name for name, _ in pairs]
        raise Malformed(f"two members named {next(name for name in names if names.count(name) > 1)!r}")
    return out


def _no_constant(name: str) -> Any:
    raise Malformed(f"{name} has no JSON form")
