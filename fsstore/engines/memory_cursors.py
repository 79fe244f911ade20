"""How far the watchers with a name have come in a store in memory. They end with the store."""

from __future__ import annotations

import weakref

from fsstore.cursors import require_name
from fsstore.engine import cursor_in_use
from fsstore.events import Told

Used = weakref.WeakValueDictionary[str, "MemoryCursor"]


class MemoryCursors:
    """The cursors of one store, by name. They end with the store."""

    def __init__(self) -> None:
        self._saved: dict[str, Told] = {}
        self._used: Used = weakref.WeakValueDictionary()  # one that nobody holds is free

    def open(self, name: str) -> MemoryCursor:
        """The cursor of this name. Raises `Conflict` if it is in use."""
        require_name(name)
        cursor = MemoryCursor(name, self._saved, self._used)
        if self._used.setdefault(name, cursor) is not cursor:
            raise cursor_in_use(name)
        return cursor

    def start_over(self) -> None:
        """In a forked child: its parent's watchers are not its own."""
        self._used.clear()


class MemoryCursor:
    """What one watcher has handled."""

    def __init__(self, name: str, saved: dict[str, Told], used: Used) -> None:
        self._name = name
        self._saved = saved
        self._used = used

    def load(self) -> Told | None:
        """A copy of what it had handled."""
        told = self._saved.get(self._name)
        return None if told is None else {namespace: dict(marks) for namespace, marks in told.items()}

    def reset(self, told: Told) -> None:
        """It has handled all of this, and nothing else."""
        if self._used.get(self._name) is self:
            self._saved[self._name] = {namespace: dict(marks) for namespace, marks in told.items()}

    def note(self, namespace: str, key: str, mark: bytes) -> None:
        """It has handled this."""
        if self._used.get(self._name) is not self:
            return
        told = self._saved.setdefault(self._name, {})
        if mark:
            told.setdefault(namespace, {})[key] = mark
        else:
            told.get(namespace, {}).pop(key, None)

    def close(self) -> None:
        """Free the name."""
        if self._used.get(self._name) is self:
            del self._used[self._name]
