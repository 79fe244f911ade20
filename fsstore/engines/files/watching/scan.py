"""Looking through directories: each is watched first and listed then, so that nothing falls between the two."""

from __future__ import annotations

import contextlib
import logging
import os
import stat
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Iterator

from fsstore.engines.files.atomic import DIRECTORY, Tree
from fsstore.engines.files.layout import MARKER
from fsstore.engines.files.watching.directories import Directory, signature
from fsstore.engines.files.watching.endings import Endings
from fsstore.engines.files.watching.inotify import Inotify, LimitReached
from fsstore.engines.files.watching.touched import Touched
from fsstore.events import UNKNOWN

_log = logging.getLogger("fsstore")


class Scan(ABC):
    """The directories of one store as they are known, and what in them has to be looked at."""

    def __init__(self, tree: Tree, notifier: Inotify | None, limit: int) -> None:
        self._tree, self._notifier = tree, notifier
        self._marker = tree.absolute(MARKER)
        self.directories: dict[str, Directory] = {}
        """All but those whose names begin with a dot, and what is below them; by path."""
        self.unwatched: set[str] = set()
        """Paths of those that the kernel refused to watch."""
        self.is_baseline = True
        """Whether what is found is how it was before, and no change."""
        self.is_missing = False
        """Whether the store is not where it was."""
        self.is_root_in_doubt = False
        self.rescans = 0
        self.touched = Touched()
        """The files that had hints, for who wants to know what may have been edited."""
        self._watched: dict[int, Directory] = {}
        self._above: set[int] = set()
        """The kernel's numbers for the directories that the store lies in."""
        self._dirty: dict[str, int] = {}
        """Paths of files that may have changed, with the hints about them."""
        self._dirty_directories: dict[str, None] = {}
        self._everything = False
        self._unlearned: deque[str] = deque()
        self.endings = Endings(tree, notifier, limit)
        self._unreached: set[str] = set()
        """Paths of those that could not be opened for want of something."""

    def found_first(self) -> Iterator[str]:
        """Paths of the directories that there were when it began, each once."""
        while self._unlearned:
            yield self._unlearned.popleft()

    def rescan(self) -> None:
        """Look through all directories."""
        self.rescans += 1
        self.unwatched.intersection_update(self._unreached)
        self.endings.add_all()
        self.look("", deep=True)

    def look(self, path: str, *, deep: bool = False) -> None:
        """Look through one directory and those that are new in it; ``deep``: all below."""
        todo = [(path, deep)]
        while todo:
            path, deep = todo.pop()
            directory = self._find(path)
            if directory is None:
                continue
            try:
                fd = self._tree.open(self._tree.absolute(path).rstrip(b"/"), DIRECTORY)
            except OSError as error:
                self._drop_unless_scarce(path, error)
                continue
            try:
                number = self._watch(path, fd)
            except OSError as error:
                os.close(fd)
                self._drop_unless_scarce(path, error)
                continue
            try:
                if self._note_watch(directory, number):
                    deep = True
                    if directory.is_namespace:
                        self.endings.add(path)
                    if self.touched.times is not None:
                        self.touched.note(directory.prefix, os.listdir(fd))
                below = self._compare(directory, fd)
            except OSError as error:  # to list it takes one more descriptor
                self._unwatch(directory)  # so that it is new when it is looked through at last, and so is what is below
                self._drop_unless_scarce(path, error)
                continue
            finally:
                os.close(fd)
            self._unreached.discard(path)
            for name in directory.below - below:
                self.drop(directory.prefix + name)
            todo += [(directory.prefix + name, deep) for name in below if deep or name not in directory.below]

    def _find(self, path: str) -> Directory | None:
        """The directory, made known if its parent is; its place among the known ones."""
        directory = self.directories.get(path)
        if directory is not None:
            return directory
        if not path:
            directory = Directory.root()
        else:
            parent, _, name = path.rpartition("/")
            above = self.directories.get(parent)
            if above is None:
                return None
            directory = above.child(name)
            above.below.add(name)
        self.directories[path] = directory
        if directory.is_namespace:
            self.endings.add(path)
        if self.is_baseline:
            self._unlearned.append(path)
        return directory

    def _watch_above(self) -> None:
        """Hear of it if a directory that the store lies in is moved: nothing in it has a hint of that."""
        if self._notifier is None:
            return
        numbers = set()
        path = os.path.dirname(self._tree.root)
        while path != os.path.dirname(path):
            with contextlib.suppress(OSError):  # one that this process may not read
                numbers.add(self._notifier.add_moves(os.fsencode(path)))
            path = os.path.dirname(path)
        for number in self._above - numbers:
            self._notifier.remove(number)
        self._above = numbers

    def _watch(self, path: str, fd: int) -> int:
        """Let the kernel watch a directory that is open; -1 if it does not."""
        if self._notifier is None:
            self.unwatched.discard(path)  # all of it is polled
            return -1
        try:
            number = self._notifier.add(self._tree.absolute(path).rstrip(b"/"), fd)
        except LimitReached:
            if not self.unwatched:
                _log.warning(
                    "%s: the limit of watched directories is reached (sysctl fs.inotify.max_user_watches); %s and "
                    "others are polled",
                    self._tree.root,
                    path or "the store's root",
                )
            self.unwatched.add(path)
            return -1
        if self.unwatched:
            self.unwatched.discard(path)
        return number

    def _note_watch(self, directory: Directory, number: int) -> bool:
        """Remember by which number its hints come; whether it is another directory than before under that path."""
        if number == directory.watch:
            return False
        if directory.watch >= 0:
            self._unwatch(directory)
        other = self._watched.get(number)
        if (
            other is not None and other is not directory
        ):  # it was moved here from a place that is not known to be empty yet
            other.watch = -1
            self._dirty_directories[other.path] = None
        directory.watch = number
        if number >= 0:
            self._watched[number] = directory
        return True

    def _unwatch(self, directory: Directory) -> None:
        if self._watched.get(directory.watch) is directory:
            del self._watched[directory.watch]
            if self._notifier is not None:
                self._notifier.remove(directory.watch)
        directory.watch = -1

    def _compare(self, directory: Directory, fd: int) -> set[str]:
        """Compare the files with the known ones; the names of the directories in it."""
        files, prefix = directory.files, directory.prefix
        tracked, is_baseline, dirty = directory.level is not None, self.is_baseline, self._dirty
        below: set[str] = set()
        count = 0
        with os.scandir(fd) as entries:
            for entry in entries:
                name = entry.name
                if name[0] == ".":
                    continue
                if entry.is_dir(follow_symlinks=False):
                    below.add(name)
                elif tracked and name[-5:] == ".json":
                    try:
                        now = signature(entry.stat(follow_symlinks=False))
                    except OSError:
                        dirty.setdefault(prefix + name, 0)
                        continue
                    known = files.get(name)
                    if known is None:
                        if is_baseline:
                            files[name] = now + UNKNOWN
                        else:
                            dirty.setdefault(prefix + name, 0)
                            continue
                    elif not known.startswith(now):
                        dirty.setdefault(prefix + name, 0)
                    count += 1
        if count != len(files):
            self._find_missing(directory, fd)
        return below

    def _find_missing(self, directory: Directory, fd: int) -> None:
        there = set(os.listdir(fd))
        for name in directory.files:
            if name not in there:
                self._dirty.setdefault(directory.prefix + name, 0)

    def _drop_unless_scarce(self, path: str, error: OSError) -> None:
        """It cannot be opened: it is gone, unless this process lacks what it takes to open it."""
        try:
            is_there = stat.S_ISDIR(self._tree.stat(path).st_mode)
        except OSError:
            is_there = False
        if is_there:
            if path not in self._unreached:
                _log.warning("%s/%s was not looked through, and will be again: %s", self._tree.root, path, error)
            self._unreached.add(path)
            self.unwatched.add(path)
        else:
            self.drop(path)

    def is_there(self) -> bool:
        """Whether there is a store where it is watched."""
        return os.path.lexists(self._marker)

    def drop(self, path: str) -> None:
        """A directory is gone: so is all that was in it."""
        if not self.is_there():
            self.is_root_in_doubt = True
            self._dirty_directories[path] = None  # it counts if the store is back before it was missed
            return
        todo = [path]
        while todo:
            at = todo.pop()
            self.unwatched.discard(at)
            self._unreached.discard(at)
            directory = self.directories.pop(at, None)
            if directory is None:
                continue
            if directory.is_namespace:
                self.endings.drop(at)
            self._unwatch(directory)
            todo += [directory.prefix + name for name in directory.below]
            for name in list(directory.files):
                self.gone(directory, name)
        parent, _, name = path.rpartition("/")
        if (above := self.directories.get(parent)) is not None:
            above.below.discard(name)

    @abstractmethod
    def gone(self, directory: Directory, name: str) -> None:
        """Tell that a file is no more."""
