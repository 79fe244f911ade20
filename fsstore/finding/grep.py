"""Searching the text of values line by line with a regular expression. Every file is read; no index helps."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from fsstore import values
from fsstore.engine import Reader
from fsstore.errors import InvalidValue, StoreError, UnsupportedType
from fsstore.finding.find import require_limit
from fsstore.finding.results import Found, Match

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")


def grep(
    reader: Reader,
    namespace: str,
    pattern: str | re.Pattern[str],
    *,
    prefix: str,
    limit: int | None,
    after: str | None,
    ignore_case: bool,
) -> Found[Match]:
    """The lines in which a pattern is found; see the verb."""
    require_limit(limit)
    search = _compiled(pattern, ignore_case=ignore_case).search
    key_before, passed = _place(after)
    matches: list[Match] = []
    errors: dict[str, StoreError] = {}
    late: dict[str, StoreError] = {}
    at = 0
    first = iter(()) if key_before is None else iter(reader.get(namespace, (key_before,)).items())
    for source in (first, reader.scan(namespace, prefix, key_before)):
        for key, value in source:
            if isinstance(value, StoreError):
                (errors if limit is None or len(matches) < limit else late)[key] = value
                continue
            found = (Match(key, path, line) for path, line in lines(value) if search(line))
            for number, match in enumerate(found, 1):
                if key == key_before and number <= passed:
                    continue
                if len(matches) == limit:
                    return Found(matches, True, f"{at}:{matches[-1].key}", scanned=True, errors=errors)
                matches.append(match)
                at = number
    return Found(matches, False, None, scanned=True, errors=errors | late)


def lines(value: Any) -> Iterator[tuple[str, str]]:
    """Every line of text in a value, in the order of the file, with its place; of what is no text, its JSON."""
    todo: list[tuple[str, Any]] = [("$", value)]
    while todo:
        path, each = todo.pop()
        if isinstance(each, str):
            yield from ((path, line) for line in each.splitlines())
        elif isinstance(each, dict):
            todo += reversed([(path + _member(name), below) for name, below in each.items()])
        elif isinstance(each, list):
            todo += reversed([(f"{path}[{number}]", below) for number, below in enumerate(each)])
        else:
            yield path, values.encode(each).decode().rstrip("\n")


def _member(name: str) -> str:
    return f".{name}" if _PLAIN.match(name) else f"[{values.encode(name).decode().rstrip()}]"


def _compiled(pattern: Any, *, ignore_case: bool) -> re.Pattern[str]:
    """The pattern. Raises `InvalidValue` for one that is none."""
    if isinstance(pattern, re.Pattern):
        return re.compile(pattern.pattern, pattern.flags | (re.IGNORECASE if ignore_case else 0))
    if not isinstance(pattern, str):
        what = type(pattern).__name__
        raise UnsupportedType(f"a pattern is a str, not {what}", json_path="$", type_name=what)
    try:
        return re.compile(pattern, re.IGNORECASE if ignore_case else 0)
    except re.error as error:
        where = "" if error.pos is None else f" at character {error.pos}"
        raise InvalidValue(
            f"{pattern!r} is no regular expression: {error.msg}{where}; re.escape() makes one of plain text",
            json_path="$",
        ) from None


def _place(after: str | None) -> tuple[str | None, int]:
    """The key that an earlier answer ended in, and how many of its matches were told."""
    if after is None:
        return None, 0
    number, colon, key = after.partition(":")
    if not colon or not number.isdecimal():
        raise InvalidValue(
            f"after={after!r} is nothing that grep() gave; it takes .after of what it found", json_path="$"
        )
    return key, int(number)
