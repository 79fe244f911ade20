"""The views hold nothing of their own: what they pass on, what they make of a stream, what they keep to themselves."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator

import pytest

import fsstore
from fsstore.views import AsyncView, MappingView


class Numbers:
    """Something with verbs, streams and attributes, and a note of what was asked of it."""

    def __init__(self, size: int = 1000, fails: bool = False) -> None:
        self.size = size
        self.fails = fails
        self.fetched = 0
        self.threads: set[int] = set()

    def items(self, start: int = 0) -> Iterator[int]:
        for number in range(start, self.size):
            self.fetched += 1
            self.threads.add(threading.get_ident())
            yield number
        if self.fails:
            raise KeyError("the end")

    def double(self, number: int, *, plus: int = 0) -> int:
        self.threads.add(threading.get_ident())
        return 2 * number + plus

    def use_namespace(self, name: str) -> Numbers:
        return Numbers(len(name))

    def __repr__(self) -> str:
        return "<numbers>"


def test_a_verb_is_called_in_another_thread_with_all_its_arguments() -> None:
    numbers = Numbers()
    assert asyncio.run(AsyncView(numbers).double(4, plus=1)) == 9
    assert numbers.threads != {threading.get_ident()}


def test_what_is_no_method_is_passed_on() -> None:
    assert AsyncView(Numbers(7)).size == 7
    assert repr(AsyncView(Numbers())) == "<numbers>.aio"


@pytest.mark.parametrize("name", ["_handle_of_another", "__len__", "nothing"])
def test_private_and_missing_names_are_not_passed_on(name: str) -> None:
    with pytest.raises(AttributeError):
        getattr(AsyncView(Numbers()), name)


def test_another_handle_comes_at_once_as_a_view() -> None:
    other = AsyncView(Numbers()).use_namespace("four")
    assert isinstance(other, AsyncView)
    assert other.size == 4


def test_a_stream_is_fetched_in_pieces_as_it_is_consumed() -> None:
    numbers = Numbers(1000)

    async def use() -> list[tuple[int, int]]:
        return [(number, numbers.fetched) async for number in AsyncView(numbers).items(start=10)]

    fetched = asyncio.run(use())
    assert [number for number, _ in fetched] == list(range(10, 1000))
    assert fetched[0][1] == fetched[255][1] == 256
    assert fetched[256][1] == 512
    assert threading.get_ident() not in numbers.threads


def test_an_error_in_a_stream_comes_after_the_items_before_it() -> None:
    async def use() -> None:
        stream = AsyncView(Numbers(300, fails=True)).items()
        assert [await anext(stream) for _ in range(300)] == list(range(300))
        with pytest.raises(KeyError, match="the end"):
            await anext(stream)

    asyncio.run(use())


def test_a_stream_that_is_never_begun_does_nothing() -> None:
    numbers = Numbers()
    stream = AsyncView(numbers).items()
    assert numbers.fetched == 0
    asyncio.run(stream.aclose())
    assert numbers.fetched == 0


def test_views_of_one_handle_are_interchangeable() -> None:
    with fsstore.open(":memory:") as store:
        one, two = store.mapping(), store.mapping()
        one["k"] = 1
        assert two == one == {"k": 1}
        assert asyncio.run(store.aio.get("k")) == asyncio.run(store.aio.get("k")) == 1


def test_clear_takes_one_call_not_one_per_key() -> None:
    calls: list[str] = []
    with fsstore.open(":memory:", ops=lambda operation: calls.append(operation.op)) as store:
        store.set_many({"a": 1, "b": 2, "c": 3})
        view = MappingView(store)
        view.clear()
        assert len(view) == 0
    assert calls[:2] == ["set_many", "clear"]
