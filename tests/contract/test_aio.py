"""The same verbs awaited: each runs in a thread, streams are async iterators."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from fsstore import Closed, NotFound, Operation, Replaced, Store, UnsupportedType, Usage


def test_the_eleven_calls(store: Store) -> None:
    async def use() -> None:
        aio = store.aio
        assert await aio.get("k", "default") == "default"
        assert await aio.set("k", {"x": 1}, metadata={"m": 1}) is None
        assert await aio.get("k") == {"x": 1}
        assert await aio.set_many({"a": 1, "b:c": 2}) == 2
        assert await aio.get_many(["a", "nope"]) == {"a": 1}
        assert await aio.get_all() == {"a": 1, "b:c": 2, "k": {"x": 1}}
        assert await aio.list_keys("b") == ["b:c"]
        assert await aio.list_namespaces() == ["default"]
        assert await aio.delete("k") is True
        assert await aio.delete_many(["a", "nope"]) == 1
        assert await aio.clear() == 1
        assert await aio.list_keys() == []

    asyncio.run(use())


def test_the_other_verbs(store: Store) -> None:
    async def use() -> None:
        aio = store.aio
        assert await aio.replace_all({"a": 1, "p:b": 2}) == Replaced(["a", "p:b"], [], [], [])
        assert await aio.exists("a") is True
        assert await aio.count(prefix="p:") == 1
        assert (await aio.info("a")).created_by == "tester"
        await aio.copy("a", "c")
        await aio.move("c", "d", namespace="other")
        assert await aio.get_prefix("p:") == {"p:b": 2}
        assert await aio.delete_prefix("p:") == 1
        assert await aio.stats() == Usage(2, 2, 4)
        assert await aio.key("a", "b/c") == "a:b%2Fc"
        assert await aio.list_keys() == ["a"]

    asyncio.run(use())


def test_use_namespace_gives_an_async_view_at_once(store: Store) -> None:
    async def use() -> None:
        other = store.aio.use_namespace("other")
        await other.set("k", 1)
        assert await other.get("k") == 1
        assert await other.use_namespace("third").list_keys() == []
        assert await store.aio.list_namespaces() == ["other"]
        assert (other.name, other.agent) == ("other", "tester")
        assert repr(other) == "<Namespace 'other' agent='tester'>.aio"

    asyncio.run(use())


def test_handle_gives_an_async_view_too(store: Store) -> None:
    async def use() -> None:
        alice = store.aio.handle("n", agent="alice")
        await alice.set("k", 1)
        assert (await alice.info("k")).created_by == "alice"

    asyncio.run(use())


@pytest.mark.parametrize("size", [0, 1, 255, 256, 257, 600])
def test_streams_are_async_iterators(store: Store, size: int) -> None:
    expected = [(f"k:{number:03}", number) for number in range(size)]
    store.set_many(dict(expected))

    async def use() -> None:
        assert [pair async for pair in store.aio.items()] == expected
        assert [pair async for pair in store.aio.scan("k:", after="k:099")] == expected[100:]
        async for key, _ in store.aio.scan():
            assert key == "k:000"
            break

    asyncio.run(use())


def test_errors_come_where_the_call_is_awaited(store: Store) -> None:
    async def use() -> None:
        with pytest.raises(NotFound):
            await store.aio.info("missing")
        with pytest.raises(UnsupportedType, match=r"\$\.when: bytes"):
            await store.aio.set("k", {"when": b""})
        coroutine = store.aio.get(7)
        with pytest.raises(ValueError, match="a key is a str"):
            await coroutine
        with pytest.raises(AttributeError):
            store.aio.no_such_verb  # noqa: B018

    asyncio.run(use())


def test_a_closed_store_refuses_the_awaited_verbs_too(store: Store) -> None:
    async def use() -> None:
        await store.aio.set("k", 1)
        await store.aio.close()
        calls: list[Callable[[], Awaitable[Any]]] = [
            *(lambda: store.aio.get("k"), lambda: store.aio.set("k", 2), lambda: store.aio.list_keys())
        ]
        for call in calls:
            with pytest.raises(Closed):
                await call()
        with pytest.raises(Closed):
            async for _ in store.aio.items():
                pass

    asyncio.run(use())


def test_each_call_runs_outside_the_threads_of_the_event_loop(store: Store) -> None:
    threads: list[int] = []

    def note(operation: Operation) -> None:
        threads.append(threading.get_ident())

    async def use() -> int:
        aio = store.handle(ops=note).aio
        await aio.set("k", 1)
        await aio.get("k")
        async for _ in aio.items():
            pass
        return threading.get_ident()

    loop_thread = asyncio.run(use())
    assert len(threads) == 3
    assert loop_thread not in threads


def test_many_calls_at_once(store: Store) -> None:
    async def use() -> list[Any]:
        await asyncio.gather(*(store.aio.set(f"k:{number}", number) for number in range(100)))
        found: list[Any] = await asyncio.gather(*(store.aio.get(f"k:{number}") for number in range(100)))
        return found

    assert asyncio.run(use()) == list(range(100))
    assert store.count() == 100
