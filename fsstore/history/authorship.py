"""Who wrote a file: the journals' lines since the last snapshot, or all of them. It reads no file of a key."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping

from fsstore.commits import Commit
from fsstore.engines.files import journal, layout
from fsstore.engines.files.journal import Line
from fsstore.engines.files.worktree import WorkTree
from fsstore.history.capture import Captured
from fsstore.history.index import Index
from fsstore.history.table import REMOVED
from fsstore.keys import path_of
from fsstore.records import Run

_NEAR = 0.5  # seconds between the writing of a sidecar and the journal's line of its key


Past = Callable[[str], Iterator[tuple[Commit, bytes]]]
"""The commits that changed a path, newest first, with what they made of it."""


class Authorship:
    """The writers of files, for one snapshot."""

    def __init__(self, work: WorkTree, runs: Mapping[str, Run], past: Past) -> None:
        """``runs`` are those under way, and those that ended since the last snapshot."""
        self._work, self._runs, self._past = work, runs, past
        self._newest: dict[str, Line] = {}
        """Of the paths that were written since the last snapshot."""
        self._all: dict[str, list[Line]] = {}

    def note(self, lines: Iterable[Line]) -> None:
        """Lines that the journals got, the oldest first."""
        self._newest.update((line.path, line) for line in lines)

    def look_up(self, paths: Iterable[str]) -> None:
        """Read at once what the journals have of these files, where it is wanted."""
        owners = {_owner(path) for path in paths}
        self._all |= self._work.lines_of(owner for owner in owners if owner and owner not in self._newest)

    def writer(self, path: str, found: Captured | None) -> Line | None:
        """The line of the write that left a file as it is; ``None`` for a person's."""
        owner = _owner(path)
        if owner is None:
            return None
        newest = self._newest.get(owner)
        if newest is None:
            lines = self._lines(owner)
            if not lines:
                return None
            newest = lines[-1]
        if owner != path:  # a sidecar, whose content the journal does not name
            if found is None and newest.op != "delete" and not self._work.has(owner):
                return None  # gone with its key, by hand
            return newest if found is None or abs(found.mtime - newest.time) < _NEAR else None
        revision = None if found is None else found.entry[1].hex()
        if found is None or newest.revision == revision:  # the newest has the last word
            return newest if newest.revision == revision else None
        return journal.writer(self._lines(owner), revision, found.mtime)

    def changer(self, path: str, found: Captured | None, is_changed: bool, *, is_new: bool) -> Line | None:
        """The line of the write by which a file is not what the newest commit has; ``None`` if a person did that.

        ``is_new``: it was written through the store since the last snapshot.
        """
        line = self.writer(path, found)
        if line is None or not is_changed:
            return line
        content = REMOVED if found is None else found.entry[1]
        if line.undoing:
            return self._after_undoing(path, line)
        known = is_new or (line.run or "") in self._runs
        return line if known or not self._is_put_back(path, line, content) else None

    def _is_put_back(self, path: str, line: Line, content: bytes) -> bool:
        """Whether the history has already what a line tells of, so that a person has brought that about again."""
        if content == REMOVED and _owner(path) != path:
            return True  # a sidecar goes with a write that is new
        past = self._past(path)
        return any(old == content and (told.agent, told.run) == (line.agent, line.run) for told, old in past)

    def _after_undoing(self, path: str, line: Line) -> Line | None:
        """Whose it is what the rolling back of a run put back: its author's, or the run's if it undoes its commit."""
        newest = next(self._past(path), None)
        if newest is not None and newest[0].run == line.undoing:
            run = self._runs.get(line.undoing or "")
            return line._replace(agent=run.agent if run else None, run=line.undoing)
        return None if line.by_hand else line

    def _lines(self, path: str) -> list[Line]:
        if path not in self._all:
            self._all[path] = self._work.lines(path)
        return self._all[path]


def _owner(path: str) -> str | None:
    """The path of the key that a file belongs to, as its value or its sidecar; of rules their own; else ``None``."""
    if layout.is_rules(path):
        return path
    namespace, key, is_metadata = layout.record_of(path)
    if namespace is None or key is None:
        return None
    return path_of(namespace, key) if is_metadata else path


def with_sidecars(work: WorkTree, index: Index, paths: Iterable[str]) -> set[str]:
    """These paths of keys and rules, and those of the keys' sidecars that are there, or that the index has."""
    found = set(paths)
    any_there: dict[str, bool] = {}
    for path in [path for path in found if not layout.is_rules(path)]:
        sidecar, directory = work.sidecar(path)
        if directory not in any_there:
            known = next(index.paths(os.fsencode(f"{directory}/")), None)
            any_there[directory] = known is not None or os.path.lexists(f"{work.tree.root}/{directory}")
        if any_there[directory] and (
            index.find(os.fsencode(sidecar)) or os.path.lexists(f"{work.tree.root}/{sidecar}")
        ):
            found.add(sidecar)
    return found
