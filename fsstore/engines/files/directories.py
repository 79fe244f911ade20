"""The directories that one commit works in, each opened once. No keys, no content."""

from __future__ import annotations

import contextlib
import os

from fsstore.engines.files.atomic import Tree

_OPEN_AT_ONCE = 128


class Directories:
    """Directory handles of one commit, by absolute path.

    A handle goes on naming its directory when a person moves it away. A commit of one small value uses it within
    microseconds; a longer one asks `moved` at the end, before it says that anything is stored.
    """

    __slots__ = ("_handles", "_left", "_tree", "emptied")

    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        self._handles: dict[bytes, int] = {}
        self._left: dict[bytes, os.stat_result] = {}
        """What the directories were whose handles had to make room for others."""
        self.emptied: set[bytes] = set()
        """Directories out of which files were removed."""

    def find(self, path: bytes) -> int:
        """A handle; `FileNotFoundError` if the directory is not there."""
        at = self._handles.get(path)
        if at is None:
            if len(self._handles) >= _OPEN_AT_ONCE:
                for known, handle in self._handles.items():
                    self._left.setdefault(known, os.fstat(handle))
                self.close()
            at = self._handles[path] = self._tree.open_handle(path)
        return at

    def holds(self, path: bytes) -> bool:
        """Whether the directory was there when it was asked for."""
        return path in self._handles

    def make(self, path: bytes) -> int:
        """A handle of a directory that is made if it is not there."""
        try:
            return self.find(path)
        except FileNotFoundError:
            at = self._handles[path] = self._tree.make_directories(self._tree.relative(path))
            return at

    def forget(self, path: bytes) -> None:
        """Open this directory anew when it is asked for next."""
        self._left.pop(path, None)
        at = self._handles.pop(path, None)
        if at is not None:
            os.close(at)

    def moved(self, path: bytes) -> bool:
        """Whether the path is another directory now than one that was used under it."""
        used = [self._left[path]] if path in self._left else []
        if path in self._handles:
            used.append(os.fstat(self._handles[path]))
        try:
            now = self._tree.stat(path) if used else None
        except OSError:
            return True
        return now is not None and not all(os.path.samestat(now, status) for status in used)

    def prune(self) -> None:
        """Remove the emptied directories that hold nothing any more, and those above that this leaves empty."""
        for path in self.emptied:
            with contextlib.suppress(OSError):  # in use, mostly
                at = self.find(path)
                os.rmdir(b"../" + path.rpartition(b"/")[2], dir_fd=at)
                self._prune_above(path.rpartition(b"/")[0])

    def _prune_above(self, path: bytes) -> None:
        while self._tree.relative(path):
            parent, _, name = path.rpartition(b"/")
            at = self._tree.open_handle(parent)
            try:
                os.rmdir(name, dir_fd=at)
            finally:
                os.close(at)
            path = parent

    def close(self) -> None:
        """Close every handle."""
        for at in self._handles.values():
            os.close(at)
        self._handles.clear()
