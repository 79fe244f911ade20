"""Words as a shell reads them: made so that it reads what is meant, and read as far as they are typed. No store."""

from __future__ import annotations

import shlex
from typing import NamedTuple

_SPACE = " \t\n"
_SPECIAL_IN_DOUBLE = '"\\$`'


class Typed(NamedTuple):
    """A command line that may end in the middle of a word."""

    words: list[str]
    """As the shell would hand them over; the last one is being typed, and may be empty."""
    quote: str
    """The quotation mark that is open at the end, or nothing."""
    start: int
    """How many characters of the last word, as it will be handed over, come before where a shell begins anew."""


def quote(word: str) -> str:
    """The word so that a shell reads it as one; bash and zsh, where it holds control characters."""
    if word.isprintable():
        return shlex.quote(word)
    # bash and zsh read $'...'; pasted from a terminal, the character itself would not survive
    escaped = (char if char.isprintable() and char not in "'\\" else f"\\U{ord(char):08x}" for char in word)
    return f"$'{''.join(escaped)}'"


def within(text: str, quote: str) -> str:
    """A printable text to be typed where this quotation mark is open, or none."""
    if quote == "'":
        return text.replace("'", "'\\''")
    if quote == '"':
        return "".join(f"\\{char}" if char in _SPECIAL_IN_DOUBLE else char for char in text)
    return "".join(char if char.isalnum() or char in "_-./:,+@%=^" else f"\\{char}" for char in text)


def read(line: str, breaks: str = "") -> Typed:
    """Part a line into words, as far as it has come; outside of quotes, ``breaks`` are where a shell begins anew."""
    words: list[str] = []
    word: list[str] | None = None
    quote, start = "", 0
    chars = iter(line)
    for char in chars:
        if not quote and char in _SPACE:
            if word is not None:
                words.append("".join(word))
            word, start = None, 0
            continue
        word = [] if word is None else word
        if char == quote or (not quote and char in "'\""):
            quote = "" if quote else char
            start = len(word)
        elif char == "\\" and quote != "'":
            following = next(chars, "")
            kept = quote and following not in _SPECIAL_IN_DOUBLE  # within "..." most backslashes are just that
            word.extend(f"\\{following}" if kept else following)
        else:
            word.append(char)
            if not quote and char in breaks:
                start = len(word)
    return Typed([*words, "".join(word or ())], quote, start)
