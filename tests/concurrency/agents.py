"""Processes that use one store at once and note what they asked and were told. Run as ``-m concurrency.agents``."""

from __future__ import annotations

import json
import os
import random
import sys
import time
from collections.abc import Callable
from typing import Any

import fsstore
from fsstore import Store

KEYS = ("a", "b:c")
TOGETHER = ("x", "y:1", "y:2")

Call = Callable[[Store], Any]


def one_key(draw: random.Random, mark: int) -> tuple[str, str, Any, Call]:
    """A verb on one key: the key, the verb's name and argument, and the call."""
    key = draw.choice(KEYS)
    name = draw.choice(["get", "get", "get", "set", "delete", "create", "swap", "increment", "pop"])
    if name == "swap":
        old = draw.randrange(12)
        return key, name, (old, mark), lambda store: _swap(store, key, old, mark)
    argument = {"set": mark, "create": mark, "increment": 1}.get(name)
    calls: dict[str, Call] = {
        "get": lambda store: store.get(key),
        "set": lambda store: store.set(key, mark),
        "delete": lambda store: store.delete(key),
        "create": lambda store: _create(store, key, mark),
        "increment": lambda store: store.increment(key),
        "pop": lambda store: store.pop(key, None),
    }
    return key, name, argument, calls[name]


def together(draw: random.Random, mark: int) -> tuple[str, str, Any, Call]:
    """A verb on all keys that belong together."""
    name = draw.choice(["get_many", "get_many", "set_many", "transact"])
    calls: dict[str, Call] = {
        "get_many": lambda store: [*(dict.fromkeys(TOGETHER, 0) | store.get_many(TOGETHER)).values()],
        "set_many": lambda store: _forget(store.set_many(dict.fromkeys(TOGETHER, mark))),
        "transact": lambda store: _forget(store.transact(_add_to_each, retries=1000)),
    }
    argument = {"set_many": [mark] * len(TOGETHER), "transact": 1}.get(name)
    return "together", name, argument, calls[name]


def _forget(_: object) -> None:
    """An answer that says nothing."""


def _swap(store: Store, key: str, old: Any, new: Any) -> bool:
    """Compare and set, by the revision of the value that is to be replaced."""
    try:
        record = store.info(key)
    except fsstore.NotFound:
        return False
    if record.value != old:
        return False
    try:
        store.set(key, new, if_match=record.revision)
    except fsstore.Conflict:
        return False
    return True


def _create(store: Store, key: str, value: Any) -> bool:
    try:
        store.create(key, value)
    except fsstore.Conflict:
        return False
    return True


def _add_to_each(tx: Any) -> None:
    for key in TOGETHER:
        tx.increment(key)


def main(root: str, seed: int, count: int, kind: str) -> None:
    """Do so many operations, and print each before it begins and after it has returned."""
    draw = random.Random(seed)
    store = fsstore.open(root)
    print("ready", flush=True)
    sys.stdin.readline()
    for index in range(count):
        key, name, argument, call = (one_key if kind == "one" else together)(draw, draw.randrange(12))
        began = time.monotonic_ns()
        os.write(1, json.dumps([index, began, None, key, name, argument, None]).encode() + b"\n")
        answer = call(store)
        done = [index, began, time.monotonic_ns(), key, name, argument, answer]
        os.write(1, json.dumps(done).encode() + b"\n")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4])
