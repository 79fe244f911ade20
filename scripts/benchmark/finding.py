"""Rows about finding among very many keys: with an index against reading all values, whoever changed what before."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack

import fsstore
from benchmark import workload
from benchmark.rows import Figure, Scenario, Target
from benchmark.timing import Times
from benchmark.workload import Sizes

_OF_A_DIRECTORY = 100
_BATCH = 5_000
_SETTLED = 0.2  # seconds after which no file is as young as the clock's tick
_FIELD, _BELOW = "number", 10
_FIRST = """
import sys, time, fsstore
store = fsstore.open(sys.argv[1], git=False)
begin = time.perf_counter()
found = store.find({"number": {"lt": int(sys.argv[2])}})
print(time.perf_counter() - begin, len(found), found.scanned)
"""


def _spread(number: int) -> str:
    return f"project{number // _OF_A_DIRECTORY:04d}:item{number % _OF_A_DIRECTORY:05d}"


def _flat(number: int) -> str:
    return f"item{number:06d}"


def _fill(store: fsstore.Store, count: int, key: Callable[[int], str]) -> None:
    """So many values of about 1 KB, numbered."""
    for first in range(0, count, _BATCH):
        numbers = range(first, min(first + _BATCH, count))
        store.set_many({key(number): {_FIELD: number, **workload.value(number)} for number in numbers})
    store.index(_FIELD)


class _Measured:
    """One store in turns: a question with a few answers, and the same by reading all."""

    def __init__(self, store: fsstore.Store, root: str, key: Callable[[int], str]) -> None:
        self._store, self._root, self._key = store, root, key
        self._right = _BELOW
        self.times = Times()

    def scan(self) -> None:
        """What an agent does without an index."""
        begin = time.perf_counter()
        found = [key for key, value in self._store.get_all().items() if value[_FIELD] < _BELOW]
        self.times.add("scan", time.perf_counter() - begin)
        assert len(found) == self._right

    def find(self, name: str) -> None:
        """With the index."""
        begin = time.perf_counter()
        found = self._store.find({_FIELD: {"lt": _BELOW}})
        self.times.add(name, time.perf_counter() - begin)
        assert (len(found), found.scanned) == (self._right, False)

    def find_first(self, name: str) -> None:
        """The same as the first call of a process, by its own clock."""
        command = [sys.executable, "-c", _FIRST, self._root, str(_BELOW)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        seconds, found, scanned = done.stdout.split()
        self.times.add(name, float(seconds))
        assert (int(found), scanned) == (self._right, "False")

    def edit(self, number: int, *, in_place: bool = False) -> None:
        """A person gives one more key a number that is asked for, or another one back."""
        path = f"{self._root}/default/{self._key(number).replace(':', '/')}.json"
        text = f'{{"{_FIELD}": {-number}}}\n'
        self._right += 1
        target = path if in_place else f"{path}.swp"
        with open(target, "w") as file:
            file.write(text)
        if not in_place:
            os.rename(target, path)


def _figures(times: Times, names: list[str]) -> list[Figure]:
    return [Figure(times.ratio("scan", name), times.typical(name) * 1e6, times.typical("scan") * 1e6) for name in names]


def _find(root: str, sizes: Sizes) -> list[Figure]:
    """All states that an index may be in, each right after a scan."""
    names = ["warm", "first", "saved", "in place"]
    with ExitStack() as stack:
        store = stack.enter_context(fsstore.open(f"{root}/store", git=False))
        _fill(store, sizes.stream, _spread)
        measured = _Measured(store, f"{root}/store", _spread)
        time.sleep(_SETTLED)
        measured.find("building")
        number = sizes.stream - 1
        for _ in range(sizes.rounds):
            measured.scan()
            measured.find("warm")
            measured.find_first("first")
            measured.edit(number := number - 1)
            measured.find("saved")
        stack.enter_context(store.watch())
        measured.find("beginning to watch")
        for _ in range(sizes.rounds):
            measured.edit(number := number - 1, in_place=True)
            measured.find("in place")
    return _figures(measured.times, names)


def _find_flat(root: str, sizes: Sizes) -> list[Figure]:
    """The same where all keys lie in one directory: whose every file is looked at when anything in it changed."""
    with ExitStack() as stack:
        store = stack.enter_context(fsstore.open(f"{root}/store", git=False))
        _fill(store, sizes.stream, _flat)
        measured = _Measured(store, f"{root}/store", _flat)
        time.sleep(_SETTLED)
        measured.find("building")
        for turn in range(1, sizes.rounds + 1):
            measured.scan()
            measured.find("warm")
            measured.edit(sizes.stream - turn)
            time.sleep(_SETTLED)
            measured.find("saved")
        stack.enter_context(store.watch())
        measured.find("beginning to watch")
        for turn in range(1, sizes.rounds + 1):
            measured.edit(sizes.stream - sizes.rounds - turn)
            measured.find("watching")
    return _figures(measured.times, ["warm", "saved", "watching"])


SCENARIOS = (
    Scenario(
        (
            Target("find in 100k, warm", "scan", ">=", 20.0),
            Target("find in 100k, new process", "scan", ">=", 20.0),
            Target("find in 100k, one saved", "scan", ">=", 20.0),
            Target("find, one edited, watching", "scan", ">=", 20.0),
        ),
        _find,
    ),
    Scenario(
        (
            Target("find in 100k in one, warm", "scan", ">=", 20.0),
            Target("100k in one, one saved", "scan"),
            Target("100k in one, watching", "scan", ">=", 20.0),
        ),
        _find_flat,
    ),
)
