"""When the watched keys end by themselves, as the files beside them say. It tells nothing, and reads no value.

Only in namespaces whose rules say that keys may end are these files looked at; there their directories are watched,
too. Of every other namespace one watch is taken, and that only if it has metadata.
"""

from __future__ import annotations

import contextlib
import logging
import os
import time

from fsstore import values
from fsstore.engines.files.atomic import DIRECTORY, Tree
from fsstore.engines.files.layout import META, RULES
from fsstore.engines.files.rules import LIMIT, parse_rules
from fsstore.engines.files.sidecars import end_of, parse
from fsstore.engines.files.watching.directories import signature
from fsstore.engines.files.watching.inotify import ISDIR, Inotify, LimitReached
from fsstore.engines.files.watching.timers import Timers

_log = logging.getLogger("fsstore")
_RULES = os.path.basename(RULES)
_AGAIN, _SHARE = 1.0, 20
"""Seconds between two looks where the kernel tells nothing, and how many times as long as such a look takes."""
_SETTLED = 0.05  # seconds: a file that was changed later may be written again within one tick of its clock


class _Beside:
    """One directory of metadata."""

    __slots__ = ("below", "files", "watch")

    def __init__(self) -> None:
        self.watch = -1
        """The kernel's number for it; -1 where it does not watch it."""
        self.files: dict[str, bytes] = {}
        """By name, the signatures of the files in it as they were read; empty for one that may be written again."""
        self.below: set[str] = set()
        """Names of the directories in it."""


