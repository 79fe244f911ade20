"""Asking a store for everything there is, and noting how each call ended."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import fsstore

KEYS: dict[str, Callable[[fsstore.Store], Any]] = {
    "get": lambda store: store.get("b"),
    "set": lambda store: store.set("new", 1),
    "delete": lambda store: store.delete("c"),
    "list_keys": lambda store: store.list_keys(),
}
"""What needs no history."""

HISTORY: dict[str, Callable[[fsstore.Store], Any]] = {
    "run": lambda store: _run(store),
    "snapshot": lambda store: store.snapshot(verify=True),
    "log": lambda store: list(store.log()),
    "log of a key": lambda store: list(store.log(key="a")),
    "log of a namespace": lambda store: list(store.log("default")),
    "history": lambda store: list(store.history("a")),
    "at": lambda store: store.at("HEAD").get_all(),
    "at earlier": lambda store: store.at("HEAD~1").get_all(),
    "diff": lambda store: store.diff("HEAD"),
    "diff of two": lambda store: store.diff("HEAD~1", "HEAD"),
    "blame": lambda store: store.blame("a"),
    "restore": lambda store: store.restore("HEAD~1", key="a"),
    "gc": lambda store: store.gc(),
    "doctor": lambda store: list(store.doctor()),
}


def _run(store: fsstore.Store) -> None:
    with store.run("runner") as data:
        data.set("of a run", {"n": 1})


def ask_for_all(root: str, told: Path) -> None:
    """Note a line for each call: its name, the error's class or nothing, whether it is the store's, what it says."""
    with fsstore.open(root, "asker") as store, told.open("w") as file:
        for name, ask in {**KEYS, **HISTORY}.items():
            answer = "", True, ""
            try:
                ask(store)
            except Exception as error:
                answer = type(error).__name__, isinstance(error, fsstore.StoreError), str(error)
            print(json.dumps([name, *answer]), file=file, flush=True)
        assert store.get("of a run") == {"n": 1}
