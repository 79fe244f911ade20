"""Conditions as SQL over an index: which keys may meet them, at least all that do. It opens no database."""

from __future__ import annotations

from typing import Any, NamedTuple

from fsstore.finding.conditions import Condition
from fsstore.finding.entries import ELEMENT, LIST, LONGEST, MORE, TEXT, entry
from fsstore.finding.paths import Steps
from fsstore.finding.words import Phrase

_MOST = 1_000  # alternatives of one ``in``
_LIMITS = {"gt": ">=", "gte": ">=", "lt": "<=", "lte": "<="}
_END = chr(0x10FFFF)

Part = tuple[str, list[Any]]
"""A condition of SQL with its parameters."""


class Selection(NamedTuple):
    """What is asked of an index."""

    fields: tuple[tuple[int, list[Part]], ...]
    """For each declared path that is asked for, its number and what one entry of it has to be."""
    words: str | None
    """A question to FTS5."""

    @property
    def is_narrow(self) -> bool:
        """Whether it leaves out any key: otherwise an index is of no help."""
        return bool(self.fields) or self.words is not None


def selection(conditions: list[Condition], fields: list[Steps], phrases: list[Phrase] | None) -> Selection:
    """What can be asked of an index with these fields; ``phrases`` if it has the words, too."""
    about: dict[int, list[Part]] = {}
    lists: list[tuple[int, list[Part]]] = []
    for each in conditions:
        if each.steps not in fields:
            continue
        number = fields.index(each.steps)
        if each.op == "contains":
            lists.append((number, [_contains(each.operand)]))
        elif part := _part(each.op, each.operand):
            about.setdefault(number, []).append(part)
    asked = None if phrases is None else " AND ".join(_phrase(phrase) for phrase in phrases)
    return Selection((*about.items(), *lists), asked)


def keys_query(space: int, chosen: Selection, prefix: str, after: str | None, limit: int | None) -> Part:
    """The query for the keys, in order, that start with a prefix and lie past another one."""
    bounds, bound = _bounds(prefix, after)
    parts, parameters = [], []
    for number, of_entry in chosen.fields:
        parts.append(
            f"SELECT key FROM entries_{space} WHERE field = {number} AND "
            + " AND ".join(f"({text})" for text, _ in of_entry)
            + bounds
        )
        parameters += [each for _, given in of_entry for each in given] + bound
    if chosen.words is not None:
        parts.append(
            f"SELECT key FROM rows_{space} WHERE id IN (SELECT rowid FROM words_{space} WHERE words_{space} MATCH ?)"
            + bounds
        )
        parameters += [chosen.words, *bound]
    doubtful = f"SELECT key FROM rows_{space} WHERE doubtful{bounds}"
    query = f"SELECT key FROM ({' INTERSECT '.join(parts)}) UNION {doubtful} ORDER BY key LIMIT ?"
    return query, [*parameters, *bound, -1 if limit is None else limit]


def _bounds(prefix: str, after: str | None) -> Part:
    text, parameters = "", []
    if prefix:
        text += " AND key >= ?"
        parameters.append(prefix)
        if end := _successor(prefix):
            text += " AND key < ?"
            parameters.append(end)
    if after is not None:
        text += " AND key > ?"
        parameters.append(after)
    return text, parameters


def _successor(prefix: str) -> str | None:
    """The first text after all that start with a prefix; ``None`` if there is none."""
    kept = prefix.rstrip(_END)
    if not kept:
        return None
    following = ord(kept[-1]) + 1
    return kept[:-1] + chr(0xE000 if 0xD800 <= following < 0xE000 else following)


def _part(op: str, operand: Any) -> Part | None:
    """What an entry has to be; ``None`` where any may be right, or where there may be none."""
    if op == "eq":
        return _equal(operand)
    if op in _LIMITS:
        kind, value = entry(operand)
        return f"kind = {kind} AND value {_LIMITS[op]} ?", [value]
    if op == "prefix":
        start: bytes = entry(operand)[1]
        end = _bytes_after(start)
        if len(start) >= LONGEST:
            return f"kind = {TEXT} AND value = ?", [start]
        return (f"kind = {TEXT} AND value >= ? AND value < ?", [start, end]) if end else (f"kind = {TEXT}", [])
    if op == "in" and len(operand) <= _MOST:
        return _any_of(operand)
    if op == "exists" and operand:
        return f"kind < {ELEMENT}", []
    return None


def _equal(operand: Any) -> Part:
    kind, value = entry(operand)
    return (f"kind = {kind} AND value = ?", [value]) if kind < LIST else (f"kind = {kind}", [])


def _any_of(operands: list[Any]) -> Part:
    by_kind: dict[int, list[Any]] = {}
    for kind, value in map(entry, operands):
        by_kind.setdefault(kind, []).append(value)
    parts = [f"kind = {kind} AND value IN ({', '.join('?' * len(given))})" for kind, given in by_kind.items()]
    return " OR ".join(f"({part})" for part in parts) or "0", [each for given in by_kind.values() for each in given]


def _contains(operand: Any) -> Part:
    """A list with such an element, or with more than are noted; or a text with such a part, as far as it is noted."""
    kind, value = entry(operand)
    exactly = f"kind = {ELEMENT + kind} AND value = ?" if kind < LIST else f"kind = {ELEMENT + kind} AND ? = 0"
    text = f"({exactly}) OR kind = {MORE}"
    if kind != TEXT:
        return text, [value]
    part = operand.encode("utf-8", "surrogatepass")
    return f"{text} OR (kind = {TEXT} AND (length(value) >= {LONGEST} OR instr(value, ?)))", [value, part]


def _bytes_after(start: bytes) -> bytes | None:
    kept = start.rstrip(b"\xff")
    return kept[:-1] + bytes([kept[-1] + 1]) if kept else None


def _phrase(phrase: Phrase) -> str:
    """In FTS5's language. Words have no quotes in them."""
    return f'"{" ".join(phrase.words)}"' + (" *" if phrase.is_open else "")
