"""A store's directory as the history sees it: what was written since, by whom, in which run. It writes no key."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager

from fsstore.engines.files import layout
from fsstore.engines.files.atomic import Tree
from fsstore.engines.files.gate import COUNT
from fsstore.engines.files.journal import Journal, Line, Mark
from fsstore.engines.files.places import Places
from fsstore.engines.files.runs import Runs
from fsstore.engines.files.watching import touched
from fsstore.engines.files.watching.touched import Edited

Marks = dict[int, Mark]


class WorkTree:
    """The work tree of a store's history."""

    def __init__(
        self,
        tree: Tree,
        marker: layout.Marker,
        journal: Journal,
        places: Places,
        runs: Runs,
        holding: Callable[[list[int]], AbstractContextManager[None]],
        replayed: set[str],
    ) -> None:
        self.tree = tree
        self.id = marker.id
        """The store's."""
        self.settings = marker.settings
        self.limit = marker.max_value_bytes
        """The largest size of a value's file, in bytes."""
        self.credentials = marker.credentials
        """What is done about what looks like a credential."""
        self.runs = runs
        self.holding = holding
        """Keep every writer of these stripes out, as a context; what dead ones left is finished first."""
        self.replayed = replayed
        """Paths that the write-ahead log has brought back since the store was opened."""
        self._journal = journal
        self._places = places

    def since(self, marks: Marks, numbers: Iterable[int] = range(COUNT)) -> tuple[list[Line], Marks]:
        """The lines that the journals of these stripes got after the marks, and the marks after them."""
        found: list[Line] = []
        now: Marks = {}
        for number in numbers:
            lines, now[number] = self._journal.since(number, marks.get(number, (0, 0)))
            found += lines
        return found, now

    def edits(self, since: float) -> Edited | None:
        """What was edited since a time, or a later one, as a hub of this process saw it; ``None`` without one."""
        return touched.edits(self.tree.root, since)

    def lines(self, path: str) -> list[Line]:
        """All that the journal has of one path, oldest first."""
        number = self.stripe(path)
        return [] if number is None else self._journal.lines(number, path)

    def lines_of(self, paths: Iterable[str]) -> dict[str, list[Line]]:
        """The same for several paths of keys; each journal is read once."""
        stripes: dict[int, list[str]] = {}
        for path in paths:
            if (number := self.stripe(path)) is not None:
                stripes.setdefault(number, []).append(path)
        found: dict[str, list[Line]] = {}
        for number, of_stripe in stripes.items():
            found |= self._journal.lines_of(number, of_stripe)
        return found

    def stripe(self, path: str) -> int | None:
        """The lock of a key's file, of its sidecar, or of the rules of a namespace; ``None`` for any other file."""
        if layout.is_rules(path):
            return self._places.stripe(path)
        namespace, key, _ = layout.record_of(path)
        return None if namespace is None or key is None else self._places.find(namespace, key).stripe

    def has(self, path: str) -> bool:
        """Whether anything lies at a path."""
        return os.path.lexists(self.tree.absolute(path))

    def sidecar(self, path: str) -> tuple[str, str]:
        """The paths of the sidecar of a key's file, and of the directory of all sidecars of its namespace."""
        namespace, key, _ = layout.record_of(path)
        place = self._places.find(namespace or "", key or "")
        return self.tree.relative(place.sidecar), self.tree.relative(place.metadata)

    def stamp(self, at: float) -> None:
        """Say that a snapshot began at a time (seconds since the epoch): what was noted before may be forgotten."""
        path = self.tree.absolute(layout.SNAPSHOT)
        flags = os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        os.close(self.tree.make_directories(layout.RUNTIME))
        fd = os.open(path, flags, 0o666)
        try:
            os.utime(fd, (at, at))
        finally:
            os.close(fd)
