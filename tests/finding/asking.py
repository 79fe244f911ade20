"""What a search must give, by reading every value; and people who edit files by hand."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from fsstore import Found, Hit
from fsstore.finding import conditions, words
from fsstore.store import Namespace

QUESTIONS: tuple[dict[str, Any], ...] = (
    {"where": {"status": "open"}},
    {"where": {"status": "open"}, "limit": 3},
    {"where": {"n": {"gte": 2, "lt": 6}}},
    {"where": {"n": {"gte": 2}, "status": {"in": ["done", 1]}}},
    {"where": {"n": {"exists": True}}, "limit": 2, "after": "b"},
    {"text": "red*"},
    {"text": "green blue", "where": {"n": {"lte": 5}}},
    {"where": {"status": {"prefix": "o"}}, "prefix": "d:"},
)


def answer(space: Namespace, question: dict[str, Any]) -> dict[str, Any]:
    """The right one."""
    asked = {"where": None, "text": None, "prefix": None, "limit": 100, "after": None, **question}
    wanted = conditions.parse(asked["where"])
    phrases = None if asked["text"] is None else words.parse(asked["text"])
    report = space.get_all(errors="report")
    hits = [
        Hit(key, value)
        for key, value in report.values.items()
        if key.startswith(asked["prefix"] or "")
        and (asked["after"] is None or key > asked["after"])
        and all(each.holds(value) for each in wanted)
        and (phrases is None or words.occur(phrases, words.passages(value, [("title",)])))
    ]
    limit = asked["limit"]
    cut = len(hits) > limit
    end = hits[limit - 1].key if cut else None
    errors = [
        key
        for key in report.errors
        if key.startswith(asked["prefix"] or "")
        and (asked["after"] is None or key > asked["after"])
        and (end is None or key < end)
    ]
    return {"hits": hits[:limit], "cut": cut, "after": end, "errors": sorted(errors)}


def told(found: Found[Hit]) -> dict[str, Any]:
    """What was given, to be compared."""
    return {"hits": found.hits, "cut": found.cut, "after": found.after, "errors": sorted(found.errors)}


def check(space: Namespace, *, verify: bool = False) -> None:
    """Every question is answered right, and by the index."""
    for number, question in enumerate(QUESTIONS):
        found = space.find(**question, verify=verify and number == 0)
        assert told(found) == answer(space, question), question
        assert not found.scanned


def saved(path: Path, text: str) -> None:
    """As most editors do it: a new file takes the place of the old one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.swp")
    beside.write_text(text)
    os.rename(beside, path)


def written(path: Path, text: str) -> None:
    """In place, as ``echo > file`` does it."""
    with open(path, "r+") as file:
        file.truncate()
        file.write(text)
