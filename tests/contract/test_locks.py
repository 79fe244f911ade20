"""Named locks and leases keep threads and coroutines of one process apart, whatever the engine."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import pytest

import fsstore
from fsstore import InvalidName, LeaseLost, LockTimeout, NestedWrite, Store
from fsstore.engines.held import MemoryLocks
from fsstore.leases import boot_seconds
from fsstore.records import Author

MOMENT = 0.03  # seconds of a lease that is to run out
STRANGE = ["", " ", ".", "..", "../up", "a/b:c", "con", "%41", "ä\u0308", "\U0001f512", "x" * 5000, "\0"]


def wait_until(condition: Callable[[], bool], seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"did not come true within {seconds} s"
        time.sleep(0.001)


def is_free(store: Store, name: str) -> bool:
    try:
        with store.lock(name, timeout=0):
            return True
    except LockTimeout:
        return False


def test_one_holder_at_a_time(store: Store) -> None:
    with store.lock("job") as held:
        assert (held.name, is_free(store, "job"), is_free(store, "other")) == ("job", False, True)
    assert is_free(store, "job")


def test_it_is_released_when_the_body_raises(store: Store) -> None:
    with pytest.raises(ZeroDivisionError), store.lock("job"):
        raise ZeroDivisionError
    assert is_free(store, "job")


def test_threads_do_not_lose_updates(store: Store) -> None:
    store.set("n", 0)

    def work(_: int) -> None:
        for _ in range(20):
            with store.lock("n"):
                store.set("n", store.get("n") + 1)

    with ThreadPoolExecutor(5) as pool:
        list(pool.map(work, range(5)))
    assert store.get("n") == 100


def test_who_waits_gets_it_when_it_is_released(store: Store) -> None:
    got = threading.Event()

    def wait() -> None:
        with store.lock("job", timeout=10):
            got.set()

    with store.lock("job") as held:
        thread = threading.Thread(target=wait)
        thread.start()
        assert not got.wait(0.05)
        held.release()
        assert got.wait(10)
        thread.join()


def test_the_timeout_says_who_holds_it(store: Store) -> None:
    agent = store.handle(agent="planner", run="r1")
    with agent.lock("job"):
        holder = store.locked_by("job")
        started = time.monotonic()
        with pytest.raises(LockTimeout, match=r"'job'.*planner") as raised, store.lock("job", timeout=0.1):
            pass
        waited = time.monotonic() - started
    error = raised.value
    assert holder is not None
    assert (error.seconds, error.name, error.pid, error.agent, error.since) == (
        *(0.1, "job", holder.pid),
        *("planner", holder.since),
    )
    assert (holder.agent, holder.run, holder.remaining) == ("planner", "r1", None)
    assert 0.1 <= waited < 5


def test_locked_by_nobody(store: Store) -> None:
    assert store.locked_by("job") is None
    with store.lock("job", ttl=50) as held:
        holder = store.locked_by("job")
        assert holder is not None
        assert holder.token == held.token
        assert holder.remaining is not None
        assert 40 < holder.remaining <= 50
    assert store.locked_by("job") is None


@pytest.mark.parametrize("name", STRANGE[1:], ids=ascii)
def test_any_name(store: Store, name: str) -> None:
    others = [other for other in STRANGE[1:] if other != name]
    with store.lock(name):
        assert not is_free(store, name)
        assert all(is_free(store, other) for other in others)
        holder = store.locked_by(name)
    assert holder is not None
    assert holder.name == name


@pytest.mark.parametrize("name", ["", "\ud800", 5, None], ids=ascii)
def test_no_name(store: Store, name: Any) -> None:
    with pytest.raises(InvalidName), store.lock(name):
        pass
    with pytest.raises(InvalidName):
        store.locked_by(name)


@pytest.mark.parametrize(
    "wrong", [{"ttl": 0}, {"ttl": -1}, {"ttl": float("inf")}, {"timeout": -1}, {"ttl": float("nan")}]
)
def test_no_time(store: Store, wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="number of seconds"):
        store.lock("job", **wrong)


def test_one_object_is_used_again_but_not_twice_at_once(store: Store) -> None:
    lock = store.lock("job")
    tokens = []
    for _ in range(3):
        with lock:
            tokens.append(lock.token)
            with pytest.raises(NestedWrite), lock:
                pass
            assert not is_free(store, "job")
    assert tokens == sorted(set(tokens))


def test_tokens_grow_over_all_names(store: Store) -> None:
    tokens = []
    for number in range(20):
        with store.lock(f"job:{number % 3}", ttl=None if number % 2 else 60) as held:
            tokens.append(held.token)
    assert tokens == sorted(set(tokens))


def test_a_lock_that_was_never_held_has_no_token(store: Store) -> None:
    with pytest.raises(LeaseLost):
        _ = store.lock("job").token


# -- leases ----------------------------------------------------------------------------------------


def test_a_lease_runs_out(store: Store) -> None:
    with store.lock("job", ttl=MOMENT) as first, store.lock("job", timeout=10) as second:
        assert second.token > first.token
        first.release()
        assert not is_free(store, "job")


def test_a_waiter_comes_soon_after_the_end_of_a_lease(store: Store) -> None:
    with store.lock("job", ttl=0.2):
        started = time.monotonic()
        with store.lock("job", timeout=60):
            assert time.monotonic() - started < 10


def test_a_lease_that_ran_out_cannot_write(store: Store) -> None:
    with store.lock("job", ttl=MOMENT) as held:
        wait_until(lambda: store.locked_by("job") is None)
        with pytest.raises(LeaseLost) as raised, store._engine.fenced(held.claim):
            pytest.fail("the body ran")
    assert (raised.value.name, raised.value.token, raised.value.current) == ("job", held.token, None)


def test_a_lease_that_somebody_else_has_cannot_write(store: Store) -> None:
    with store.lock("job", ttl=MOMENT) as first, store.lock("job", ttl=60) as second:
        with pytest.raises(LeaseLost) as raised, store._engine.fenced(first.claim):
            pytest.fail("the body ran")
        with store._engine.fenced(second.claim):
            pass
    assert raised.value.current == second.token


def test_a_write_with_a_lease(store: Store) -> None:
    with store.lock("job", ttl=600) as held:
        store.set("k", 1, lease=held)
        store.create("new", 2, lease=held)
        assert store.delete("new", lease=held)
        held.release()
        with pytest.raises(LeaseLost):
            store.set("k", 3, lease=held)
        with pytest.raises(LeaseLost):
            store.create("new", 3, lease=held)
        with pytest.raises(LeaseLost):
            store.delete("k", lease=held)
    assert store.get_all() == {"k": 1}


def test_a_transaction_with_a_lease(store: Store) -> None:
    with store.lock("job", ttl=MOMENT) as held:
        wait_until(lambda: store.locked_by("job") is None)
        with pytest.raises(LeaseLost), store.transaction() as tx:
            tx.set("other", 1)
            tx.set("k", 1, lease=held)
    assert store.get_all() == {}


def test_no_lock_inside_an_update(store: Store) -> None:
    def change(value: int) -> int:
        with pytest.raises(NestedWrite), store.lock("job"):
            pass
        return value + 1

    assert store.update("n", change, default=0) == 1
    with store.lock("job"):
        assert store.increment("n") == 2


def test_nobody_gets_it_in_the_middle_of_a_fenced_write(store: Store) -> None:
    entered = threading.Event()

    def take() -> None:
        with store.lock("job", timeout=10):
            entered.set()

    def use(ttl: float) -> None:
        with store.lock("job", ttl=ttl) as held:
            with store._engine.fenced(held.claim):
                thread = threading.Thread(target=take)
                thread.start()
                assert not entered.wait(ttl + 0.2)
            assert entered.wait(10)
            thread.join()

    with_time_enough(use)


def with_time_enough(use: Callable[[float], None]) -> None:
    """Use a lease that must not have run out before it is used; a longer one if this machine stood still so long."""
    for ttl in (0.3, 3.0):
        with contextlib.suppress(LeaseLost):
            return use(ttl)
    return use(30.0)


def test_a_renewed_lease_lasts(store: Store) -> None:
    with_time_enough(partial(renew, store))


def renew(store: Store, ttl: float) -> None:
    with store.lock("job", ttl=ttl) as held:
        token, first_end = held.token, held.claim.until
        assert first_end is not None
        while boot_seconds() <= first_end:
            held.renew()
        held.renew(ttl=100)
        assert not is_free(store, "job")
        holder = store.locked_by("job")
        assert holder is not None
        assert holder.remaining is not None
        assert holder.remaining > 90
        assert held.token == token


def test_a_lost_lease_cannot_be_renewed(store: Store) -> None:
    with store.lock("job", ttl=MOMENT) as held:
        wait_until(lambda: store.locked_by("job") is None)
        with pytest.raises(LeaseLost):
            held.renew()


def test_a_released_lock_cannot_write(store: Store) -> None:
    with store.lock("job") as held:
        claim = held.claim
    with pytest.raises(LeaseLost), store._engine.fenced(claim):
        pytest.fail("the body ran")


def test_a_dropped_claim_frees_the_name(store: Store) -> None:
    """An interrupt between the locking and the ``with`` leaves nobody who could release it."""
    claim = store._engine.acquire("job", 0, None, fsstore.records.Author())
    assert not is_free(store, "job")
    del claim
    gc.collect()
    assert is_free(store, "job")


# -- coroutines ------------------------------------------------------------------------------------


def test_coroutines_do_not_lose_updates(store: Store) -> None:
    """More of them than the event loop has threads: those that wait must not keep the holder from releasing."""
    store.set("n", 0)

    async def work() -> None:
        async with store.lock("n"):
            value = await store.aio.get("n")
            await store.aio.set("n", value + 1)

    async def use() -> None:
        await asyncio.gather(*(work() for _ in range(50)))

    asyncio.run(use())
    assert store.get("n") == 50


def test_waiting_does_not_block_the_loop(store: Store) -> None:
    async def use() -> None:
        with store.lock("job"):
            waiting = asyncio.ensure_future(enter(store.lock("job", timeout=20)))
            for _ in range(20):
                await asyncio.sleep(0.005)
                assert not waiting.done()  # so the loop went on while it waited
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting
            with pytest.raises(LockTimeout) as raised:
                await enter(store.lock("job", timeout=0.1))
        assert (raised.value.seconds, raised.value.name) == (0.1, "job")

    asyncio.run(use())


async def enter(lock: fsstore.Lock) -> None:
    async with lock:
        await asyncio.sleep(3600)


@pytest.mark.parametrize("turns", range(8))
def test_a_cancelled_wait_leaves_nothing_held(store: Store, turns: int) -> None:
    """Cancelled after so many turns of the loop: while it tries, while it sleeps, or when it has got the lock."""

    async def use() -> None:
        task = asyncio.ensure_future(enter(store.lock("job", timeout=10)))
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        # A try that could not be stopped gives back what it got.
        await asyncio.to_thread(wait_until, lambda: is_free(store, "job"))

    asyncio.run(asyncio.wait_for(use(), 60))
    assert store.locked_by("job") is None


def test_a_wait_that_is_cancelled_while_it_gets_the_lock(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    got, may_return = threading.Event(), threading.Event()
    sound = type(store._engine).acquire

    def acquire(*args: Any) -> Any:
        claim = sound(*args)
        got.set()
        may_return.wait(10)
        return claim

    async def use() -> None:
        task = asyncio.ensure_future(enter(store.lock("job")))
        await asyncio.to_thread(got.wait, 10)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert store.locked_by("job") is not None
        may_return.set()
        await asyncio.to_thread(wait_until, lambda: store.locked_by("job") is None)

    monkeypatch.setattr(type(store._engine), "acquire", acquire)
    asyncio.run(asyncio.wait_for(use(), 60))


def test_a_cancelled_holder_releases(store: Store) -> None:
    async def use() -> None:
        task = asyncio.ensure_future(enter(store.lock("job")))
        await asyncio.to_thread(wait_until, lambda: store.locked_by("job") is not None)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(asyncio.wait_for(use(), 60))
    assert is_free(store, "job")


class Busy:
    """What keeps the names of a store in memory together, while another thread is in there, at another name.

    That one leaves as soon as somebody waits for it.
    """

    def __init__(self, sound: threading.Condition) -> None:
        self._sound = sound
        self._entered, self._leave = threading.Event(), threading.Event()
        self.other = threading.Thread(target=self._stay)
        self.other.start()
        assert self._entered.wait(60)

    def _stay(self) -> None:
        with self._sound:
            self._entered.set()
            self._leave.wait(60)

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        if timeout > 0:
            self._leave.set()
        return self._sound.acquire(blocking, timeout)

    def release(self) -> None:
        self._leave.set()
        self._sound.release()


def test_one_try_for_a_name_does_not_fail_of_who_is_at_another(monkeypatch: pytest.MonkeyPatch) -> None:
    with fsstore.open(":memory:") as store:
        locks: MemoryLocks = store._engine._locks  # type: ignore[attr-defined]
        busy = Busy(locks._changed)
        try:
            with monkeypatch.context() as patched:
                patched.setattr(locks, "_changed", busy)
                claim = locks.acquire("job", 0, None, Author("a", None))
            assert locks.holder("job") is not None
            locks.release(claim)
        finally:
            busy._leave.set()
            busy.other.join()


def test_closing_the_store_releases() -> None:
    store = fsstore.open(":memory:")
    with store.lock("job"):
        store.close()
    with pytest.raises(fsstore.Closed), store.lock("job"):
        pass


def test_a_read_only_store_says_who_holds_but_locks_nothing() -> None:
    with fsstore.open(":memory:", read_only=True) as store:
        assert store.locked_by("job") is None
        with pytest.raises(fsstore.ReadOnly):
            store.lock("job")
