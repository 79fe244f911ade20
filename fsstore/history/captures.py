"""The files that a snapshot looks at, read so that contents and journals are of one moment. It knows no commit."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable

from fsstore.engines.files.journal import Line
from fsstore.engines.files.worktree import Marks, WorkTree
from fsstore.history import waiting
from fsstore.history.authorship import Authorship, with_sidecars
from fsstore.history.capture import Captured, Unreadable, capture, capture_whole
from fsstore.history.guarding import guard
from fsstore.history.index import Index

_log = logging.getLogger("fsstore")

_LATE = 1.0  # seconds that a line may be noted after its own time


class Captures:
    """What one snapshot reads."""

    def __init__(self, work: WorkTree, index: Index, authorship: Authorship, taken: float) -> None:
        """``taken`` is when the last snapshot was."""
        self._work, self._tree = work, work.tree
        self._index = index
        self._authorship = authorship
        self._taken = taken
        self.left: dict[str, waiting.Pending] = {}
        """What waits for its run, or until it can be read."""
        self.fresh: set[str] = set()
        """Paths that were written through the store since the last snapshot."""

    def noted(self, lines: list[Line]) -> set[str]:
        """The paths of these lines, and those of their sidecars that are there, or that the index has."""
        self._authorship.note(lines)
        since = self._taken - _LATE
        found = with_sidecars(self._work, self._index, {line.path for line in lines})
        old = {line.path for line in lines} - {line.path for line in lines if line.time > since}
        self.fresh |= found - with_sidecars(self._work, self._index, old) if old else found
        return found

    def read(self, paths: set[str], marks: Marks, is_wanted: Callable[[str], bool]) -> dict[str, Captured | None]:
        """Read files while their writers are kept out; of those that are no keys' the wanted ones."""
        stripes = {path: self._work.stripe(path) for path in paths}
        numbers = sorted({number for number in stripes.values() if number is not None})
        found: dict[str, Captured | None] = {}
        with self._work.holding(numbers) if numbers else contextlib.nullcontext():
            lines, now = self._work.since(marks, numbers)  # what came after the first look
            marks |= now
            of_keys = self.noted(lines) | {path for path, number in stripes.items() if number is not None}
            self._authorship.look_up(of_keys)
            for path in of_keys:
                try:
                    found[path] = self._of_key(path)
                except Unreadable as error:
                    self._leave_out(path, error)
        for path, number in stripes.items():
            if number is None and path not in found and is_wanted(path):
                try:
                    found[path] = capture(self._tree, path)
                except Unreadable as error:
                    self._leave_out(path, error)
        return dict(sorted(found.items()))

    def _leave_out(self, path: str, error: Unreadable) -> None:
        self.left[path] = waiting.UNREAD
        _log.warning("%s/%s stays out of the history: %s", self._tree.root, path, error)

    def _of_key(self, path: str) -> Captured | None:
        found = capture(self._tree, path)
        if found is None or self._authorship.writer(path, found) is not None:
            return found
        return capture_whole(self._tree, path, lambda found: guard(self._work, path, found))
