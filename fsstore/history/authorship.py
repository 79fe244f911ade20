"""Who wrote a file: the journals' lines since the last snapshot, or all of them. It reads no file of a key."""

from __future__ import annotations

import os
from collections.abc import Iterable

from fsstore.engines.files import journal, layout
from fsstore.engines.files.journal import Line
from fsstore.engines.files.worktree import WorkTree
from fsstore.history.capture import Captured
from fsstore.history.index import Index
from fsstore.keys import path_of

_NEAR = 0.5  # seconds between the writing of a sidecar and the journal's line of its key


class Authorship:
    """The writers of files, for one snapshot."""

    def __init__(self, work: WorkTree) -> None:
        self._work = work
        self._newest: dict[str, Line] = {}
        """Of the paths that were written since the last snapshot."""
        self._all: dict[str, list[Line]] = {}

    def note(self, lines: Iterable[Line]) -> None:
        """Lines that the journals got, the oldest first."""
        self._newest.update((line.path, line) for line in lines)

    def writer(self, path: str, found: Captured | None) -> Line | None:
        """The line of the write that left a file as it is; ``None`` for a person's."""
        namespace, key, is_metadata = layout.record_of(path)
        if namespace is None or key is None:
            return None
        owner = path_of(namespace, key) if is_metadata else path
        newest = self._newest.get(owner)
        if newest is None:
            lines = self._lines(owner)
            if not lines:
                return None
            newest = lines[-1]
        if is_metadata:  # the journal does not name its content
            return newest if found is None or abs(found.mtime - newest.time) < _NEAR else None
        revision = None if found is None else found.entry[1].hex()
        if found is None or newest.revision == revision:  # the newest has the last word
            return newest if newest.revision == revision else None
        return journal.writer(self._lines(owner), revision, found.mtime)

    def _lines(self, path: str) -> list[Line]:
        if path not in self._all:
            self._all[path] = self._work.lines(path)
        return self._all[path]


def with_sidecars(work: WorkTree, index: Index, paths: Iterable[str]) -> set[str]:
    """These paths of keys, and those of their sidecars that are there, or that the index has."""
    found = set(paths)
    any_there: dict[str, bool] = {}
    for path in list(found):
        sidecar, directory = work.sidecar(path)
        if directory not in any_there:
            known = next(index.paths(os.fsencode(f"{directory}/")), None)
            any_there[directory] = known is not None or os.path.lexists(f"{work.tree.root}/{directory}")
        if any_there[directory] and (
            index.find(os.fsencode(sidecar)) or os.path.lexists(f"{work.tree.root}/{sidecar}")
        ):
            found.add(sidecar)
    return found
