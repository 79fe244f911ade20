"""What a namespace's verbs do, said again with two dicts: the model that a store is compared with. It has no store."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import Any, NoReturn

from fsstore import Conflict, NotFound, Replaced, UnsupportedType

Change = Callable[[Any], Any]


class Model:
    """The keys of one namespace. Values are JSON values."""

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}
        self.metadata: dict[str, dict[str, Any]] = {}
        """Of keys that exist; those without any may lack."""

    # -- reading -----------------------------------------------------------------------------------

    def get(self, key: str, default: Any = None) -> Any:
        return copy.deepcopy(self.values.get(key, default))

    def exists(self, key: str) -> bool:
        return key in self.values

    def get_all(self) -> dict[str, Any]:
        return self.get_prefix("")

    def get_prefix(self, prefix: str) -> dict[str, Any]:
        return {key: self.get(key) for key in self.list_keys(prefix)}

    def get_many(self, keys: list[str]) -> dict[str, Any]:
        return {key: self.get(key) for key in keys if key in self.values}

    def list_keys(self, prefix: str = "") -> list[str]:
        return sorted(key for key in self.values if key.startswith(prefix))

    def count(self, prefix: str = "") -> int:
        return len(self.list_keys(prefix))

    def metadata_of(self, key: str) -> dict[str, Any]:
        return self.metadata.get(key, {})

    # -- one key -----------------------------------------------------------------------------------

    def set(self, key: str, value: Any, metadata: Mapping[str, Any] | None = None) -> None:
        old = self.metadata_of(key) if key in self.values else {}
        self.values[key] = copy.deepcopy(value)
        self.metadata[key] = {**old, **(metadata or {})}

    def create(self, key: str, value: Any, metadata: Mapping[str, Any] | None = None) -> None:
        if key in self.values:
            conflict(key)
        self.set(key, value, metadata)

    def delete(self, key: str) -> bool:
        self.metadata.pop(key, None)
        return self.values.pop(key, self) is not self

    def pop(self, key: str, *default: Any) -> Any:
        if key not in self.values:
            return default[0] if default else missing(key)
        value = self.values[key]
        self.delete(key)
        return value

    def set_default(self, key: str, value: Any) -> Any:
        if key not in self.values:
            self.set(key, value)
        return self.get(key)

    def update(self, key: str, fn: Change, default: Any = None) -> Any:
        self.set(key, fn(self.get(key, default)))
        return self.get(key)

    def increment(self, key: str, by: float = 1, default: float = 0) -> Any:
        old = self.get(key, default)
        if isinstance(old, bool) or not isinstance(old, int | float):
            wrong_type()
        return self.update(key, lambda _: old + by)

    def append(self, key: str, item: Any, maxlen: int | None = None) -> Any:
        old = self.get(key, [])
        if not isinstance(old, list):
            wrong_type()
        return self.update(key, lambda _: [*old, item][-maxlen if maxlen else 0 :])

    def merge(self, key: str, mapping: Mapping[str, Any]) -> Any:
        """Of mappings without mappings in them."""
        old = self.get(key, {})
        merged = {**(old if isinstance(old, dict) else {}), **mapping}
        removed = {name for name, member in mapping.items() if member is None}
        return self.update(key, lambda _: {name: member for name, member in merged.items() if name not in removed})

    # -- several keys ------------------------------------------------------------------------------

    def set_many(self, items: Mapping[str, Any], metadata: Mapping[str, Any] | None = None) -> int:
        for key, value in items.items():
            self.set(key, value, metadata)
        return len(items)

    def delete_many(self, keys: list[str]) -> int:
        return sum(self.delete(key) for key in keys)

    def delete_prefix(self, prefix: str) -> int:
        return self.delete_many(self.list_keys(prefix))

    def clear(self) -> int:
        return self.delete_many(self.list_keys())

    def replace_all(self, items: Mapping[str, Any]) -> Replaced:
        old = dict(self.values)
        self.delete_many([key for key in old if key not in items])
        self.set_many(items)
        stay = {key for key in items if key in old}
        unchanged = {key for key in stay if repr(old[key]) == repr(items[key])}
        return Replaced(
            sorted(set(items) - stay), sorted(stay - unchanged), sorted(set(old) - set(items)), sorted(unchanged)
        )

    def copy(self, source: str, target: str, overwrite: bool = False) -> None:
        if source not in self.values:
            missing(source)
        if source != target:
            if target in self.values and not overwrite:
                conflict(target)
            self.set(target, self.values[source], self.metadata_of(source))

    def move(self, source: str, target: str, overwrite: bool = False) -> None:
        self.copy(source, target, overwrite)
        if source != target:
            self.delete(source)


def conflict(key: str) -> NoReturn:
    raise Conflict("of the model", namespace="", key=key, expected=None, actual=None)


def missing(key: str) -> NoReturn:
    raise NotFound("of the model", namespace="", key=key)


def wrong_type() -> NoReturn:
    raise UnsupportedType("of the model", json_path="$", type_name="")
