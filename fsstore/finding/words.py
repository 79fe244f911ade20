"""Full text: the words of values, and questions about them. It knows no index.

A word is a run of letters and digits, whatever their case and accents: Unicode's compatible decomposition (NFKD)
without combining marks, case-folded. The words of one string follow one another; those of two do not.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from fsstore.errors import InvalidValue, UnsupportedType
from fsstore.finding import paths

_WORD = re.compile(r"[^\W_]+")
_LONGEST = 1000  # characters of a word that count
_PART = re.compile(r'"([^"]*)(?:"(\*?)|\Z)|(\S+)')

Passage = list[str]
"""The words of one string, in order."""


class Phrase(NamedTuple):
    """Words that must follow one another."""

    words: tuple[str, ...]
    is_open: bool
    """Whether the last one is only the beginning of a word."""


def words(text: str) -> Passage:
    """The words of a text."""
    if text.isascii():
        folded = text.lower()
    else:
        plain = unicodedata.normalize("NFKD", text)
        folded = "".join([each for each in plain if not unicodedata.combining(each)]).casefold()
    found = _WORD.findall(folded)
    return found if max(map(len, found), default=0) <= _LONGEST else [word[:_LONGEST] for word in found]


def passages(value: Any, fields: Iterable[paths.Steps] | None) -> list[Passage]:
    """The words of each string in what lies at these paths, or in the whole value; names of members are none."""
    places = [value] if fields is None else [paths.look_up(value, steps) for steps in fields]
    return [found for place in places for text in _strings(place) if (found := words(text))]


def _strings(value: Any) -> Iterator[str]:
    todo = [value]
    while todo:
        each = todo.pop()
        if isinstance(each, str):
            yield each
        elif isinstance(each, dict):
            todo += each.values()
        elif isinstance(each, list):
            todo += each


def parse(query: Any) -> list[Phrase]:
    """The phrases of a question, all of which have to occur.

    Parts are divided by spaces; the words of one part (``main.py``), or between quotes, must follow one another; a
    ``*`` behind a part leaves its last word open. There is no wrong question but one without a word (`InvalidValue`).
    """
    if not isinstance(query, str):
        what = type(query).__name__
        raise UnsupportedType(f"text is a str, not {what}", json_path="$", type_name=what)
    found = []
    for quoted, star, part in _PART.findall(query):
        is_open = bool(star) or part.endswith("*")
        if phrase := words(quoted or part):
            found.append(Phrase(tuple(phrase), is_open))
    if not found:
        raise InvalidValue(f"text={query!r} has no word in it to look for", json_path="$")
    return found


def occur(phrases: list[Phrase], of: list[Passage]) -> bool:
    """Whether all of the phrases are in these passages."""
    return all(any(_is_in(phrase, passage) for passage in of) for phrase in phrases)


def _is_in(phrase: Phrase, passage: Passage) -> bool:
    wanted = list(phrase.words)
    size = len(wanted)
    for at in range(len(passage) - size + 1):
        if passage[at : at + size - 1] == wanted[:-1]:
            last = passage[at + size - 1]
            if last == wanted[-1] or (phrase.is_open and last.startswith(wanted[-1])):
                return True
    return False
