"""Which files that are no keys git ignores, by its own rules. Keys are never ignored, whatever the rules say."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import Any

from fsstore.engines.files.atomic import Tree
from fsstore.history.state import State


class Ignoring:
    """The rules of one store's directory; asked only about files that are no keys and not in the history yet."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        self._known: set[str] = set()
        """Paths that were asked about and are ignored."""
        self._asked: set[str] = set()
        self._repository: Any = None
        self.rules: list[int] = []

    def begin(self, state: State, changed: Iterable[str]) -> list[str]:
        """Take over what an earlier snapshot found; the paths that are to be asked about again.

        Those are all, where the rules are others by now; ``changed`` are the paths of files that changed.
        """
        self.rules = self._signature()
        self._known, self._asked, self._repository = set(state.ignored), set(), None
        if state.rules == self.rules and not any(path.endswith("/.gitignore") for path in changed):
            return []
        self._known = set()
        return [path for path in state.ignored if os.path.lexists(f"{self._tree.root}/{path}")]

    def ignores(self, path: str) -> bool:
        """Whether git ignores this file."""
        self._asked.add(path)
        if path in self._known:
            return True
        import pygit2

        try:
            if self._repository is None:  # it reads the rules of a directory once
                self._repository = pygit2.Repository(self._tree.root)
            ignored = self._repository.path_is_ignored(path)
        except (pygit2.GitError, ValueError):
            return False
        if ignored:
            self._known.add(path)
        return bool(ignored)

    def known(self, was_looked_at: Callable[[str], bool]) -> list[str]:
        """The ignored paths, for the next snapshot: of directories that were looked at, no others than those there."""
        asked = self._asked
        return sorted(path for path in self._known if path in asked or not was_looked_at(path.rpartition("/")[0]))

    def _signature(self) -> list[int]:
        found = []
        for name in (".gitignore", ".git/info/exclude"):
            try:
                status = os.lstat(f"{self._tree.root}/{name}")
            except OSError:
                found += [0, 0]
            else:
                found += [status.st_mtime_ns, status.st_size]
        return found
