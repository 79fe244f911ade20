"""Subscriptions in coroutines: on any loop, without a thread, and nothing is lost to a cancelled wait."""

from __future__ import annotations

import asyncio
import itertools
import os
import threading
from typing import Any

import pytest

from fsstore import Closed, Store, WaitTimeout

from .helpers import PATIENCE, short, wait_until


def later(store: Store, *keys: str) -> None:
    """Set these keys from another thread, one after the other."""
    threading.Thread(target=lambda: list(map(store.set, keys, itertools.repeat(1)))).start()


def test_events_are_iterated(store: Store) -> None:
    async def use() -> list[str]:
        found = []
        async with store.watch() as subscription:
            later(store, "a", "b", "c")
            async for event in subscription:
                found.append(short(event))
                if len(found) == 3:
                    break
        assert subscription.closed
        return found

    assert asyncio.run(use()) == [f"created default/{key}=1" for key in "abc"]


def test_an_iteration_ends_when_the_subscription_or_the_store_is_closed(store: Store) -> None:
    async def use() -> None:
        one, two = store.watch(), store.watch()
        tasks = [asyncio.create_task(_all_of(each)) for each in (one, two)]
        await asyncio.sleep(0)
        one.close()
        assert await asyncio.wait_for(tasks[0], PATIENCE) == []
        await asyncio.to_thread(store.close)
        assert await asyncio.wait_for(tasks[1], PATIENCE) == []

    asyncio.run(use())


async def _all_of(subscription: Any) -> list[str]:
    return [short(event) async for event in subscription]


def test_the_view_opens_it_in_three_ways(store: Store) -> None:
    async def use() -> None:
        store.set("k", 1)
        subscription = await store.aio.watch(replay=True)
        assert (await anext(subscription)).key == "k"
        subscription.close()
        async with store.aio.watch(replay=True) as subscription:
            assert (await anext(subscription)).key == "k"
        assert subscription.closed
        async for event in store.use_namespace("default").aio.watch(replay=True):
            assert event.key == "k"
            break

    asyncio.run(use())
    assert store.watch_status().subscriptions == 0


def test_the_other_verbs_are_awaited(store: Store, tmp_path: Any) -> None:
    async def use() -> None:
        async with store.aio.watch() as subscription:
            subscription.save(tmp_path / "saved")
            await store.aio.set("k", 1)
            await store.aio.sync()
            assert subscription.pending == 1
            assert [short(event) for event in await store.aio.changes(tmp_path / "saved")] == ["created default/k=1"]
            assert (await store.aio.watch_status()).subscriptions == 1

    asyncio.run(use())


def test_a_cancelled_wait_takes_nothing_with_it(store: Store) -> None:
    """Not even where the event that ends the wait is there already."""

    async def use() -> None:
        async with store.watch() as subscription:
            for number in range(5):
                task = asyncio.create_task(_next(subscription))
                await asyncio.sleep(0)
                store.set("k", number)
                store.sync(PATIENCE)
                task.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await task
                assert (await _next(subscription)).value == number
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(_next(subscription), 0.01)

    asyncio.run(use())


async def _next(subscription: Any) -> Any:
    return await anext(subscription)


def test_several_loops_and_threads_share_one_subscription(store: Store) -> None:
    found: list[str] = []

    async def use() -> None:
        async for event in subscription:
            found.append(event.key)  # noqa: PERF401  # others look at it meanwhile

    with store.watch() as subscription:
        threads = [threading.Thread(target=asyncio.run, args=(use(),)) for _ in range(3)]
        threads.append(threading.Thread(target=lambda: found.extend(event.key for event in subscription)))
        for thread in threads:
            thread.start()
        for number in range(60):
            store.set(f"k{number}", 1)
        wait_until(lambda: len(found) == 60)
    for thread in threads:
        thread.join(PATIENCE)
        assert not thread.is_alive()
    assert sorted(found) == sorted(f"k{number}" for number in range(60))


def test_an_event_waits_for_others_here_too(store: Store) -> None:
    async def use() -> None:
        async with store.watch(debounce=0.05) as subscription:
            for number in range(3):
                store.set("k", number)
                store.sync(PATIENCE)
            event = await asyncio.wait_for(anext(subscription), PATIENCE)
            assert short(event) in ("created default/k=2", "created default/k=1", "created default/k=0")

    asyncio.run(use())


