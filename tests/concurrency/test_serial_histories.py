"""What many processes commit at once could have happened in one order, which is searched for in each history."""

from __future__ import annotations

import json
import os
import random
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from files import children

import fsstore
from fsstore import Store

from .serial import Committed, serial_order
from .tracing import JOBS, KEYS, Traced, at_the_end, committed

ROUNDS = int(os.environ.get("FSSTORE_FAULT_ROUNDS", "1"))
WRITERS = 4
EACH = 60  # transactions of each writer
PAUSE = 0.0003  # seconds, at most


# -- the search itself -----------------------------------------------------------------------------


def at(begun: int, ended: int, reads: dict[str, Any], writes: dict[str, Any]) -> Committed:
    return Committed(begun, ended, reads, writes)


SERIAL = {
    "one after the other": [at(0, 1, {"x": None}, {"x": 1}), at(2, 3, {"x": 1}, {"x": 2}), at(4, 5, {"x": 2}, {})],
    "at once, in the other order": [at(0, 9, {"x": 1}, {"y": 1}), at(1, 8, {"y": None}, {"x": 1})],
    "a delete between": [at(0, 9, {"x": None}, {}), at(0, 9, {"x": 1}, {"x": None}), at(0, 1, {}, {"x": 1})],
    "blind writes": [at(0, 9, {}, {"x": 1}), at(0, 9, {}, {"x": 2}), at(10, 11, {"x": 1}, {})],
    "only by trying twice": [
        *(at(0, 9, {}, {"x": 1, "y": 1}), at(0, 9, {}, {"x": 2, "y": 2})),
        *(at(0, 9, {"x": 1, "y": 1}, {"z": 1}), at(10, 11, {"x": 2, "z": 1}, {})),
    ],
    "nothing": [],
}
NOT_SERIAL = {
    "lost update": [at(0, 9, {"x": None}, {"x": 1}), at(0, 9, {"x": None}, {"x": 2})],
    "write skew": [at(0, 9, {"x": None, "y": None}, {"x": 1}), at(0, 9, {"x": None, "y": None}, {"y": 1})],
    "read skew": [at(0, 9, {}, {"x": 1, "y": 1}), at(0, 9, {"x": 1, "y": None}, {})],
    "a stale read": [at(0, 1, {}, {"x": 1}), at(2, 3, {"x": None}, {})],
    "a value from nowhere": [at(0, 1, {"x": 5}, {})],
    "two readers of two orders": [
        *(at(0, 9, {}, {"x": 1}), at(0, 9, {}, {"y": 1})),
        *(at(0, 9, {"x": 1, "y": None}, {}), at(0, 9, {"x": None, "y": 1}, {})),
    ],
    "a deleted key that is back": [at(0, 1, {}, {"x": 1}), at(2, 3, {}, {"x": None}), at(4, 5, {"x": 1}, {})],
}


@pytest.mark.parametrize("history", SERIAL.values(), ids=list(SERIAL))
def test_an_order_is_found(history: list[Committed]) -> None:
    order = serial_order(history, {})
    assert order is not None
    state: dict[str, Any] = {}
    for one in order:
        assert {key: state.get(key) for key in one.reads} == one.reads
        state.update(one.writes)


@pytest.mark.parametrize("history", NOT_SERIAL.values(), ids=list(NOT_SERIAL))
def test_there_is_no_order(history: list[Committed]) -> None:
    assert serial_order(history, {}) is None


# -- random transactions ---------------------------------------------------------------------------


def move_about(traced: Traced, chance: random.Random) -> None:
    """Read two keys, write one of them, or a third: lost updates, and write skew."""
    one, two, three = chance.sample(KEYS, 3)
    traced.get(one)
    traced.get(two)
    traced.set(chance.choice([one, two, three]))


def take_job(traced: Traced, chance: random.Random) -> None:
    """Add a job if there are few, else take one: phantoms."""
    jobs = traced.jobs(chance.choice(["list_keys", "get_prefix", "scan"]))
    missing = [key for key in JOBS if key.partition("/")[2] not in jobs]
    if missing and (not jobs or chance.random() < 0.5):
        traced.set(chance.choice(missing))
    else:
        traced.delete(f"default/{chance.choice(jobs)}")


def look_around(traced: Traced, chance: random.Random) -> None:
    """Only read, and take time over it, so that others write meanwhile."""
    for key in chance.sample(KEYS, len(KEYS)):
        traced.get(key)
        time.sleep(chance.random() * PAUSE)


def write_one(traced: Traced, chance: random.Random) -> None:
    """The commit of one file, which needs no record of it."""
    traced.set(chance.choice(KEYS))


def write_two(traced: Traced, chance: random.Random) -> None:
    for key in chance.sample(KEYS, 2):
        traced.set(key)


Kind = Callable[[Traced, random.Random], None]
KINDS: list[Kind] = [
    move_about,
    move_about,
    take_job,
    take_job,
    look_around,
    look_around,
    write_one,
    write_one,
    write_two,
]


def work(store: Store, number: int, seed: int) -> list[Committed]:
    """Random transactions; those that were committed."""
    chance = random.Random(f"{seed}:{number}")
    history: list[Committed] = []
    for turn in range(EACH):
        kind = chance.choice(KINDS)
        with committed(store, f"{number}.{turn}", history, kind.__name__) as traced:
            kind(traced, chance)
    return history


def in_processes(directory: Path, seed: int) -> list[Committed]:
    """The history of several processes on one store, and what is there at the end."""
    fsstore.open(directory / "store").close()

    def process(number: int) -> None:
        with fsstore.open(directory / "store") as store:
            (directory / f"{number}.json").write_text(json.dumps(work(store, number, seed)))

    for pid in [children.fork(partial(process, number)) for number in range(WRITERS)]:
        children.join(pid)
    parts = [json.loads((directory / f"{number}.json").read_text()) for number in range(WRITERS)]
    with fsstore.open(directory / "store") as store:
        return [Committed(*one) for part in parts for one in part] + [at_the_end(store)]


def in_threads(directory: Path, seed: int) -> list[Committed]:
    """The history of several threads on a store in memory, and what is there at the end."""
    with fsstore.open(":memory:") as store:
        with ThreadPoolExecutor(WRITERS) as pool:
            parts = list(pool.map(lambda number: work(store, number, seed), range(WRITERS)))
        return [one for part in parts for one in part] + [at_the_end(store)]


Run = Callable[[Path, int], list[Committed]]
both = pytest.mark.parametrize("run", [in_processes, in_threads])


@both
@pytest.mark.parametrize("seed", range(3 * ROUNDS))
def test_a_history_is_serial(tmp_path: Path, run: Run, seed: int) -> None:
    history = run(tmp_path, seed)
    assert len(history) > WRITERS * EACH / 4, "hardly anything was committed"
    assert {one.what for one in history} >= {kind.__name__ for kind in KINDS}
    assert serial_order(history, {}) is not None
