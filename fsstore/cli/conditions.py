"""Conditions on values as a person writes them in a shell: ``a.b>=3``. What they mean is for the search to say."""

from __future__ import annotations

import re
from typing import Any

from fsstore.cli import inputs
from fsstore.cli.arguments import UsageError

_OPERATORS = {"=": "eq", "!=": "ne", ">": "gt", ">=": "gte", "<": "lt", "<=": "lte"}
_CONDITION = re.compile(r"(?s)([^=!<>]*)(!=|>=|<=|=|>|<)(.*)")


def parse(words: list[str]) -> dict[str, dict[str, Any]]:
    """The conditions of all words, by path and operator. Raises `UsageError`, or `InvalidValue` for what is no JSON."""
    found: dict[str, dict[str, Any]] = {}
    for word in words:
        for path, wanted in _one(word).items():
            for operator, operand in wanted.items():
                if operator in found.setdefault(path, {}):
                    raise UsageError(f"{path} has two conditions of one kind; both cannot be meant")
                found[path][operator] = operand
    return found


def _one(word: str) -> dict[str, dict[str, Any]]:
    if word.startswith(("{", "@")) or word == "-":
        given = inputs.object_of(word, "CONDITION")
        return {path: wanted if isinstance(wanted, dict) else {"eq": wanted} for path, wanted in given.items()}
    parts = _CONDITION.fullmatch(word)
    if parts is None:
        raise UsageError(f"{word!r} is no condition; one is PATH=JSON, such as state='\"done\"' or size>=3")
    path, operator, text = parts.groups()
    way_out = f"A string wants its quotes: '{path}{operator}\"done\"'."
    return {path: {_OPERATORS[operator]: inputs.json_of(text, f"what follows {path}{operator}", way_out)}}
