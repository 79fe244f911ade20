"""An agent: changes keys through fsstore. Every number it writes is larger than all before it."""

from __future__ import annotations

import random
from typing import Any

import fsstore

from .values import checked


class Agent:
    """One agent of a store, at work in key ranges of its own."""

    def __init__(self, root: str, number: int) -> None:
        self.id = number
        self.name = f"agent {number}"
        self._store = fsstore.open(root, self.name)
        self._draw = random.Random(number)
        self._count = 0

    def value(self, key: str, size: int = 50, batch: str | None = None) -> dict[str, Any]:
        """The next value of a key."""
        self._count += 1
        return checked(key, self._count, self.name, size, batch)

    def set(self, namespace: str, key: str, size: int = 50) -> int:
        """Set one key; the number in its value."""
        self._store.use_namespace(namespace).set(key, self.value(key, size))
        return self._count

    def delete(self, namespace: str, key: str) -> None:
        """Delete one key."""
        self._store.use_namespace(namespace).delete(key)

    def sets(self, count: int, keys: int) -> None:
        """So many sets, over so many keys in twenty directories, one after the other."""
        data = self._store.use_namespace("sets")
        for number in range(count):
            key = f"{self.id}:{number % keys % 20}:{number % keys}"
            data.set(key, self.value(key))

    def deep(self, count: int) -> None:
        """So many keys, each in directories that are made for it; each third is set again at once."""
        data = self._store.use_namespace(f"deep{self.id}")
        for number in range(count):
            key = f"a{number % 50}:b{number}:c{number % 3}:d:leaf"
            for _ in range(2 if number % 3 == 0 else 1):
                data.set(key, self.value(key))

    def comings_and_goings(self, count: int) -> None:
        """Keys are set and deleted, in no order; where the last one goes its directory does too."""
        data = self._store.use_namespace("mixed")
        for _ in range(count):
            key = f"{self.id}:{self._draw.randrange(20)}:{self._draw.randrange(3)}"
            if self._draw.random() < 0.4:
                data.delete(key)
            else:
                data.set(key, self.value(key, self._draw.choice((10, 300, 5000))))

    def batches(self, count: int) -> None:
        """Ten keys at once, so many times; three batches touch each key."""
        data = self._store.use_namespace("batches")
        for number in range(count):
            batch = f"{self.id}.{self._count}"
            keys = [f"{self.id}:{number // 3}:{each}" for each in range(10)]
            data.set_many({key: self.value(key, batch=batch) for key in keys})

    def beside_people(self, count: int) -> None:
        """Sets of keys that people edit too."""
        data = self._store.use_namespace("shared")
        for _ in range(count):
            key = f"k{self._draw.randrange(50)}"
            data.set(key, self.value(key))

    def fill(self, namespace: str, prefix: str, count: int) -> None:
        """Set keys that begin like this, one after the other."""
        for number in range(count):
            self.set(namespace, f"{prefix}{number}")

    def remove(self, namespace: str, prefix: str, count: int) -> None:
        """Delete what `fill` set."""
        for number in range(count):
            self.delete(namespace, f"{prefix}{number}")

    def set_many(self, namespace: str, keys: list[str]) -> None:
        """Set keys, all at once."""
        self._count += 1
        batch = f"{self.id}.{self._count}"
        self._store.use_namespace(namespace).set_many({key: self.value(key, batch=batch) for key in keys})

    def snapshot(self) -> str:
        """The id of the newest commit."""
        made = self._store.snapshot()
        assert made is not None
        return made.id
