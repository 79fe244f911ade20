"""What may stand where a command line ends: verbs, options, keys, namespaces. It knows no shell.

Which verbs there are, and what their words mean, is read off their parsers: a ``metavar`` says what an argument is.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import NamedTuple

from fsstore.cli import verbs
from fsstore.cli.arguments import general_parser, parser_of
from fsstore.cli.location import open_store
from fsstore.cli.verbs import ns
from fsstore.store import Store

_MOST = 200
"""Beyond so many keys those that begin alike, up to the next ``:`` or ``/``, are offered as one."""
_FILES = frozenset({"DIR", "FILE", "AGENT.py"})
_KEYS = frozenset({"KEY", "PREFIX", "WORD"})
_NAMESPACES = frozenset({"NAMESPACE", "NS", "SOURCE", "TARGET"})


class File(Exception):
    """The name of a file is wanted, which shells know best."""


class _Place(NamedTuple):
    """What is known of the place where the line ends."""

    options: list[str]
    """Those that may stand there."""
    action: argparse.Action | None
    """The argument that is wanted; ``None`` for the verb, or for nothing."""
    verb: str | None
    general: argparse.Namespace
    """The options for every verb, as far as they are given."""
    literal: bool
    """Whether it is after ``--``."""


def candidates(words: list[str]) -> list[str]:
    """All that the last word may become, sorted; the words before it are those after the command's name.

    Raises `File`, and `StoreError` or `UsageError` where there is no store to look into.
    """
    *before, current = words
    place = _place_after(before)
    if current.startswith("-") and not place.literal and not _is_value(place):
        attached, found = _attached(current, place)
        if found is None:
            return sorted(option for option in place.options if option.startswith(current))
        return [attached + each for each in _values(found, current[len(attached) :], place)]
    if place.verb is None and place.action is None:
        return [name for name in verbs.TABLE if name.startswith(current)]
    return [] if place.action is None else list(_values(place.action, current, place))


def _place_after(before: list[str]) -> _Place:
    """Go through the words that are complete."""
    parser = general_parser()
    place = _Place(list(parser._option_string_actions), None, None, _nothing_given(), False)
    waiting: argparse.Action | None = None  # an option that wants a value
    positionals: list[argparse.Action] = []
    for word in before:
        if waiting is not None:
            _give(place.general, waiting, word)
            waiting = None
        elif word == "--" and not place.literal:
            place = place._replace(literal=True)
        elif word.startswith("-") and len(word) > 1 and not place.literal:
            waiting = _option(parser, word, place.general)
        elif place.verb is None:
            if word not in verbs.TABLE:
                return place._replace(verb=word, options=[])
            parser = parser_of(word)
            place = place._replace(verb=word, options=list(parser._option_string_actions))
            positionals = [each for each in parser._get_positional_actions() if each.nargs != argparse.REMAINDER]
        elif positionals and positionals[0].nargs not in ("*", "+"):
            positionals.pop(0)
    action = waiting if waiting is not None else positionals[0] if positionals else None
    return place._replace(action=action)


def _nothing_given() -> argparse.Namespace:
    return argparse.Namespace(directory=None, namespace=None, agent=None)


def _option(parser: argparse.ArgumentParser, word: str, general: argparse.Namespace) -> argparse.Action | None:
    """The option that the word is, if its value is the next word."""
    name, attached, value = word.partition("=")
    action = parser._option_string_actions.get(name)
    if action is None and not word.startswith("--"):
        action, attached, value = parser._option_string_actions.get(word[:2]), word[2:], word[2:]
    if action is None or action.nargs == 0:
        return None
    if attached:
        _give(general, action, value)
        return None
    return action


def _give(general: argparse.Namespace, action: argparse.Action, value: str) -> None:
    if hasattr(general, action.dest):
        setattr(general, action.dest, value)


def _is_value(place: _Place) -> bool:
    """Is the word the value of an option, whatever it begins with?"""
    return place.action is not None and bool(place.action.option_strings)


def _attached(current: str, place: _Place) -> tuple[str, argparse.Action | None]:
    """Of ``--option=value`` what stands before the value, and the option."""
    name, is_attached, _ = current.partition("=")
    if not is_attached or name not in place.options:
        return "", None
    parser = general_parser() if place.verb is None else parser_of(place.verb)
    return f"{name}=", parser._option_string_actions[name]


def _values(action: argparse.Action, current: str, place: _Place) -> Iterator[str]:
    kind = action.metavar if isinstance(action.metavar, str) else ""
    is_first_of_ns = kind == "PREFIX" and place.verb == "ns" and not action.option_strings
    if is_first_of_ns:
        yield from (name for name in ns.ACTIONS if name.startswith(current))
    if action.choices is not None:
        yield from (choice for choice in map(str, action.choices) if choice.startswith(current))
    elif kind in _FILES or (current.startswith("@") and kind not in _KEYS | _NAMESPACES):
        raise File
    elif kind in _KEYS or kind in _NAMESPACES:
        is_namespace = is_first_of_ns or kind in _NAMESPACES
        with open_store(place.general, read_only=True) as store:
            found = store.list_namespaces(current) if is_namespace else _keys(store, current)
        is_exposed = not (place.literal or action.option_strings)
        yield from (each for each in found if each.isprintable() and not (is_exposed and each.startswith("-")))


def _keys(store: Store, prefix: str) -> list[str]:
    """The keys that begin so; of too many, what they begin with up to the next separator."""
    found = store.list_keys(prefix)
    if len(found) <= _MOST:
        return found
    return sorted({key[: _end_of_segment(key, len(prefix))] for key in found})[:_MOST]


def _end_of_segment(key: str, start: int) -> int:
    ends = [at + 1 for at in (key.find(":", start), key.find("/", start)) if at >= 0]
    return min(ends, default=len(key))
