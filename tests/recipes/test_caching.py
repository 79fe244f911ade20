"""A cached value is computed where it is missing, and nowhere else."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from functools import partial
from typing import Any

import pytest

import fsstore
from fsstore import BadValue, NestedWrite, ReadOnly, Store, UnsupportedType
from fsstore.engines.held import MemoryLocks
from fsstore.recipes import flights
from fsstore.recipes.caching import Cached
from fsstore.recipes.flights import Flight

LIMIT = 60  # seconds in which what is to happen happens on any machine
FALSY: list[Any] = [None, 0, 0.0, False, "", [], {}]
Pass = Callable[[float], None]


class Calls:
    """A function that counts how often it is called."""

    def __init__(self, *results: Any) -> None:
        self.results = list(results)
        self.count = 0

    def __call__(self) -> Any:
        self.count += 1
        result = self.results[min(self.count, len(self.results)) - 1]
        if isinstance(result, Exception):
            raise result
        return result


@pytest.mark.parametrize("value", FALSY, ids=repr)
def test_every_stored_value_is_a_hit(store: Store, value: Any) -> None:
    fn = Calls(value)
    assert [store.cached("k", fn), store.cached("k", fn)] == [value, value]
    assert (fn.count, store["k"]) == (1, value)


@pytest.mark.parametrize("value", FALSY, ids=repr)
def test_awaited_every_stored_value_is_a_hit(store: Store, value: Any) -> None:
    fn = Calls(value)

    async def twice() -> list[Any]:
        return [await store.aio.cached("k", fn), await store.aio.cached("k", fn)]

    assert (asyncio.run(twice()), fn.count) == ([value, value], 1)


def test_the_first_caller_gets_what_the_others_will_get(store: Store) -> None:
    fn = Calls({"a": (1, 2), 3: None})
    first = store.cached("k", fn)
    assert first == store.cached("k", fn) == {"a": [1, 2], "3": None}
    first["a"].append("the caller's own")
    assert store.cached("k", fn) == {"a": [1, 2], "3": None}


def test_what_is_raised_is_raised_and_not_kept(store: Store) -> None:
    fn = Calls(ZeroDivisionError("first"), OSError("second"), "third")
    with pytest.raises(ZeroDivisionError, match="first"):
        store.cached("k", fn)
    assert "k" not in store
    with pytest.raises(OSError, match="second"):
        asyncio.run(store.aio.cached("k", fn))
    assert (store.cached("k", fn), fn.count) == ("third", 3)


def test_what_is_no_json_is_refused_with_the_key(store: Store) -> None:
    fn = Calls({"when": datetime(2026, 1, 1)}, 1)
    with pytest.raises(UnsupportedType, match=r"'k'.*\$\.when: datetime"):
        store.cached("k", fn)
    assert ("k" in store, store.cached("k", fn)) == (False, 1)


def test_a_broken_file_is_told_and_deleting_it_is_the_way_out(tmp_path: Any) -> None:
    with fsstore.open(tmp_path / "s") as store:
        store.cached("k", Calls(1))
        store.cached("other", Calls(2))
        (tmp_path / "s/default/k.json").write_text('{"half')
        with pytest.raises(BadValue, match=r"k\.json"):
            store.cached("k", Calls(3))
        assert store.cached("other", Calls(4)) == 2
        store.delete("k")
        assert store.cached("k", Calls(5)) == 5


def test_a_persons_value_is_a_hit(tmp_path: Any) -> None:
    with fsstore.open(tmp_path / "s") as store:
        store.cached("k", Calls(1))
        (tmp_path / "s/default/k.json").write_text("[2]")
        assert store.cached("k", Calls(3)) == [2]


def test_who_sets_the_key_meanwhile_is_right(store: Store) -> None:
    def fn() -> str:
        store.set("k", "set by another")
        return "computed"

    assert (store.cached("k", fn), store["k"]) == ("set by another", "set by another")


@pytest.mark.parametrize("terms", [{"ttl": 0}, {"ttl": -1}, {"ttl": True}, {"ttl": "1"}, {"ttl": float("nan")}])
def test_a_ttl_that_makes_no_sense_is_refused_before_anything_is_computed(store: Store, terms: Any) -> None:
    fn = Calls(1)
    with pytest.raises(ValueError, match="ttl="):
        store.cached("k", fn, **terms)
    assert fn.count == 0


@pytest.mark.parametrize(
    "terms", [{"stale": 1}, {"ttl": 1, "stale": -1}, {"ttl": 1, "stale": float("inf")}, {"ttl": 1, "stale": True}]
)
def test_a_stale_that_makes_no_sense_is_refused_before_anything_is_computed(store: Store, terms: Any) -> None:
    fn = Calls(1)
    with pytest.raises(ValueError, match="stale="):
        store.cached("k", fn, **terms)
    assert fn.count == 0


def test_it_is_computed_again_after_its_time(store: Store, let_pass: Pass) -> None:
    fn = Calls("first", "second")
    assert store.cached("k", fn, ttl=10_000) == "first"
    let_pass(9900)
    assert store.cached("k", fn, ttl=10_000) == "first"
    let_pass(100)
    assert "k" not in store
    assert [store.cached("k", fn, ttl=10_000), store.cached("k", fn, ttl=10_000)] == ["second", "second"]
    let_pass(9900)
    assert (store.cached("k", fn, ttl=10_000), fn.count) == ("second", 2)


def test_without_a_ttl_that_of_the_handle_counts(store: Store, let_pass: Pass) -> None:
    space = store.use_namespace("short", ttl=10)
    fn = Calls("first", "second")
    assert space.cached("k", fn) == "first"
    let_pass(10)
    assert space.cached("k", fn) == "second"
    assert space.cached("for ever", Calls(1), ttl=float("inf")) == 1
    assert space.expires("for ever") is None


def test_a_computation_may_want_other_keys(store: Store) -> None:
    def outer() -> list[Any]:
        return [store.cached("inner", lambda: "inner"), store.use_namespace("n").cached("outer", lambda: "elsewhere")]

    assert store.cached("outer", outer) == ["inner", "elsewhere"]

    async def outer_awaited() -> list[Any]:
        return [await store.aio.cached("inner", lambda: 1), await store.aio.cached("fresh", lambda: "fresh")]

    assert asyncio.run(store.aio.cached("awaited", outer_awaited)) == ["inner", "fresh"]


def test_the_same_key_in_another_store_is_another_key(store: Store) -> None:
    with fsstore.open(":memory:") as other:

        async def outer() -> Any:
            return ["outer", await other.aio.cached("k", lambda: "other's")]

        assert asyncio.run(store.aio.cached("k", outer)) == ["outer", "other's"]


def test_a_computation_that_wants_its_own_key_is_told_so(store: Store) -> None:
    def itself() -> Any:
        return store.cached("k", itself)

    with pytest.raises(NestedWrite, match=r"key 'k' of namespace 'default'.*wait for itself"):
        store.cached("k", itself)
    assert store.cached("k", Calls("then")) == "then"


def test_awaited_a_computation_that_wants_its_own_key_is_told_so(store: Store) -> None:
    async def itself() -> Any:
        tasks = [asyncio.create_task(store.aio.cached("k", itself))]  # a task of its own is a part of it, too
        return await asyncio.gather(*tasks)

    def plain() -> Any:
        return store.cached("k", plain)

    async def each() -> None:
        for fn in (itself, plain):
            with pytest.raises(NestedWrite, match="wait for itself"):
                await store.aio.cached("k", fn)

    asyncio.run(each())


def test_a_task_that_a_computation_has_left_behind_may_want_its_key(store: Store) -> None:
    async def both() -> list[Any]:
        left: list[asyncio.Task[Any]] = []
        over = asyncio.Event()

        async def later() -> Any:
            await over.wait()
            store.delete("k")
            return await store.aio.cached("k", Calls("later"))

        async def fn() -> str:
            left.append(asyncio.create_task(later()))
            return "first"

        first = await store.aio.cached("k", fn)
        over.set()
        return [first, await left[0]]

    assert asyncio.run(both()) == ["first", "later"]


def test_a_coroutine_function_takes_an_await(store: Store) -> None:
    async def fn() -> int:
        return 1

    with pytest.raises(UnsupportedType, match=r"await the same verb of \.aio"):
        store.cached("k", fn)
    assert asyncio.run(store.aio.cached("k", fn)) == 1


def test_a_read_only_store_gives_what_it_has(tmp_path: Any) -> None:
    with fsstore.open(tmp_path / "s") as store:
        store.cached("k", Calls(1), ttl=100, stale=100)
        store.touch("k", 50)  # stale by now
    with fsstore.open(tmp_path / "s", read_only=True) as store:
        assert store.cached("k", Calls(2), ttl=100, stale=100) == 1
        with pytest.raises(ReadOnly):
            store.cached("missing", Calls(2))


# -- waiting for somebody else's computation -------------------------------------------------------


class Gate:
    """A function that begins, and ends when it is let."""

    def __init__(self, result: Any) -> None:
        self.result = result
        self.begun, self.let = threading.Event(), threading.Event()
        self.count = 0

    def __call__(self) -> Any:
        self.count += 1
        self.begun.set()
        assert self.let.wait(LIMIT)
        return self.result


def test_threads_wait_for_one(store: Store) -> None:
    gate = Gate("one")
    with ThreadPoolExecutor(8) as pool:
        first = pool.submit(store.cached, "k", gate)
        assert gate.begun.wait(LIMIT)
        others = [pool.submit(store.cached, "k", gate) for _ in range(7)]
        gate.let.set()
        assert {each.result(LIMIT) for each in (first, *others)} == {"one"}
    assert gate.count == 1


def computations_of_threads(monkeypatch: pytest.MonkeyPatch, threads: int = 8) -> int:
    """How often threads compute that have all missed, and none ends before each has begun or was refused the lock."""
    settled: set[int] = set()
    all_settled = threading.Event()
    missed = threading.Barrier(threads)
    computing: list[int] = []
    look, current = Cached._look, MemoryLocks._current

    def settle() -> None:
        settled.add(threading.get_ident())
        if len(settled) == threads:
            all_settled.set()

    def watched_look(self: Cached) -> Any:
        found = look(self)
        if threading.get_ident() not in seen:
            seen.add(threading.get_ident())
            missed.wait(LIMIT)
        return found

    def watched_current(self: MemoryLocks, name: str) -> Any:
        holding = current(self, name)
        if holding is not None:
            settle()
        return holding

    def fn() -> str:
        computing.append(threading.get_ident())
        settle()
        assert all_settled.wait(LIMIT)
        return "one"

    seen: set[int] = set()
    monkeypatch.setattr(Cached, "_look", watched_look)
    monkeypatch.setattr(MemoryLocks, "_current", watched_current)
    with fsstore.open(":memory:") as store, ThreadPoolExecutor(threads) as pool:
        found = [pool.submit(store.cached, "k", fn) for _ in range(threads)]
        assert {each.result(LIMIT) for each in found} == {"one"}
    return len(computing)


def test_threads_that_have_all_missed_make_one_computation(monkeypatch: pytest.MonkeyPatch) -> None:
    assert computations_of_threads(monkeypatch) == 1


class NoLock:
    """What is a lock by its looks alone."""

    name, token = "none", 0

    def __enter__(self) -> NoLock:
        return self

    def release(self) -> None:
        pass


def test_without_the_lock_they_would_all_compute(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Flight, "lock", lambda self: NoLock())
    assert computations_of_threads(monkeypatch) == 8


def test_who_waits_is_patient(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[float | None] = []
    real = Store.lock

    def lock(self: Store, name: str, timeout: float | None = None, ttl: float | None = None) -> Any:
        asked.append(timeout)
        return real(self, name, timeout, ttl)

    monkeypatch.setattr(Store, "lock", lock)
    store.cached("k", lambda: store.cached("inner", Calls(1)))
    assert asked == [flights._PATIENCE, flights._NESTED_PATIENCE] == [1e8, 600]


@pytest.mark.parametrize("awaited", [False, True])
def test_two_that_wait_for_each_other_do_not_wait_for_ever(
    store: Store, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, awaited: bool
) -> None:
    """Each computes a key, and wants the other's in it."""
    monkeypatch.setattr(flights, "_NESTED_PATIENCE", 0.05)
    both = threading.Barrier(2)

    def wants(key: str) -> Any:
        both.wait(LIMIT)
        if awaited:
            return asyncio.run(store.aio.cached(key, lambda: "made in the middle"))
        return store.cached(key, lambda: "made in the middle")

    with ThreadPoolExecutor(2) as pool:
        found = [pool.submit(store.cached, mine, partial(wants, other)) for mine, other in ("ab", "ba")]
        assert [each.result(LIMIT) for each in found] == [store["a"], store["b"]]
    assert "made in the middle" in store.get_all().values()
    assert "the key is computed here as well" in caplog.text


