"""A store with watchers and writers around it, each in a process of its own, led step by step from a test."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from faults.tally import TALLY

import fsstore
from fsstore.opening import configure

from .orders import Process

SCALE = int(os.environ.get("FSSTORE_STORM_ROUNDS", "1"))
"""How many times as long as usual the storms are."""
PATIENT = {"SETTLED": 1.0}
"""For files that may be read half written without that anybody can tell: wait until nobody has written for a second."""


class Scene:
    """One store, and all who work on it."""

    def __init__(self, scratch: Path, settings: dict[str, Any] | None = None, root: Path | None = None) -> None:
        self.scratch = scratch
        self.root = root or scratch / "store"
        self.outside = scratch / "outside"
        self.outside.mkdir()
        self._all = contextlib.ExitStack()
        self._count = 0
        with fsstore.open(self.root):
            pass
        for name, value in (settings or {}).items():
            configure(self.root, name, value)

    def agent(self, number: int = 1) -> Process:
        """A program that writes through fsstore."""
        return self._start("writer", "agent", str(self.root), str(number))

    def person(self, number: int = 11) -> Process:
        """A program that knows nothing of fsstore."""
        return self._start("writer", "person", str(self.root), str(number))

    def mover(self, number: int = 21) -> Process:
        """A program that moves directories."""
        return self._start("writer", "mover", str(self.root), str(number), str(self.outside))

    def watcher(self, *watches: dict[str, Any], before: Sequence[str] = (), **options: Any) -> Process:
        """A program that watches: each argument is a subscription, by default there is one with a callback."""
        options = {"root": str(self.root), "watches": watches or [{"called": True}], **options}
        return self._start("watcher", json.dumps(options), before=before)

    def _start(self, module: str, *arguments: str, before: Sequence[str] = ()) -> Process:
        log = self.scratch / f"complaints-{self._count}"
        process = Process(module, log, *arguments, before=before)
        self._all.callback(process.end)
        process.answer()
        self._count += 1
        return process

    def close(self) -> None:
        """End all; nobody may have complained of a bug."""
        self._all.close()


def check(watcher: Process, **options: Any) -> dict[str, Any]:
    """Nothing is lost, stale, torn, a ghost, back in time, or told wrongly; all that the watcher says."""
    found: dict[str, Any] = watcher.ask("check", **options)
    told = sum(total(found["kinds"]))
    TALLY["events told in storms"] += told - watcher.counted
    watcher.counted = told
    assert found["faults"] == {}, (found["faults"], found["samples"], found["status"])
    return found


def all_at(*orders: tuple[Process, str, dict[str, Any]], meanwhile: Callable[[], object] | None = None) -> None:
    """Give each process its order, and wait for all; they work at the same time."""
    for process, verb, arguments in orders:
        process.order(verb, **arguments)
    if meanwhile is not None:
        meanwhile()
    for process, _, _ in orders:
        process.answer()


def total(kinds: Sequence[dict[str, int]]) -> list[int]:
    """How many events each subscription had."""
    return [sum(each.values()) for each in kinds]
