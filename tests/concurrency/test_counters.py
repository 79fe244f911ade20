"""Many processes on one key, or on few keys together: no increment is lost, no item, and never two tokens seen."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from faults.flaws import flawed
from files.children import finish, line, start, tell

import fsstore

PROCESSES, TIMES = 8, 500
TESTS = Path(__file__).parents[1]
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
import random, sys, fsstore
store = fsstore.open(sys.argv[1], agent=sys.argv[2])
keys = sys.argv[4:]
def move(tx):
    holders = [key for key, value in tx.get_many(keys).items() if value["token"]]
    assert len(holders) == 1, holders
    target = random.choice([key for key in keys if key != holders[0]])
    tx.set(holders[0], {"token": False, "by": sys.argv[2]})
    tx.set(target, {"token": True, "by": sys.argv[2]})
for number in range(int(sys.argv[3])):
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


def tokens_seen(root: Path, processes: int = 4) -> list[int]:
    """How many tokens each look at all seats saw, while processes pass the token around."""
    with fsstore.open(root) as store:
        store.set_many({key: {"token": key == KEYS[0], "by": None} for key in KEYS})
        started = [start(MOVE, root, f"agent{number}", 40, *KEYS) for number in range(processes)]
        seen: list[int] = []
        with fsstore.open(root, read_only=True) as reader:
            while any(process.poll() is None for process in started):
                looks = [store.get_many(KEYS), reader.get_all(), store.get_prefix("seat:")]
                looks.append(store.transact(lambda tx: tx.get_all(), retries=10_000))
                seen += [sum(value["token"] for value in values.values()) for values in looks]
        for process in started:
            finish(process)
        return seen


def test_never_two_tokens(root: Path) -> None:
    seen = tokens_seen(root)
    assert len(seen) > 20
    assert set(seen) == {1}


def test_half_a_commit_is_seen_without_the_gate(root: Path) -> None:
    with flawed("no-gate"):
        assert any(set(tokens_seen(root)) - {1} for _ in range(5))


WITHOUT_LOCK = f"""
import sys; sys.path[:0] = [{str(TESTS)!r}, {str(TESTS.parent)!r}]
import pytest; from faults.flaws import FLAWS
FLAWS["no-lock"](pytest.MonkeyPatch())
print("ready", flush=True); sys.stdin.readline()
"""


def test_increments_are_lost_without_a_lock(root: Path) -> None:
    fsstore.open(root).close()
    started = [start(WITHOUT_LOCK + COUNT, root, f"agent{number}", TIMES) for number in range(4)]
    assert [line(process) for process in started] == ["ready"] * 4
    for process in started:
        tell(process, "go")
    for process in started:
        process.communicate(timeout=60)
    with fsstore.open(root) as store:
        assert store.get("n") < 4 * TIMES
