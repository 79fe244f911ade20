"""How the line of an import goes with what the store has there. It reads nothing, and writes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fsstore import values
from fsstore.engine import Stored
from fsstore.engines.files.rules import parse_rules
from fsstore.errors import Conflict, InvalidValue, StoreError
from fsstore.moving.lines import Entry
from fsstore.ops import Expect, Put
from fsstore.records import timestamp
from fsstore.revisions import revision as revision_of
from fsstore.values import Malformed


def put(namespace: str, entry: Entry, stored: Stored | StoreError | None, *, last: bool) -> Put:
    """The op that makes a key what the line says: the bytes, this metadata and no other, this end and no other."""
    expect: Expect | str = Expect.ABSENT if stored is None else Expect.ANYTHING
    anew = False
    if isinstance(stored, Stored):
        expect = revision_of(stored.raw)
        anew = list({**stored.metadata, **entry.metadata}) != list(entry.metadata)
    elif stored is not None:  # it cannot be read, nor can what is to be merged
        anew = True
    if last:
        expect = Expect.ANYTHING
    return Put(
        namespace,
        entry.key,
        entry.raw,
        entry.metadata or None,
        expect,
        anew=anew,
        exact=True,
        expires=entry.expires,
    )


def is_same(stored: Stored, entry: Entry) -> bool:
    """Whether a key is what the line says, to the byte, with metadata and end."""
    return (
        stored.raw == entry.raw
        and values.encode(stored.metadata) == values.encode(entry.metadata)
        and _said(stored.expires) == _said(entry.expires)
    )


def _said(end: float | None) -> str | None:
    return None if end is None else timestamp(end)


def is_there(namespace: str, key: str) -> Conflict:
    """The error for a key that is there and is not the same."""
    return Conflict(
        f'key {key!r} of namespace {namespace!r} exists already, and is not the same: "overwrite" replaces it, '
        f'"skip" leaves it.',
        namespace=namespace,
        key=key,
        expected=None,
        actual=None,
    )


def has_rules(namespace: str, names: Sequence[str]) -> Conflict:
    """The error for rules that are there and are not the same."""
    return Conflict(
        f'namespace {namespace!r} has rules of its own ({", ".join(names)}): "overwrite" replaces them, '
        f'"skip" leaves them.',
        namespace=namespace,
        key="",
        expected=None,
        actual=None,
    )


def require_sense(namespace: str, members: dict[str, Any]) -> None:
    """Raise `InvalidValue` for what could not be read again as rules: nobody could write into the namespace."""
    try:
        parse_rules(values.encode({name: rule for name, rule in members.items() if rule is not None}))
    except Malformed as error:
        raise InvalidValue(
            f"the rules of namespace {namespace!r} would make no sense: {error.reason}.", json_path="$"
        ) from None