def test_a_loop_that_is_closed_is_nobodys_concern(store: Store) -> None:
    subscription = store.watch()
    loop = asyncio.new_event_loop()
    task = loop.create_task(_next(subscription))
    loop.run_until_complete(asyncio.sleep(0))
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        loop.run_until_complete(task)
    loop.close()
    store.set("k", 1)
    store.sync(PATIENCE)
    assert subscription.pending == 1


def test_what_was_handled_is_noted_here_too(store: Store) -> None:
    async def use(count: int) -> list[str]:
        found: list[str] = []
        async with store.aio.watch(name="w", replay=True) as subscription:
            while len(found) < count:
                found.append((await anext(subscription)).key)
        return found

    store.set_many({"a": 1, "b": 1})
    first, second = asyncio.run(use(1)), asyncio.run(use(2))
    assert {*first, *second} == {"a", "b", ""}
    assert asyncio.run(use(1)) == [""]


# -- one key -----------------------------------------------------------------------------------------


def test_wait_for_needs_no_thread(store: Store) -> None:
    async def use() -> None:
        before = threading.active_count()
        tasks = [asyncio.create_task(store.aio.wait_for(f"k{number % 10}")) for number in range(500)]
        await asyncio.to_thread(wait_until, lambda: store.watch_status().subscriptions)
        pool = (os.cpu_count() or 1) + 4
        assert threading.active_count() <= before + 1 + pool
        for number in range(10):
            await store.aio.set(f"k{number}", number)
        assert await asyncio.wait_for(asyncio.gather(*tasks), PATIENCE) == [number % 10 for number in range(500)]

    asyncio.run(use())
    assert store.watch_status().mode == "off"


def test_wait_for_gives_up_and_is_cancelled(store: Store) -> None:
    async def use() -> None:
        with pytest.raises(WaitTimeout, match="'k'"):
            await store.aio.wait_for("k", timeout=0.01)
        for pause in (0, 0, 0, 0.01, 0.05):
            task = asyncio.create_task(store.aio.wait_for("k"))
            await asyncio.sleep(pause)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        await store.aio.set("k", 1)
        assert await store.aio.wait_for("k") == 1

    asyncio.run(use())
    wait_until(lambda: store.watch_status().mode == "off")


def test_wait_for_ends_with_the_store(store: Store) -> None:
    async def use() -> None:
        task = asyncio.create_task(store.aio.wait_for("k"))
        await asyncio.to_thread(wait_until, lambda: store.watch_status().subscriptions)
        await asyncio.to_thread(store.close)
        with pytest.raises(Closed):
            await asyncio.wait_for(task, PATIENCE)

    asyncio.run(use())


class _Slow:
    """The feed of a store, to which it takes a while to be attached: until somebody lets it go on."""

    def __init__(self, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
        self.begun, self.go_on = threading.Event(), threading.Event()
        feed: Any = store._engine.feed()
        attach = feed.attach

        def attached(*args: Any, **named: Any) -> Any:
            self.begun.set()
            assert self.go_on.wait(PATIENCE)
            return attach(*args, **named)

        monkeypatch.setattr(feed, "attach", attached)


def test_who_is_cancelled_while_the_watching_begins_leaves_nothing(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor if the loop has ended before it has begun."""
    slow = _Slow(store, monkeypatch)
    loop = asyncio.new_event_loop()

    async def wait() -> None:
        waiting = asyncio.ensure_future(store.aio.wait_for("k"))
        await asyncio.to_thread(slow.begun.wait)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting

    loop.run_until_complete(wait())
    loop.close()
    slow.go_on.set()
    wait_until(lambda: store.watch_status().mode == "off")


def test_who_is_cancelled_when_the_watching_has_begun_leaves_nothing(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = _Slow(store, monkeypatch)

    async def wait() -> None:
        waiting = asyncio.ensure_future(store.aio.wait_for("k"))
        await asyncio.to_thread(slow.begun.wait)
        slow.go_on.set()
        wait_until(lambda: store._watches.waiters._count)  # the loop does not hear of it meanwhile
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting

    asyncio.run(wait())
    assert store.watch_status().mode == "off"
