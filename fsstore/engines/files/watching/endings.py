"""When the watched keys end by themselves, as the files beside them say. It tells nothing, and reads no value.

Only in namespaces whose rules say that keys may end are these files looked at; there their directories are watched,
too. Of every other namespace one watch is taken, and that only if it has metadata.
"""

from __future__ import annotations

import contextlib
import heapq
import logging
import os
import stat
import time

from fsstore import values
from fsstore.engines.files.atomic import DIRECTORY, Tree
from fsstore.engines.files.layout import META, RULES
from fsstore.engines.files.rules import LIMIT, parse_rules
from fsstore.engines.files.sidecars import end_of, parse
from fsstore.engines.files.watching.inotify import ISDIR, Inotify, LimitReached

_log = logging.getLogger("fsstore")
_RULES = os.path.basename(RULES)
_AGAIN = 1.0  # seconds between two looks where the kernel does not tell of changes


class Endings:
    """The ends of all keys of one store."""

    def __init__(self, tree: Tree, notifier: Inotify | None, limit: int) -> None:
        self._tree, self._notifier, self._limit = tree, notifier, limit
        self.ends: dict[str, float] = {}
        """By the path of a key's file, in seconds since the epoch."""
        self.watched: dict[int, str] = {}
        """Paths of the directories of metadata, by the kernel's numbers."""
        self._mortal: dict[str, bool] = {}
        """Paths of namespaces, and whether keys may end there."""
        self._dirty: dict[str, None] = {}
        """Paths of namespaces, and of directories and files of metadata, that are to be looked at."""
        self._timers: list[tuple[float, str]] = []
        self._changed: set[str] = set()
        self._is_polled = False
        self._look_again = 0.0

    @property
    def is_dirty(self) -> bool:
        """Whether there is anything to look at."""
        return bool(self._dirty)

    @property
    def any(self) -> bool:
        """Whether any key ends by itself."""
        return bool(self.ends)

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

    def next_time(self) -> int | None:
        """When a key ends, or one has to look, in ns of the monotonic clock; ``None``: only a hint can tell."""
        first = self._timers[0][0] if self._timers else None
        if self._is_polled:
            first = min(first or self._look_again, self._look_again)
        return None if first is None else time.monotonic_ns() + max(0, int((first - time.time()) * 1e9) + 1)

    def take(self) -> set[str]:
        """Look at what may have changed; the paths of keys' files whose end has come, or was taken back."""
        now = time.time()
        if self._is_polled and now >= self._look_again:
            self.add_all()
            self._look_again = now + _AGAIN
        while self._dirty:
            dirty, self._dirty = self._dirty, {}
            for path in dirty:
                self._look(path)
        found, self._changed = self._changed, set()
        while self._timers and self._timers[0][0] <= now:
            end, path = heapq.heappop(self._timers)
            if self.ends.get(path) == end:
                found.add(path)
        return found

    def has_ended(self, path: str) -> bool:
        """Whether the key of a file has ended; the file beside it is read once more."""
        end = self.ends.get(path)
        if end is None or time.time() < end:
            return False
        root = self._namespace_of(path)
        self._read(f"{root}/{META}{path[len(root) :]}" if root else "")
        end = self.ends.get(path)
        return end is not None and time.time() >= end

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
            self._forget(beside, watch=True)

    def _walk(self, directory: str) -> None:
        """Read all files in a directory of metadata and below; what is not there any more ends nothing."""
        prefix = directory + "/"
        before = {path for path in self.ends if self._beside(path).startswith(prefix)}
        todo = [directory]
        while todo:
            at = todo.pop()
            if not self._watch(at):
                continue
            try:
                names = os.listdir(self._tree.absolute(at))
            except OSError:
                continue
            for each in map(os.fsdecode, names):
                path = f"{at}/{each}"
                if each.startswith("."):
                    continue
                if each.endswith(".json"):
                    before.discard(_value_of(path))
                    self._read(path)
                elif self._is_directory(path):
                    todo.append(path)
        for path in before:
            self._note(path, None)

    def _is_directory(self, path: str) -> bool:
        try:
            return stat.S_ISDIR(self._tree.stat(path).st_mode)
        except OSError:
            return False

    def _beside(self, path: str) -> str:
        root = self._namespace_of(path)
        return f"{root}/{META}{path[len(root) :]}"

    def _read(self, path: str) -> None:
        """When a key ends, by the path of the file beside it. A damaged one ends nothing."""
        if not path:
            return
        try:
            end = end_of(parse(self._tree.read(path, self._limit)))
        except (OSError, values.Malformed):
            end = None
        self._note(_value_of(path), end)

    def _note(self, path: str, end: float | None) -> None:
        old = self.ends.get(path)
        if old == end:
            return
        now = time.time()
        if end is None:
            del self.ends[path]
        else:
            self.ends[path] = end
            heapq.heappush(self._timers, (end, path))
        if old is not None and old <= now:
            self._changed.add(path)

    def _watch(self, directory: str) -> bool:
        """Hear of what happens in a directory of metadata; whether it is there."""
        try:
            fd = self._tree.open(directory, DIRECTORY)
        except OSError:
            return False
        try:
            if self._notifier is not None:
                self.watched[self._notifier.add(self._tree.absolute(directory), fd)] = directory
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
        return True

    def _forget(self, directory: str, *, watch: bool = False) -> None:
        """Nothing beside these keys ends them; ``watch``: the directory itself is watched on."""
        prefix = directory + "/"
        for path in [path for path in self.ends if self._beside(path).startswith(prefix)]:
            self._note(path, None)
        for number, each in list(self.watched.items()):
            if each.startswith(prefix) or (each == directory and not watch):
                del self.watched[number]
                if self._notifier is not None:
                    with contextlib.suppress(OSError):
                        self._notifier.remove(number)


def _value_of(beside: str) -> str:
    """The path of a key's file, by that of the file beside it."""
    return beside.replace(f"/{META}/", "/", 1)