def test_the_store_says_who_computes(store: Store) -> None:
    gate = Gate(1)
    with ThreadPoolExecutor(1) as pool:
        pool.submit(store.cached, "a:b", gate)
        assert gate.begun.wait(LIMIT)
        holder = store.locked_by("cached:default:a%3Ab")
        gate.let.set()
    assert holder is not None
    assert holder.agent == "tester"


def test_a_cancelled_computation_is_the_next_ones(store: Store) -> None:
    async def both() -> Any:
        begun = asyncio.Event()

        async def endless() -> None:
            begun.set()
            await asyncio.Event().wait()

        first = asyncio.create_task(store.aio.cached("k", endless))
        await begun.wait()
        second = asyncio.create_task(store.aio.cached("k", Calls("second")))
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        return await asyncio.wait_for(second, LIMIT)

    assert asyncio.run(both()) == "second"


def test_a_failed_computation_is_the_next_ones(store: Store) -> None:
    async def both() -> list[Any]:
        fn = Calls(ZeroDivisionError(), "second")
        return await asyncio.gather(*(store.aio.cached("k", fn) for _ in range(3)), return_exceptions=True)

    first, *others = sorted(asyncio.run(both()), key=str)
    assert isinstance(first, ZeroDivisionError)
    assert others == ["second", "second"]


def test_one_task_of_a_loop_asks_for_the_lock(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many want the key: the others wait in the loop, without a thread."""
    asking: list[int] = [0]
    most: list[int] = [0]
    real = Cached._first

    def first(self: Cached, fn: Any) -> Any:
        asking[0] += 1
        most[0] = max(most[0], asking[0])
        try:
            return (yield from real(self, fn))
        finally:
            asking[0] -= 1

    monkeypatch.setattr(Cached, "_first", first)

    async def all_of_them() -> list[Any]:
        async def slow() -> int:
            await asyncio.sleep(0)
            return 1

        return await asyncio.gather(*(store.aio.cached("k", slow) for _ in range(50)))

    assert (asyncio.run(all_of_them()), most[0]) == ([1] * 50, 1)
