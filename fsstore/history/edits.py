"""Which files are not what the index says: whoever changed them, by whatever means. Nothing is read but directories.

Every change but one made in place alters the directory of its file, and directories that are as they were need not be
looked into. What was written in place is found by a sweep over all of them. The rules are git's: size, times
and inode tell, and what is younger than the clock's tick tells nothing.
"""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Iterable, Mapping

from fsstore.engines.files.atomic import DIRECTORY, Tree
from fsstore.engines.files.layout import RUNTIME
from fsstore.history.entries import Status
from fsstore.history.index import Index
from fsstore.history.state import Seen

_SECOND, _MAX = 1_000_000_000, 0xFFFFFFFF
_REPOSITORY = 0o16  # the first digits of a submodule's mode
_GONE = (FileNotFoundError, NotADirectoryError)
_NOT_OURS = frozenset({".git", RUNTIME})


class Edits:
    """One search through a store's directories."""

    def __init__(self, tree: Tree, index: Index, known: dict[str, Seen]) -> None:
        self._tree = tree
        self._tick = index.tick
        self._index = index
        self._known = known
        self.directories: dict[str, Seen] = {}
        """What is known of them now."""
        self.found: set[str] = set()
        """Paths of files that are others than in the index, that it does not have, or that are gone."""
        self.repositories: list[str] = []
        """Directories that are repositories of their own."""
        self.apart = 0
        """How many files were looked at in directories that no hub watches."""
        self._compared = 0

    def search(self, *, all_files: bool) -> None:
        """Look into the directories that changed, or into all."""
        known = self._known
        if all_files or not known:
            self._look("")
            return
        root = self._tree.open(self._tree.absolute("").rstrip(b"/"), DIRECTORY)
        try:
            self._search_known(root)
        finally:
            os.close(root)

    def has_looked_into(self, path: str) -> bool:
        """Whether it has looked at all files of a directory, or found it gone."""
        return self.directories.get(path) is not self._known.get(path)

    def compare(self, touched: Iterable[str]) -> None:
        """After `search`: look at these files, unless their directories were looked into."""
        root = self._tree.open(self._tree.absolute("").rstrip(b"/"), DIRECTORY)
        try:
            for path in touched:
                parent = path.rpartition("/")[0]
                if parent in self.directories and not self.has_looked_into(parent) and self._is_other(path, root):
                    self.found.add(path)
        finally:
            os.close(root)

    def _is_other(self, path: str, root: int) -> bool:
        """Whether one file is not as the index has it."""
        expected = self._index.status(os.fsencode(path))
        try:
            status = os.stat(path, dir_fd=root, follow_symlinks=False)
        except _GONE:
            return expected is not None
        if stat.S_ISDIR(status.st_mode):
            return False  # where it took the place of a file, that was found in the directory
        return expected is None or _is_changed(status, expected)

    def search_apart(self) -> None:
        """After `search`: look into all directories that no hub watches, unless it was done."""
        for path in [path for path in self.directories if _is_apart(path)]:
            if not self.has_looked_into(path):
                self._look(path, deep=False)

    def _search_known(self, root: int) -> None:
        look = os.stat
        for path, seen in self._known.items():
            if path in self.directories:  # seen on the way
                continue
            try:
                status = look(path or ".", dir_fd=root, follow_symlinks=False)
            except _GONE:
                self._gone(path)
                continue
            if not stat.S_ISDIR(status.st_mode):
                self._gone(path)
            elif seen[0] == status.st_mtime_ns and seen[1] == status.st_ino and seen[0] + self._tick <= seen[2]:
                self.directories[path] = seen
            else:
                self._look(path, deep=False)

    def _gone(self, path: str) -> None:
        self.found.update(os.fsdecode(name) for name in self._index.paths(os.fsencode(f"{path}/")))

    def _look(self, path: str, *, deep: bool = True) -> None:
        """Look at every file in a directory, and into those below it that are not known, or all."""
        looked = time.time_ns()
        try:
            fd = self._tree.open(self._tree.absolute(path).rstrip(b"/"), DIRECTORY)
        except OSError:
            self._gone(path)
            return
        try:
            status = os.fstat(fd)
            self.directories[path] = (status.st_mtime_ns, status.st_ino, looked)
            before = self._compared
            below = self._compare(path, fd)
            if _is_apart(path):
                self.apart += self._compared - before
        finally:
            os.close(fd)
        for name in below:
            if deep or (name not in self._known and name not in self.directories):
                self._look(name, deep=deep)

    def _compare(self, path: str, fd: int) -> list[str]:
        """Compare the files of a directory with the index; the directories in it."""
        under = f"{path}/" if path else ""
        if self._compare_files(under, fd):
            return []
        known = self._index.below(os.fsencode(under))
        below: list[str] = []
        found = self.found
        with os.scandir(fd) as entries:
            for entry in entries:
                name = entry.name
                expected = known.pop(name, None)
                if not entry.is_dir(follow_symlinks=False):
                    self._compared += 1
                    if not expected or _differs(entry, expected):
                        found.add(under + name)
                        if expected is False:
                            self._gone(under + name)
                elif expected and expected[6] >> 12 == _REPOSITORY:
                    pass  # a submodule, which is for people
                elif name not in _NOT_OURS or (path and name != ".git"):
                    below += self._directory(under + name)
                    if expected:
                        found.add(under + name)
        self._missing(under, known)
        return below

    def _compare_files(self, under: str, fd: int) -> bool:
        """The same in half the time, if the directory has the names that the index says, all of files; whether so."""
        expected = self._index.files(os.fsencode(under))
        if expected is None:
            return False
        names, known = expected
        if sorted(os.listdir(fd)) != names:  # also where names that are no UTF-8 are in another order
            return False
        look = os.stat
        try:
            statuses = [look(name, dir_fd=fd, follow_symlinks=False) for name in names]
        except OSError:  # gone this moment
            return False
        found = self.found
        for name, status, (changed, within, inode, mode, size) in zip(names, statuses, known, strict=True):
            if (
                changed * _SECOND + within != status.st_ctime_ns  # whatever changes mtime changes ctime
                or inode != status.st_ino & _MAX
                or size != status.st_size & _MAX
                or (mode ^ status.st_mode) & 0o140100  # the kind too, and whether it is a program
            ):
                if stat.S_ISDIR(status.st_mode):
                    return False
                found.add(under + name)
        self._compared += len(names)
        return True

    def _missing(self, under: str, known: Mapping[str, object]) -> None:
        """What the index has in a directory that has it not."""
        for name, expected in known.items():
            if expected is False:
                self._gone(under + name)
            else:
                self.found.add(under + name)

    def _directory(self, path: str) -> list[str]:
        """The directory, unless it is a repository of its own."""
        if os.path.lexists(f"{self._tree.root}/{path}/.git"):
            self.repositories.append(path)
            return []
        return [path]


def _differs(entry: os.DirEntry[str], expected: Status) -> bool:
    """Whether a file's status is not what the index has of it."""
    try:
        return _is_changed(entry.stat(follow_symlinks=False), expected)
    except FileNotFoundError:
        return True


def _is_changed(status: os.stat_result, expected: Status) -> bool:
    changed, written = status.st_ctime_ns, status.st_mtime_ns
    return (
        expected[9] != status.st_size & _MAX
        or expected[5] != status.st_ino & _MAX
        or expected[3] != written % _SECOND
        or expected[2] != written // _SECOND & _MAX
        or expected[1] != changed % _SECOND
        or expected[0] != changed // _SECOND & _MAX
        or expected[6] & 0o100 != status.st_mode & 0o100
    )


def _is_apart(path: str) -> bool:
    """Whether a directory's name, or that of one above it, begins with a dot: no hub watches it."""
    return path[:1] == "." or "/." in path
