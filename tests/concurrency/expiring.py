"""The model of a namespace whose keys end by themselves: dicts, and a clock that a test sets. It has no store."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fsstore import Replaced

from .model import Change, Model


class Clock:
    """Seconds that have passed since the test began."""

    def __init__(self) -> None:
        self.passed = 0.0

    def __deepcopy__(self, memo: dict[int, Any]) -> Clock:
        return self


class ExpiringModel(Model):
    """The keys of one namespace, of which some end."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self.clock = clock
        self.ends: dict[str, float] = {}
        self.left: set[str] = set()
        """Keys that have ended, and of which something is there still."""

    def pass_away(self) -> None:
        """Remove what has ended; to be called when time has passed."""
        for key in [key for key, end in self.ends.items() if self.clock.passed >= end]:
            super().delete(key)
            del self.ends[key]
            self.left.add(key)

    def _end(self, key: str, ttl: float | None) -> None:
        self.left.discard(key)
        self.ends.pop(key, None)
        if ttl is not None:
            self.ends[key] = self.clock.passed + ttl

    def set(self, key: str, value: Any, metadata: Mapping[str, Any] | None = None, ttl: float | None = None) -> None:
        super().set(key, value, metadata)
        self._end(key, ttl)

    def create(self, key: str, value: Any, metadata: Mapping[str, Any] | None = None, ttl: float | None = None) -> None:
        super().create(key, value, metadata)
        self._end(key, ttl)

    def set_many(
        self, items: Mapping[str, Any], metadata: Mapping[str, Any] | None = None, ttl: float | None = None
    ) -> int:
        for key, value in items.items():
            self.set(key, value, metadata, ttl)
        return len(items)

    def set_default(self, key: str, value: Any, ttl: float | None = None) -> Any:
        if key not in self.values:
            self.set(key, value, None, ttl)
        return self.get(key)

    def update(self, key: str, fn: Change, default: Any = None) -> Any:
        end = self.ends.get(key)
        new = super().update(key, fn, default)
        if end is not None:
            self.ends[key] = end
        return new

    def delete(self, key: str) -> bool:
        self.left.discard(key)
        self.ends.pop(key, None)
        return super().delete(key)

    def pop(self, key: str, *default: Any) -> Any:
        self.left.discard(key)
        return super().pop(key, *default)

    def copy(self, source: str, target: str, overwrite: bool = False) -> None:
        super().copy(source, target, overwrite)
        if source != target:
            self.ends.pop(target, None)
            if source in self.ends:
                self.ends[target] = self.ends[source]

    def touch(self, key: str, ttl: float) -> bool:
        if key in self.values:
            self.ends[key] = self.clock.passed + ttl
        return key in self.values

    def persist(self, key: str) -> bool:
        self.ends.pop(key, None)
        return key in self.values

    def sweep(self) -> int:
        count = len(self.left)
        self.left.clear()
        return count

    def replace_all(self, items: Mapping[str, Any]) -> Replaced:
        """What loses its end is changed, though its value be the same."""
        lasting = {key for key in items if key in self.ends}
        found = super().replace_all(items)
        return found._replace(
            changed=sorted({*found.changed, *lasting}), unchanged=[key for key in found.unchanged if key not in lasting]
        )
