"""The searches notice what they are there for: for each flaw one schedule of two handles on a store, step by step.

The same schedules without the flaw give a history that has an order.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from faults.flaws import flawed as flawed_engine

import fsstore
from fsstore import Store
from fsstore.engines.files.placing import Placing

from .agents import TOGETHER
from .linearizability import Operation, violations
from .serial import Committed, serial_order
from .tracing import at_the_end, committed
from .transaction_flaws import flawed

LONG, SHORT = 30.0, 0.05  # seconds


@pytest.fixture
def pair(scratch: Path) -> Iterator[tuple[Store, Store]]:
    with fsstore.open(scratch / "store") as first, fsstore.open(scratch / "store") as second:
        yield first, second


# -- transactions ----------------------------------------------------------------------------------


def written_over(first: Store, second: Store, history: list[Committed]) -> None:
    """Both read a key and write it."""
    with committed(first, "1", history) as one:
        one.get("default/a")
        one.set("default/a")
        with committed(second, "2", history) as two:
            two.get("default/a")
            two.set("default/a")


def skewed(first: Store, second: Store, history: list[Committed]) -> None:
    """Both read two keys; each writes one of them."""
    with committed(first, "1", history) as one:
        one.get("default/a")
        one.get("default/b")
        with committed(second, "2", history) as two:
            two.get("default/a")
            two.get("default/b")
            two.set("default/a")
        one.set("default/b")


def listed_too_early(first: Store, second: Store, history: list[Committed]) -> None:
    """One lists the jobs, another adds one; each writes what the other has read."""
    with committed(first, "1", history) as one:
        one.jobs("list_keys")
        with committed(second, "2", history) as two:
            two.get("default/a")
            two.set("default/jobs:1")
        one.set("default/a")


def read_in_between(first: Store, second: Store, history: list[Committed]) -> None:
    """One only reads: a key before, and another key after both were written one after the other."""
    with committed(first, "1", history) as one:
        one.get("default/a")
        for key in ("default/a", "default/b"):
            with committed(second, f"of {key}", history) as two:
                two.set(key)
        one.get("default/b")


TRANSACTIONS = {
    "written-keys-not-checked": written_over,
    "reads-not-checked": skewed,
    "listings-not-checked": listed_too_early,
    "readers-not-checked": read_in_between,
}


def history_of(pair: tuple[Store, Store], flaw: str) -> list[Committed]:
    history: list[Committed] = []
    TRANSACTIONS[flaw](*pair, history)
    return [*history, at_the_end(pair[0])]


@pytest.mark.parametrize("flaw", TRANSACTIONS)
def test_there_is_an_order(pair: tuple[Store, Store], flaw: str) -> None:
    history = history_of(pair, flaw)
    assert "1.0" not in history[-1].reads.values()  # the first has met a conflict
    assert serial_order(history, {}) is not None


@pytest.mark.parametrize("flaw", TRANSACTIONS)
def test_there_is_none_with_a_flaw(pair: tuple[Store, Store], flaw: str) -> None:
    with flawed(flaw):
        assert serial_order(history_of(pair, flaw), {}) is None


# -- single operations -----------------------------------------------------------------------------


class Calls:
    """Two handles on a store, and all operations on it with their answers."""

    def __init__(self, pair: tuple[Store, Store], patch: pytest.MonkeyPatch, seconds: float) -> None:
        self.first, self.second = pair
        self.found: dict[str, list[Operation]] = {}
        self._patch, self._seconds = patch, seconds

    def __call__(self, about: str, name: str, argument: Any, act: Callable[[], Any]) -> None:
        began = time.monotonic_ns()
        answer = act()
        self.found.setdefault(about, []).append(Operation(began, time.monotonic_ns(), name, argument, answer))

    def increment(self, store: Store) -> None:
        self("a", "increment", 1, lambda: store.increment("a"))

    def look(self) -> None:
        self("together", "get_many", None, lambda: self._values(self.second.get_many(TOGETHER)))

    def _values(self, found: dict[str, Any]) -> tuple[Any, ...]:
        return tuple(found.get(key, 0) for key in TOGETHER)

    def before_file(self, number: int, act: Callable[[], None], within: Callable[[], None]) -> None:
        """Do something, and something else right before its so manieth file is put into its place.

        That is given some time, and goes on beside the rest if it has to wait.
        """
        sound, count = Placing.put, 0
        beside = threading.Thread(target=act)

        def put(placing: Placing, *args: Any) -> None:
            nonlocal count
            count += 1
            if count == number:
                beside.start()
                beside.join(self._seconds)
            sound(placing, *args)

        with self._patch.context() as patch:
            patch.setattr(Placing, "put", put)
            within()
            beside.join(LONG)
        assert not beside.is_alive()


def incremented_at_once(calls: Calls) -> None:
    calls.before_file(1, lambda: calls.increment(calls.second), lambda: calls.increment(calls.first))


def read_before_and_after(calls: Calls) -> None:
    for number in range(4):
        calls("a", "get", None, lambda: calls.second.get("a"))
        calls("a", "set", number, lambda: calls.first.set("a", number))  # noqa: B023


def read_within_a_commit(calls: Calls) -> None:
    def write() -> None:
        calls.first.set_many(dict.fromkeys(TOGETHER, 1))

    calls.before_file(2, calls.look, lambda: calls("together", "set_many", (1,) * len(TOGETHER), write))


OPERATIONS = {
    "no-lock": incremented_at_once,
    "stale-cache": read_before_and_after,
    "no-gate": read_within_a_commit,
}


@pytest.mark.parametrize("flaw", OPERATIONS)
def test_answers_fit(pair: tuple[Store, Store], flaw: str, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = Calls(pair, monkeypatch, SHORT)
    OPERATIONS[flaw](calls)
    assert violations(calls.found, len(TOGETHER)) == []


@pytest.mark.parametrize("flaw", OPERATIONS)
def test_answers_do_not_fit_with_a_flaw(pair: tuple[Store, Store], flaw: str, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = Calls(pair, monkeypatch, LONG)
    with flawed_engine(flaw):
        OPERATIONS[flaw](calls)
    assert violations(calls.found, len(TOGETHER)) != []
