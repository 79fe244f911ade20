"""What a commit of several files is about to do, written down before it does it. It renames no record itself.

The record of a commit is one file in `.fsstore/commits`: its appearance is the commit point, its
removal the end. In between readers take the commit's keys from it, and whoever finds its writer dead
finishes the work. Renamed to ``NAME.undo`` it says the opposite: put back what was there before.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable
from typing import Any, NamedTuple

import orjson

from fsstore.engines.files import layout
from fsstore.engines.files.atomic import READ, Tree, discard

_UNDO = ".undo"
_LIMIT = 1 << 30

Signature = tuple[int, int, int]
"""Inode, size and modification time (ns) of a file."""


def signature(status: os.stat_result) -> Signature:
    """What tells a file from the one that a person puts in its place."""
    return status.st_ino, status.st_size, status.st_mtime_ns


class Entry(NamedTuple):
    """One file of a commit."""

    path: str
    """Relative to the store."""
    staged: str | None
    """Name of the new file in `.fsstore/tmp`; ``None`` if the file is to be removed."""
    size: int
    """Of the new file, in bytes: after a loss of power it may be shorter."""
    old: str
    """Name there under which the file that was there before is kept until the end."""
    was: Signature | None
    """What was there before; ``None`` for nothing."""
    new: Signature | None
    """The new file."""
    key: tuple[str, str] | None
    """Namespace and key, if this is the file of a value."""


class Intent(NamedTuple):
    """The record of one commit."""

    name: str
    stripes: list[int]
    """Whose locks its writer holds."""
    entries: list[Entry]
    undo: bool
    """Whether it is being taken back."""


class Overlay:
    """What open commits make of the files that they are changing."""

    def __init__(self, intents: list[Intent]) -> None:
        self.names = frozenset(intent.name for intent in intents)
        self.paths: dict[str, str | None] = {}
        """The name in `.fsstore/tmp` of what counts as the file at this path, if it is still there; ``None``: none."""
        self.keys: list[tuple[str, str, str]] = []
        """Namespace, key and path of each value among them."""
        for intent in intents:
            for entry in intent.entries:
                self.paths[entry.path] = (entry.old if entry.was else None) if intent.undo else entry.staged
                if entry.key is not None:
                    self.keys.append((*entry.key, entry.path))

    def open(self, tree: Tree, path: str) -> int:
        """A descriptor of what counts as the file at this path. Raises `FileNotFoundError` for none."""
        if path not in self.paths:
            return tree.open(path, READ)
        name = self.paths[path]
        if name is None:
            raise FileNotFoundError(path)
        try:
            return tree.open(f"{layout.TMP}/{name}", READ)
        except FileNotFoundError:  # it is in its place by now
            return tree.open(path, READ)


NOTHING_OPEN = Overlay([])


class Intents:
    """The records of a store's open commits."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        self._tmp, self._directory = tree.absolute(layout.TMP), tree.absolute(layout.COMMITS)

    def publish(self, name: str, stripes: list[int], entries: list[Entry]) -> None:
        """Put the record in place: the commit point."""
        staged = b"%b/%b" % (self._tmp, name.encode())
        self._tree.stage(staged, orjson.dumps({"stripes": stripes, "entries": list(map(tuple, entries))}))
        try:
            os.rename(staged, self._path(name))
        except BaseException:
            discard(staged)
            raise

    def make_directories(self) -> None:
        """Make those that a record needs on its way, which a person may remove at any time."""
        for directory in (layout.TMP, layout.COMMITS):
            os.close(self._tree.make_directories(directory))

    def reverse(self, name: str) -> str:
        """From now on the commit is to be taken back; the record's new name."""
        os.rename(self._path(name), self._path(name + _UNDO))
        return name + _UNDO

    def retract(self, name: str) -> None:
        """Remove the record: all is done."""
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self._path(name))

    def is_there(self, name: str) -> bool:
        """Whether there is a record of this commit."""
        return os.path.lexists(self._path(name)) or os.path.lexists(self._path(name + _UNDO))

    def names(self) -> list[str]:
        """The records that there are."""
        try:
            return sorted(map(os.fsdecode, os.listdir(self._directory)))
        except OSError:  # there are none; or something else lies there, and hides no value
            return []

    def load(self, name: str) -> Intent | None:
        """A record; ``None`` if it is gone, or is none."""
        try:
            raw: dict[str, Any] = orjson.loads(self._tree.read(self._path(name), _LIMIT))
            entries = [
                Entry(path, staged, size, old, was and tuple(was), new and tuple(new), key and (key[0], key[1]))
                for path, staged, size, old, was, new, key in raw["entries"]
            ]
            return Intent(name, [int(number) for number in raw["stripes"]], entries, name.endswith(_UNDO))
        except (FileNotFoundError, ValueError, KeyError, TypeError, IndexError):
            return None

    def overlay(self, stripes: Iterable[int]) -> Overlay:
        """What the open commits on these stripes together make of the store; no two of them change one file."""
        intents = [intent for name in self.names() if (intent := self._as_it_is(name))]
        return Overlay([intent for intent in intents if not set(stripes).isdisjoint(intent.stripes)])

    def _as_it_is(self, name: str) -> Intent | None:
        """A record, also if its commit has come to be taken back since it was listed: what is in place counts not."""
        return self.load(name) or (None if name.endswith(_UNDO) else self.load(name + _UNDO))

    def _path(self, name: str) -> bytes:
        return b"%b/%b" % (self._directory, name.encode())
