"""Many processes on one key, or on few keys together: no increment is lost, no item, and never two tokens seen."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from files.children import finish, start

import fsstore

PROCESSES, TIMES = 8, 500
KEYS = [f"seat:{number}" for number in range(10)]

COUNT = """
import sys, fsstore
store = fsstore.open(sys.argv[1], agent=sys.argv[2])
for number in range(int(sys.argv[3])):
    store.increment("n")
"""
APPEND = """
import sys, fsstore
store = fsstore.open(sys.argv[1], agent=sys.argv[2])
for number in range(int(sys.argv[3])):
    store.append(f"items:{number % 10}", [sys.argv[2], number])
"""
MOVE = """
import random, select, sys, fsstore
store = fsstore.open(sys.argv[1], agent=sys.argv[2])
keys = sys.argv[3:]
def move(tx):
    holders = [key for key, value in tx.get_many(keys).items() if value["token"]]
    assert len(holders) == 1, holders
    target = random.choice([key for key in keys if key != holders[0]])
    tx.set(holders[0], {"token": False, "by": sys.argv[2]})
    tx.set(target, {"token": True, "by": sys.argv[2]})
while select.select([sys.stdin], [], [], 0) == ([], [], []):
    store.transact(move, retries=10_000)
"""


@pytest.fixture
def root() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(dir="/dev/shm" if os.path.isdir("/dev/shm") else None) as made:
        yield Path(made) / "store"


def run(code: str, root: Path, times: int, processes: int = PROCESSES, *more: str) -> None:
    """The same program in several processes at once."""
    fsstore.open(root).close()
    started = [start(code, root, f"agent{number}", times, *more) for number in range(processes)]
    for process in started:
        finish(process, 100)


def test_no_increment_is_lost(root: Path) -> None:
    run(COUNT, root, TIMES)
    with fsstore.open(root) as store:
        assert store.get("n") == PROCESSES * TIMES == 4000


def test_no_item_is_lost(root: Path) -> None:
    run(APPEND, root, TIMES)
    with fsstore.open(root) as store:
        lists = store.get_prefix("items:").values()
        found = sorted((agent, number) for items in lists for agent, number in items)
        assert found == sorted((f"agent{p}", number) for p in range(PROCESSES) for number in range(TIMES))
        for items in lists:  # and each agent's are in its order
            for agent in {agent for agent, _ in items}:
                mine = [number for each, number in items if each == agent]
                assert mine == sorted(mine)


def test_never_two_tokens(root: Path) -> None:
    with fsstore.open(root) as store, fsstore.open(root, read_only=True) as reader:
        store.set_many({key: {"token": key == KEYS[0], "by": None} for key in KEYS})
        started = [start(MOVE, root, f"agent{number}", *KEYS) for number in range(4)]
        seen: list[set[str]] = []
        while sum(one != other for one, other in pairwise(seen)) < 40:  # it is passed around meanwhile
            looks = [store.get_many(KEYS), reader.get_all(), store.get_prefix("seat:")]
            looks.append(store.transact(lambda tx: tx.get_all(), retries=10_000))
            seen += [{key for key, value in values.items() if value["token"]} for values in looks]
            assert {len(holders) for holders in seen} == {1}
        for process in started:
            finish(process)