class Endings:
    """The ends of all keys of one store."""

    def __init__(self, tree: Tree, notifier: Inotify | None, limit: int) -> None:
        self._tree, self._notifier, self._limit = tree, notifier, limit
        self._timers = Timers()
        self.ends, self.over = self._timers.ends, self._timers.over
        """By the paths of keys' files, in seconds since the epoch: when they end, and when those did that are over."""
        self.watched: dict[int, str] = {}
        """Paths of the directories of metadata, by the kernel's numbers."""
        self._mortal: dict[str, bool] = {}
        """Paths of namespaces, and whether keys may end there."""
        self._dirty: dict[str, None] = {}
        """Paths of namespaces, and of directories and files of metadata, that are to be looked at."""
        self._known: dict[str, _Beside] = {}
        """By path, the directories of metadata of namespaces where keys may end, and the uppermost of all others."""
        self._is_polled = False
        self._look_again = 0.0

    @property
    def is_dirty(self) -> bool:
        """Whether there is anything to look at."""
        return bool(self._dirty)

    def add(self, namespace: str) -> None:
        """The directory of a namespace is there, or its metadata may be another."""
        self._mortal.setdefault(namespace, False)
        self._dirty[namespace] = None

    def add_all(self) -> None:
        """Anything may have happened."""
        self._dirty.update(dict.fromkeys(self._mortal))

    def drop(self, namespace: str) -> None:
        """The directory is gone."""
        if self._mortal.pop(namespace, None) is not None:
            self._dirty.pop(namespace, None)
            self._forget(f"{namespace}/{META}")

    def hint(self, number: int, name: str, mask: int) -> None:
        """Something happened in a directory of metadata."""
        directory = self.watched[number]
        if name == _RULES:
            self._dirty[directory.removesuffix(f"/{META}")] = None
        elif mask & ISDIR or name.endswith(".json"):
            self._dirty[f"{directory}/{name}"] = None

    def watched_no_more(self, number: int) -> None:
        """The kernel has given up a watch."""
        if (path := self.watched.pop(number, None)) is not None and path in self._known:
            self._known[path].watch = -1

    def next_time(self) -> int | None:
        """When a key ends, or one has to look, in ns of the monotonic clock; ``None``: only a hint can tell."""
        seconds = self._timers.seconds()
        waits = [] if seconds is None else [seconds]
        if self._is_polled:
            waits.append(self._look_again - time.monotonic())
        return time.monotonic_ns() + max(0, int(min(waits) * 1e9) + 1) if waits else None

    def take(self) -> set[str]:
        """Look at what may have changed; the paths of keys' files whose end has come, or was taken back."""
        self._timers.begin()
        begun = time.monotonic()
        looks = self._is_polled and begun >= self._look_again
        if looks:
            self.add_all()
        while self._dirty:
            dirty, self._dirty = self._dirty, {}
            for path in dirty:
                self._look(path)
        if looks:
            ended = time.monotonic()
            self._look_again = ended + max(_AGAIN, (ended - begun) * _SHARE)
        return self._timers.take()

    def has_ended(self, path: str) -> bool:
        """Whether the key of a file has ended; the file beside it is read once more."""
        if not self._timers.has_come(path):
            return False
        root = self._namespace_of(path)
        self._read(f"{root}/{META}{path[len(root) :]}" if root else "")
        return self._timers.has_come(path)  # not if it was taken back just now

    def end_of_gone(self, path: str) -> float | None:
        """When a key had ended whose file is there no more, or counts as none; ``None`` if it had not."""
        return self._timers.end_of_gone(path)

    def _namespace_of(self, path: str) -> str:
        at = path.find("/")
        while at >= 0 and path[:at] not in self._mortal:
            at = path.find("/", at + 1)
        return path[:at] if at >= 0 else ""

    # -- looking -----------------------------------------------------------------------------------

    def _look(self, path: str) -> None:
        """At a namespace, a directory of metadata, or one file in it."""
        if path in self._mortal:
            self._look_at_namespace(path)
        elif not self._mortal.get(path.partition(f"/{META}")[0]):
            return
        elif path.endswith(".json"):
            self._read(path)
        else:
            self._walk(path)

    def _look_at_namespace(self, namespace: str) -> None:
        beside = f"{namespace}/{META}"
        if not self._watch(beside):
            self._forget(beside)
            return
        try:
            mortal = parse_rules(self._tree.read(f"{namespace}/{RULES}", LIMIT)).expires
        except (FileNotFoundError, NotADirectoryError):
            mortal = False
        except (OSError, values.Malformed):
            mortal = True  # as those who read the keys have it
        self._mortal[namespace] = mortal
        if mortal:
            self._walk(beside)
        else:
            self._empty(beside)

    def _walk(self, directory: str) -> None:
        """Read what may be new in a directory of metadata and below; what is not there any more ends nothing."""
        parent, _, name = directory.rpartition("/")
        if (above := self._known.get(parent)) is not None:
            above.below.add(name)
        todo = [directory]
        while todo:
            at = todo.pop()
            if not self._watch(at):
                self._forget(at)
                continue
            known = self._known[at]
            try:
                files, below = self._listed(at)
            except OSError:  # it goes just now
                continue
            for each in files:
                self._read(f"{at}/{each}", known.files.get(each, b""))
            for each in known.files.keys() - files:
                self._read(f"{at}/{each}")
            for each in known.below - below:
                self._forget(f"{at}/{each}")
            known.below = below
            todo += [f"{at}/{each}" for each in below]

    def _listed(self, directory: str) -> tuple[set[str], set[str]]:
        """Names of the files in a directory that may be metadata, and of the directories in it."""
        files, below = set(), set()
        fd = self._tree.open(directory, DIRECTORY)  # whose path may be longer than the kernel takes in one call
        try:
            with os.scandir(fd) as entries:
                for entry in entries:
                    name = entry.name
                    if name.startswith("."):
                        continue
                    if name.endswith(".json"):
                        files.add(name)
                    elif entry.is_dir(follow_symlinks=False):
                        below.add(name)
        finally:
            os.close(fd)
        return files, below

    def _read(self, path: str, known: bytes = b"") -> None:
        """When a key ends, by the path of the file beside it, unless that has the known signature.

        A damaged one ends nothing.
        """
        directory, _, name = path.rpartition("/")
        beside = self._known.get(directory)
        end, now = None, b""
        try:
            status = self._tree.stat(path)
            now = signature(status)
            if now == known:
                return
            if abs(time.time() - status.st_ctime) < _SETTLED:
                now = b""
            end = end_of(parse(self._tree.read(path, self._limit)))
        except (FileNotFoundError, NotADirectoryError):
            if beside is not None:
                beside.files.pop(name, None)
            beside = None
        except (OSError, values.Malformed):
            now = b""
        if beside is not None:
            beside.files[name] = now
        self._timers.note(_value_of(path), end)

    def _watch(self, directory: str) -> bool:
        """Hear of what happens in a directory of metadata; whether it is there."""
        try:
            fd = self._tree.open(directory, DIRECTORY)
        except OSError:
            return False
        number = -1
        try:
            if self._notifier is not None:
                number = self._notifier.add(self._tree.absolute(directory), fd)
        except LimitReached:
            if not self._is_polled:
                _log.warning(
                    "%s: the limit of watched directories is reached; when keys end is polled", self._tree.root
                )
            self._is_polled = True
        except OSError:
            return False
        finally:
            os.close(fd)
        known = self._known.setdefault(directory, _Beside())
        if known.watch != number:
            self._unwatch(known)
            known.watch = number
        if number >= 0:
            before = self.watched.get(number, directory)
            if before != directory and before in self._known:  # it was moved here
                self._known[before].watch = -1
            self.watched[number] = directory
        return True

    def _unwatch(self, known: _Beside) -> None:
        number, known.watch = known.watch, -1
        if self.watched.pop(number, None) is not None and self._notifier is not None:
            with contextlib.suppress(OSError):
                self._notifier.remove(number)

    def _forget(self, directory: str) -> None:
        """It is not there any more, and nothing beside these keys ends them."""
        self._empty(directory)
        if (known := self._known.pop(directory, None)) is not None:
            self._unwatch(known)
        parent, _, name = directory.rpartition("/")
        if (above := self._known.get(parent)) is not None:
            above.below.discard(name)

    def _empty(self, directory: str) -> None:
        """Nothing in it ends a key."""
        known = self._known.get(directory)
        if known is None:
            return
        files, below = known.files, known.below
        known.files, known.below = {}, set()
        for name in files:
            self._timers.note(_value_of(f"{directory}/{name}"), None)
        for name in below:
            self._forget(f"{directory}/{name}")


def _value_of(beside: str) -> str:
    """The path of a key's file, by that of the file beside it."""
    return beside.replace(f"/{META}/", "/", 1)
