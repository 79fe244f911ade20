"""What became of a value, as text and as documents. It compares lines of text, no values, and reads no history."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fsstore import values
from fsstore.cli import colours, textconv
from fsstore.cli.output import Output, compact, escape, quoted
from fsstore.commits import Change, Difference

_MOST = 1_000_000  # product of the numbers of lines that are compared one with one: a second or so
_CONTEXT = 3
_WIDTH = 60
COLOURS = {"added": colours.ADDED, "removed": colours.REMOVED, "changed": colours.CHANGED}
"""Of the kinds of change."""


def document(change: Change) -> dict[str, Any]:
    """The change as a JSON object."""
    where = {"path": change.path, "namespace": change.namespace, "key": change.key, "kind": change.kind}
    return {**where, **sides(change)}


def sides(change: Change) -> dict[str, Any]:
    """The values before and after, and the steps between them.

    There is no ``old`` or ``new`` where there was no value (``null`` is one); if what was there cannot be read, there
    is ``old_error`` or ``new_error`` instead.
    """
    found: dict[str, Any] = {}
    for name, value, there in (
        ("old", change.old, change.kind != "added"),
        ("new", change.new, change.kind != "removed"),
    ):
        if isinstance(value, Exception):
            found[f"{name}_error"] = {"error": type(value).__name__, "message": str(value)}
        elif there:
            found[name] = value
    return {**found, "details": [*map(_step, change.details)]}


def _step(difference: Difference) -> dict[str, Any]:
    step = difference._asdict()
    if difference.op == "add":
        del step["old"]
    elif difference.op == "remove":
        del step["new"]
    return step


def lines(change: Change, output: Output) -> Iterator[str]:
    """A line that names the key, then what of its value went (``-``) and came (``+``), member by member."""
    namespace, key = change.namespace, change.key
    where = (
        f"(file) {quoted(change.path)}" if namespace is None or key is None else f"{quoted(namespace)} {quoted(key)}"
    )
    yield output.paint(f"{change.kind} {where}", COLOURS[change.kind])
    if key is not None or not isinstance(change.old or change.new, Exception):  # notes of people are no values
        yield from steps(change, output)


def steps(change: Change, output: Output) -> Iterator[str]:
    """The lines of a change below its name."""
    readable = not isinstance(change.old, Exception) and not isinstance(change.new, Exception)
    if change.kind == "changed" and readable:
        if not change.details:
            yield output.paint("= the same value, written in another way", colours.FAINT)
        for each in change.details:
            if each.path:
                yield output.paint(f"@ {quoted(each.path)}", colours.PLACE)
            yield from _replaced(each, output)
        return
    if change.kind != "added":
        yield from _marked("-", _text(change.old), output)
    if change.kind != "removed":
        yield from _marked("+", _text(change.new), output)


def brief(value: Any, output: Output) -> str:
    """A value in one line, or what is wrong with it; a terminal gets the beginning of a long one."""
    text = f"(no value: {value})" if isinstance(value, Exception) else compact(value)
    if not output.terminal:
        return text if not isinstance(value, Exception) else escape(text)
    return escape(text if len(text) <= _WIDTH else f"{text[: _WIDTH - 1]}…")


def _text(value: Any) -> list[str]:
    """The lines of a value as a person reads it, or what is wrong with it."""
    if isinstance(value, Exception):
        return [f"(no value: {value})"]
    return textconv.readable(values.encode(value).decode()).removesuffix("\n").split("\n")


def _replaced(step: Difference, output: Output) -> Iterator[str]:
    old = [] if step.op == "add" else _text(step.old)
    new = [] if step.op == "remove" else _text(step.new)
    if len(old) > 1 and len(new) > 1:
        yield from _compared(old, new, output)
    else:
        yield from _marked("-", old, output)
        yield from _marked("+", new, output)


def _compared(old: list[str], new: list[str], output: Output) -> Iterator[str]:
    """Two texts line by line; of what both have, three lines around each place where they differ."""
    same = 0
    while same < min(len(old), len(new)) and old[same] == new[same]:
        same += 1
    tail = 0
    while tail < min(len(old), len(new)) - same and old[-1 - tail] == new[-1 - tail]:
        tail += 1
    before, after = max(0, same - _CONTEXT), max(0, tail - _CONTEXT)
    old, new = old[before : len(old) - after], new[before : len(new) - after]
    if len(old) * len(new) > _MOST:
        yield from _marked("-", old, output)
        yield from _marked("+", new, output)
        return
    from difflib import SequenceMatcher

    gap = before > 0
    for group in SequenceMatcher(None, old, new, autojunk=False).get_grouped_opcodes(_CONTEXT):
        if gap:
            yield output.paint("...", colours.FAINT)
        gap = True
        for kind, first, last, start, end in group:
            if kind == "equal":
                yield from _marked(" ", old[first:last], output)
            else:
                yield from _marked("-", old[first:last], output)
                yield from _marked("+", new[start:end], output)
    if after:
        yield output.paint("...", colours.FAINT)


def _marked(mark: str, text: list[str], output: Output) -> Iterator[str]:
    colour = {"-": colours.REMOVED, "+": colours.ADDED}.get(mark)
    for each in text:
        line = f"{mark} {output.text(each)}"
        yield output.paint(line, colour) if colour else line
