"""A process that wants one cached key with many tasks or threads, and tells what happens; a flaw may be put into it.

Arguments: the store's path, the file to which each call adds a line, how many want the key, ``tasks`` or ``threads``,
and the name of a flaw, or "". It says ``missed`` when it has looked and found nothing, and goes on at the first line on
standard input; ``refused`` when somebody else has the lock; ``computing`` when its function is called, which ends
at the second line; and at the end the values that it was given.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import fsstore
from fsstore.engines.files.locks import FileLocks
from fsstore.recipes.caching import ABSENT, Cached
from fsstore.recipes.flights import Flight

_go, _finish = threading.Event(), threading.Event()
_said: set[str] = set()
_mutex = threading.Lock()


def _say(word: str) -> None:
    """Once."""
    with _mutex:
        if word not in _said:
            _said.add(word)
            print(word, flush=True)


def _listen() -> None:
    for event in (_go, _finish):
        if not sys.stdin.readline():
            os._exit(1)  # whoever gave the orders is gone
        event.set()


def _watch_looks() -> None:
    real = Cached._look

    def look(self: Cached) -> tuple[Any, bool]:
        found = real(self)
        if found[0] is ABSENT:
            _say("missed")
            _go.wait()
        return found

    Cached._look = look  # type: ignore[method-assign]


def _watch_locks() -> None:
    real = FileLocks._attempt

    def attempt(self: FileLocks, *args: Any) -> Any:
        claim = real(self, *args)
        if claim is None:
            _say("refused")
        return claim

    FileLocks._attempt = attempt  # type: ignore[method-assign,assignment]


class _NoLock:
    """A lock that everybody has."""

    name, token = "none", 0

    def release(self) -> None:
        pass

    def __enter__(self) -> _NoLock:
        return self

    async def __aenter__(self) -> _NoLock:
        return self


def _no_lock() -> None:
    Flight.lock = lambda self: _NoLock()  # type: ignore[method-assign,assignment,return-value]


def _no_second_look() -> None:
    real = Cached._look

    def look(self: Cached) -> tuple[Any, bool]:
        return (ABSENT, False) if _go.is_set() else real(self)

    Cached._look = look  # type: ignore[method-assign]


FLAWS: dict[str, Callable[[], None]] = {"": lambda: None, "no lock": _no_lock, "no second look": _no_second_look}


def main(path: str, calls: str, count: int, kind: str, flaw: str) -> None:
    def fn() -> dict[str, int]:
        with open(calls, "a", encoding="ascii") as file:
            file.write(f"{os.getpid()}\n")
        _say("computing")
        _finish.wait()
        return {"computed by": os.getpid()}

    async def awaited() -> list[Any]:
        async def slow() -> dict[str, int]:
            return await asyncio.to_thread(fn)

        return await asyncio.gather(*(store.aio.cached("k", slow) for _ in range(count)))

    FLAWS[flaw]()
    _watch_looks()
    _watch_locks()
    threading.Thread(target=_listen, daemon=True).start()
    with fsstore.open(path, git=False) as store:
        if kind == "tasks":
            found = asyncio.run(awaited())
        else:
            with ThreadPoolExecutor(count) as pool:
                found = list(pool.map(lambda _: store.cached("k", fn), range(count)))
    print(json.dumps(found), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4], sys.argv[5])
