"""The peers, opened as their users open them. Nothing is measured here.

A peer that is not installed raises `NotInstalled`; its rows are left out and say so.
"""

from __future__ import annotations

import asyncio
import importlib
import os
from collections.abc import Mapping, Sequence
from typing import Any

import orjson

NOTES = {
    "naive": "open, write, os.replace / open, read, loads / os.scandir; orjson, compact",
    "diskcache": "diskcache.Cache, default settings: pickled dicts in SQLite",
    "lmdb": "one transaction an operation, orjson values, sync=False; for information only",
    "FileTreeStore": "py-key-value's, one event loop; it syncs each file that it writes",
    "raw inotify": "poll, read, then open, read, close, orjson.loads of each file, in one thread",
    "Observer": "watchdog's, asked for new files only, and the same read of each",
    "watchfiles": "debounce=1, step=1 (ms), no filter, and the same read of each",
}


class NotInstalled(Exception):
    """A peer is not there: pip install 'fsstore[bench]' installs all."""


def load(module: str) -> Any:
    """A peer's module. Raises `NotInstalled`."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise NotInstalled(f"{error.name or module} is not installed") from error


class Naive:
    """What one writes without a store: a file per key, replaced whole; no lock, no check, links followed."""

    def __init__(self, root: str) -> None:
        self.root = root
        os.makedirs(root)

    def get(self, key: str) -> Any:
        """The value of a key."""
        with open(os.path.join(self.root, *key.split(":")) + ".json", "rb") as file:
            return orjson.loads(file.read())

    def set(self, key: str, value: Any) -> None:
        """Replace the file of a key."""
        path = os.path.join(self.root, *key.split(":")) + ".json"
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path + ".tmp", "wb") as file:
            file.write(orjson.dumps(value))
        os.replace(path + ".tmp", path)

    def delete(self, key: str) -> None:
        """Remove the file of a key."""
        os.unlink(os.path.join(self.root, *key.split(":")) + ".json")


def naive_list(root: str) -> list[str]:
    """All keys below a directory, sorted."""
    found: list[str] = []

    def walk(directory: str, start: str) -> None:
        with os.scandir(directory) as entries:
            for entry in entries:
                if entry.is_dir():
                    walk(entry.path, f"{start}{entry.name}:")
                elif entry.name.endswith(".json"):
                    found.append(start + entry.name[:-5])

    walk(root, "")
    found.sort()
    return found


def open_diskcache(root: str, *, full: bool = False) -> Any:
    """A ``diskcache.Cache``; ``full``: with ``synchronous=FULL``, each write survives a loss of power."""
    return load("diskcache").Cache(root, **({"sqlite_synchronous": 2} if full else {}))


class Lmdb:
    """LMDB with a transaction for each operation, durable against the end of the process as fsstore is."""

    def __init__(self, root: str) -> None:
        self._env = load("lmdb").open(root, map_size=1 << 30, sync=False, metasync=False)

    def get(self, key: str) -> Any:
        """The value of a key."""
        with self._env.begin() as transaction:
            return orjson.loads(transaction.get(key.encode()))

    def set(self, key: str, value: Any) -> None:
        """Store a value."""
        with self._env.begin(write=True) as transaction:
            transaction.put(key.encode(), orjson.dumps(value))

    def increment(self, key: str) -> int:
        """Add one."""
        with self._env.begin(write=True) as transaction:
            number: int = orjson.loads(transaction.get(key.encode())) + 1
            transaction.put(key.encode(), orjson.dumps(number))
        return number

    def close(self) -> None:
        """Release the map."""
        self._env.close()


class FileTree:
    """py-key-value's ``FileTreeStore``, driven from one event loop, a whole piece of work a call."""

    def __init__(self, root: str) -> None:
        self._store = load("key_value.aio.stores.filetree").FileTreeStore(data_directory=root)
        self._runner = asyncio.Runner()

    def get_each(self, keys: Sequence[str]) -> list[Any]:
        """The values, one after the other."""

        async def run() -> list[Any]:
            return [await self._store.get(key) for key in keys]

        return self._runner.run(run())

    def set_each(self, items: Sequence[tuple[str, Any]]) -> None:
        """Store items one after the other."""

        async def run() -> None:
            for key, value in items:
                await self._store.put(key, value)

        self._runner.run(run())

    def delete_each(self, keys: Sequence[str]) -> None:
        """Remove keys one after the other."""

        async def run() -> None:
            for key in keys:
                await self._store.delete(key)

        self._runner.run(run())

    def get_many(self, keys: Sequence[str]) -> list[Any]:
        """The values, in one call."""
        found: list[Any] = self._runner.run(self._store.get_many(list(keys)))
        return found

    def set_many(self, items: Mapping[str, Any]) -> None:
        """Store items in one call."""
        self._runner.run(self._store.put_many(list(items), list(items.values())))

    def delete_many(self, keys: Sequence[str]) -> None:
        """Remove keys in one call."""
        self._runner.run(self._store.delete_many(list(keys)))

    def close(self) -> None:
        """End the event loop."""
        self._runner.close()
