"""A stale value is given at once, while one thread or task computes the next one."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import fsstore
from fsstore import Store
from fsstore.recipes import caching
from fsstore.recipes.flights import Flight
from recipes.test_caching import LIMIT, Calls, Gate, NoLock

TERMS = {"ttl": 10_000.0, "stale": 5000.0}
Pass = Callable[[float], None]


def background() -> None:
    """Wait until no thread computes any more."""
    for thread in threading.enumerate():
        if thread.name == "fsstore-cached":
            thread.join(LIMIT)
            assert not thread.is_alive()


async def background_tasks() -> None:
    """Wait until no task computes any more."""
    while caching._tasks:
        await asyncio.wait_for(asyncio.gather(*caching._tasks), LIMIT)


@pytest.fixture(autouse=True)
def _nothing_goes_on() -> Iterator[None]:
    yield
    background()
    assert not caching._tasks


@pytest.fixture
def stale(store: Store, let_pass: Pass) -> Store:
    """A store whose key ``k`` holds "old", and is stale."""
    store.cached("k", Calls("old"), **TERMS)
    let_pass(10_100)
    return store


def test_a_fresh_value_is_left_alone(store: Store, let_pass: Pass) -> None:
    fn = Calls("old", "new")
    store.cached("k", fn, **TERMS)
    let_pass(9900)
    assert store.cached("k", fn, **TERMS) == "old"
    background()
    assert (fn.count, store["k"]) == (1, "old")


def test_a_stale_value_is_given_and_computed_anew(stale: Store, let_pass: Pass) -> None:
    fn = Calls("new", "newer")
    assert stale.cached("k", fn, **TERMS) == "old"
    background()
    assert (stale.cached("k", fn, **TERMS), fn.count) == ("new", 1)
    let_pass(9900)
    assert (stale.cached("k", fn, **TERMS), fn.count) == ("new", 1)  # its time began anew


def test_an_equal_new_value_is_fresh_again(stale: Store, let_pass: Pass) -> None:
    fn = Calls("old")
    assert stale.cached("k", fn, **TERMS) == "old"
    background()
    let_pass(6000)
    assert (stale.cached("k", fn, **TERMS), fn.count) == ("old", 1)
    background()


def test_after_both_times_it_is_computed_by_who_wants_it(store: Store, let_pass: Pass) -> None:
    fn = Calls("old", "new")
    store.cached("k", fn, **TERMS)
    let_pass(15_000)
    assert (store.cached("k", fn, **TERMS), fn.count) == ("new", 2)


def test_a_value_without_an_end_is_never_stale(store: Store) -> None:
    store.set("k", "set by hand")
    fn = Calls("new")
    assert store.cached("k", fn, **TERMS) == "set by hand"
    background()
    assert fn.count == 0


def stale_reads_while_one_computes(store: Store) -> int:
    """Five find a stale value one after the other, while nothing ends; how often the function was called."""
    gate = Gate("new")
    assert [store.cached("k", gate, **TERMS) for _ in range(5)] == ["old"] * 5
    assert gate.begun.wait(LIMIT)
    gate.let.set()
    background()
    assert store["k"] == "new"
    return gate.count


def test_one_computes_while_all_are_given_the_old_one(stale: Store) -> None:
    assert stale_reads_while_one_computes(stale) == 1


def test_without_the_lock_several_would_compute(stale: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Flight, "tried", lambda self: NoLock())
    assert stale_reads_while_one_computes(stale) > 1


def test_awaited_one_task_computes_while_all_are_given_the_old_one(stale: Store) -> None:
    async def reads() -> list[Any]:
        let = asyncio.Event()
        calls: list[int] = []

        async def fn() -> str:
            calls.append(1)
            await let.wait()
            return "new"

        found = await asyncio.gather(*(stale.aio.cached("k", fn, **TERMS) for _ in range(20)))
        let.set()
        await background_tasks()
        return [set(found), len(calls), await stale.aio.cached("k", fn, **TERMS)]

    assert asyncio.run(reads()) == [{"old"}, 1, "new"]


def test_the_lock_is_free_afterwards(stale: Store) -> None:
    stale.cached("k", Calls("new"), **TERMS)
    background()
    assert stale.locked_by("cached:default:k") is None


def test_a_task_that_ends_with_its_loop_gives_the_lock_back(stale: Store) -> None:
    async def read() -> Any:
        async def endless() -> None:
            await asyncio.Event().wait()

        return await stale.aio.cached("k", endless, **TERMS)

    assert asyncio.run(read()) == "old"
    assert stale.locked_by("cached:default:k") is None
    assert stale["k"] == "old"


@pytest.mark.parametrize("awaited", [False, True])
def test_what_is_raised_is_told_to_the_logger(stale: Store, caplog: pytest.LogCaptureFixture, awaited: bool) -> None:
    fn = Calls(ZeroDivisionError("no luck"), "new")

    async def read() -> Any:
        found = await stale.aio.cached("k", fn, **TERMS)
        await background_tasks()
        return found

    with caplog.at_level(logging.WARNING, "fsstore"):
        assert (asyncio.run(read()) if awaited else stale.cached("k", fn, **TERMS)) == "old"
        background()
    (record,) = caplog.records
    assert "key 'k' of namespace 'default' could not be computed anew" in record.getMessage()
    assert "ZeroDivisionError: no luck" in record.getMessage()
    assert stale["k"] == "old"
    stale.cached("k", fn, **TERMS)
    background()
    assert stale["k"] == "new"


@pytest.mark.parametrize("value", [{1, 2}, float("nan")], ids=repr)
def test_what_is_no_json_is_told_to_the_logger(stale: Store, caplog: pytest.LogCaptureFixture, value: Any) -> None:
    with caplog.at_level(logging.WARNING, "fsstore"):
        stale.cached("k", Calls(value), **TERMS)
        background()
    assert ["'k'" in record.getMessage() for record in caplog.records] == [True]
    assert stale["k"] == "old"


MEANWHILE: dict[str, tuple[Callable[[Store], Any], Any]] = {
    "set": (lambda store: store.set("k", "set"), "set"),
    "deleted": (lambda store: store.delete("k"), "missing"),
    "nothing": (lambda store: None, "new"),
}


@pytest.mark.parametrize("what", MEANWHILE)
def test_what_somebody_else_did_meanwhile_stays(stale: Store, what: str) -> None:
    act, left = MEANWHILE[what]
    gate = Gate("new")
    stale.cached("k", gate, **TERMS)
    assert gate.begun.wait(LIMIT)
    act(stale)
    gate.let.set()
    background()
    assert stale.get("k", "missing") == left


def test_a_value_that_ends_meanwhile_is_followed_by_the_new_one(stale: Store, let_pass: Pass) -> None:
    gate = Gate("new")
    stale.cached("k", gate, **TERMS)
    assert gate.begun.wait(LIMIT)
    let_pass(5000)
    gate.let.set()
    background()
    assert stale.get("k", "missing") == "new"


def test_a_store_that_is_closed_meanwhile_is_no_news(stale: Store, caplog: pytest.LogCaptureFixture) -> None:
    gate = Gate("new")
    stale.cached("k", gate, **TERMS)
    assert gate.begun.wait(LIMIT)
    stale.close()
    gate.let.set()
    background()
    assert caplog.records == []


def test_the_function_runs_in_the_callers_context(stale: Store) -> None:
    seen: list[Any] = []
    with stale.run(agent="crawler") as run:
        run.cached("k", lambda: seen.append(fsstore.data_store.agent), **TERMS)
        background()
    assert seen == ["crawler"]


def test_a_computation_that_is_given_a_stale_value_may_be_wanted_by_the_next(
    stale: Store, caplog: pytest.LogCaptureFixture
) -> None:
    """The one in the background is no part of the one that found the stale value, and may wait for it."""
    fn = Calls("outer's")

    def next_one() -> list[Any]:
        return [stale.cached("outer", fn)]

    assert stale.cached("outer", lambda: stale.cached("k", next_one, **TERMS)) == "old"
    background()
    assert (stale["k"], fn.count) == (["old"], 0)  # the next one has waited for the outer one, and got its value
    assert caplog.records == []

    async def awaited() -> Any:
        async def inner() -> Any:
            return await stale.aio.cached("k2", next_one, **TERMS)

        stale.set("k2", "old", ttl=40)
        stale.delete("outer")
        found = await stale.aio.cached("outer", inner)
        await background_tasks()
        return found

    assert asyncio.run(awaited()) == "old"
    assert caplog.records == []


def test_where_no_thread_can_be_had_the_old_value_is_given(
    stale: Store, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def start(self: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", start)
    assert stale.cached("k", Calls("new"), **TERMS) == "old"
    assert "can't start new thread" in caplog.text
    assert stale.locked_by("cached:default:k") is None
