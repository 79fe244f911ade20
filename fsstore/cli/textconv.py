"""A value's JSON text as a person reads it: strings of several lines as lines. It knows text, no store.

A module, and a script for git's ``textconv``: ``python3 -I -S textconv.py FILE`` prints the file, changed where
it holds strings with line breaks. Those become blocks in the manner of YAML, ``|`` where the string ends in a line
break and ``|-`` where it does not; nothing else of the file is touched, so that each difference of the bytes
still shows. What is no JSON is printed as it is. It runs once for each version of each file that git compares:
the standard library only, and no more of it than is needed.
"""

from __future__ import annotations

import sys

_INDENT = "  "
# What would move a terminal's cursor, or has no UTF-8, once it is no longer an escape sequence of JSON.
_UNSAFE = "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]|\r(?!\n)"


def readable(text: str) -> str:
    """The JSON text with its strings of several lines as blocks. Raises `ValueError` if it is no JSON."""
    import json
    import re

    json.loads(text.removeprefix("\ufeff"))
    unsafe = re.compile(_UNSAFE)
    strings = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"(\s*:)?')
    after = re.compile(r"[ \t]*,?[ \t]*(?=(\r?\n)?)")
    pieces: list[str] = []
    done = line = seen = 0
    for token in strings.finditer(text):
        if token[1] or "\\n" not in token[0]:  # a member's name stays: it is in the way of nobody
            continue
        string = json.loads(token[0])
        if "\n" not in string or unsafe.search(string):
            continue
        line = text.rfind("\n", seen, token.start()) + 1 or line  # a long line is gone through once
        seen = token.start()
        indent = _indentation(text, line)
        pieces += text[done : token.start()], *_block(string, indent)
        rest = after.match(text, token.end())
        assert rest is not None  # it matches the empty string too
        done = rest.end()
        if rest[1] is None and done < len(text):
            pieces.append(f"\n{indent}")
    return "".join([*pieces, text[done:]])


def _indentation(text: str, line: int) -> str:
    end = line
    while text[end] in " \t":
        end += 1
    return text[line:end]


def _block(string: str, indent: str) -> tuple[str, ...]:
    """The mark, and a line for each of the string's; an empty one has no indentation."""
    whole = string.endswith("\n")
    lines = (string[:-1] if whole else string).split("\n")
    return "|" if whole else "|-", *(f"\n{indent}{_INDENT}{each}" if each else "\n" for each in lines)


def _shown(raw: bytes) -> bytes:
    """What to print of a file."""
    if b"\\n" not in raw:
        return raw
    try:
        return readable(raw.decode()).encode()
    except (ValueError, RecursionError, MemoryError):
        return raw


def main(path: str) -> None:
    """Print the file, as it is if anything is in the way of more."""
    with open(path, "rb") as file:
        raw = file.read()
    try:
        sys.stdout.buffer.write(_shown(raw))
        sys.stdout.buffer.flush()
    except BrokenPipeError:  # nobody wants the rest
        import os

        os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1])
