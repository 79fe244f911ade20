"""Searching the values of one namespace: with its index where that helps, else by reading all. The same answers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from fsstore.engine import Engine
from fsstore.errors import BadValue, StoreError
from fsstore.finding import conditions, words
from fsstore.finding.candidates import Candidates
from fsstore.finding.declaring import Declared, declared
from fsstore.finding.results import Found, Hit
from fsstore.finding.selecting import selection

_FIRST, _SPARE, _GROWTH = 2, 100, 8
_MANY = 10_000
_PIECE = 200

Stream = Iterator[tuple[str, Any]]


def find(
    engine: Engine,
    namespace: str,
    where: Any,
    *,
    text: str | None,
    prefix: str,
    limit: int | None,
    after: str | None,
    verify: bool,
) -> Found[Hit]:
    """The keys whose values meet all conditions; see the verb."""
    require_limit(limit)
    wanted = conditions.parse(where)
    phrases = None if text is None else words.parse(text)
    known = _known(engine, namespace, is_text=phrases is not None)
    places = known.text_steps()

    def matches(value: Any) -> bool:
        if not all(each.holds(value) for each in wanted):
            return False
        return phrases is None or words.occur(phrases, words.passages(value, places))

    chosen = selection(wanted, known.field_steps(), phrases if places else None)
    traces = engine.traces(namespace) if chosen.is_narrow else None
    source = _Source(engine, namespace, prefix, after)
    if traces is None:
        return _collected(source, source.scanned(after), matches, limit)
    candidates = Candidates(engine, namespace, known, traces)

    def ask(start: str | None, size: int | None) -> list[str] | None:
        return candidates.keys(chosen, prefix, start, size, verify=verify and start == after)

    return _collected(source, source.chosen(ask, limit), matches, limit)


def _known(engine: Engine, namespace: str, *, is_text: bool) -> Declared:
    """What is declared. Rules that make no sense say of no index; but not where text is to be looked for."""
    try:
        return declared(engine, namespace)
    except BadValue:
        if is_text:
            raise
        return Declared([], [])


class _Source:
    """Where the values come from that are looked at, in the order of their keys."""

    def __init__(self, engine: Engine, namespace: str, prefix: str, after: str | None) -> None:
        self._engine, self._namespace, self._prefix, self._after = engine, namespace, prefix, after
        self.is_scan = False
        """Whether all are read, or the rest of them."""

    def scanned(self, after: str | None) -> Stream:
        """All past a key."""
        self.is_scan = True
        yield from self._engine.scan(self._namespace, self._prefix, after)

    def chosen(self, ask: Callable[[str | None, int | None], list[str] | None], limit: int | None) -> Stream:
        """Those of keys that are asked for in pieces: by the key they lie past, and how many; all, if none is known."""
        size = None if limit is None or limit > _MANY else _FIRST * limit + _SPARE
        start = self._after
        while (keys := ask(start, size)) is not None:
            yield from self._read(keys)
            if size is None or len(keys) < size:
                return
            start, size = keys[-1], size * _GROWTH
        yield from self.scanned(start)

    def _read(self, keys: list[str]) -> Stream:
        """The keys that are there, with their values as they are now."""
        for at in range(0, len(keys), _PIECE):
            piece = keys[at : at + _PIECE]
            values = self._engine.get(self._namespace, piece)
            yield from ((key, values[key]) for key in piece if key in values)


def _collected(source: _Source, values: Stream, matches: Callable[[Any], bool], limit: int | None) -> Found[Hit]:
    """What of a stream of keys in order is to be found, up to the limit, and whether there is more."""
    hits: list[Hit] = []
    errors: dict[str, StoreError] = {}
    late: dict[str, StoreError] = {}
    for key, value in values:
        if isinstance(value, StoreError):
            (errors if limit is None or len(hits) < limit else late)[key] = value
        elif matches(value):
            if len(hits) == limit:
                return Found(hits, True, hits[-1].key, source.is_scan, errors)
            hits.append(Hit(key, value))
    return Found(hits, False, None, source.is_scan, errors | late)


def require_limit(limit: int | None) -> None:
    """Raise `ValueError` for a limit that lets nothing through."""
    if limit is not None and limit < 1:
        raise ValueError(f"limit={limit} is below 1; None is no limit")
