"""Which files that are no keys git ignores, by its own rules. Keys are never ignored, whatever the rules say."""

from __future__ import annotations

import os

from fsstore.engines.files.atomic import Tree
from fsstore.history.state import State


class Ignoring:
    """The rules of one store's directory; asked only about files that are no keys and not in the history yet."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        self.known: list[str] = []
        """Paths that were asked about and are ignored."""
        self.rules: list[int] = []

    def begin(self, state: State) -> None:
        """Take over what an earlier snapshot found, if the rules beside the store are the same."""
        self.rules = self._signature()
        self.known = list(state.ignored) if state.rules == self.rules else []

    def ignores(self, path: str) -> bool:
        """Whether git ignores this file."""
        if path in self.known:
            return True
        import pygit2

        try:
            ignored = pygit2.Repository(self._tree.root).path_is_ignored(path)
        except (pygit2.GitError, ValueError):
            return False
        if ignored:
            self.known.append(path)
        return bool(ignored)

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
