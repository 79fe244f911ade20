"""One store, many threads: no lost write, no torn value, exactly one winner."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from fsstore import Conflict, Store

THREADS = 8
T = TypeVar("T")


def in_threads(work: Callable[[int], T]) -> list[T]:
    """Call ``work(number)`` in eight threads that start together; what each returned."""
    barrier = threading.Barrier(THREADS)

    def start(number: int) -> T:
        barrier.wait(timeout=30)
        return work(number)

    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(start, range(THREADS)))


def test_distinct_keys(store: Store) -> None:
    def work(number: int) -> None:
        handle = store.handle(agent=f"agent-{number}")
        for index in range(40):
            key = f"t{number}:{index}"
            handle.set(key, [number, index])
            assert handle.get(key) == [number, index]
            assert key in handle.list_keys(f"t{number}:")

    in_threads(work)
    expected = {f"t{number}:{index}": [number, index] for number in range(THREADS) for index in range(40)}
    assert store.get_all() == dict(sorted(expected.items()))
    assert all(store.info(key).created_by == f"agent-{value[0]}" for key, value in expected.items())


def test_the_same_key_holds_one_whole_value(store: Store) -> None:
    store.handle(agent="first").set("k", {"thread": -1, "index": -1, "body": []})

    def work(number: int) -> None:
        handle = store.handle(agent=f"agent-{number}")
        for index in range(40):
            handle.set("k", {"thread": number, "index": index, "body": [number] * 300})
            seen = store.get("k")
            assert seen["body"] == [seen["thread"]] * 300
            assert seen["index"] == index or seen["thread"] != number

    in_threads(work)
    record = store.info("k")
    assert record.value["index"] == 39
    assert record.updated_by == f"agent-{record.value['thread']}"
    assert record.created_by == "first"
    assert store.list_keys() == ["k"]


def test_metadata_of_all_writers_is_merged(store: Store) -> None:
    def work(number: int) -> None:
        for index in range(15):
            store.set("k", [number, index], {f"t{number}-{index}": index})

    in_threads(work)
    expected = {f"t{number}-{index}": index for number in range(THREADS) for index in range(15)}
    assert store.info("k").metadata == expected


def test_each_key_is_deleted_by_one(store: Store) -> None:
    names = [f"d:{index}:{index}" for index in range(60)]
    store.set_many(dict.fromkeys(names, 0))
    deleted = in_threads(lambda number: [name for name in names if store.delete(name)])
    assert sorted(name for each in deleted for name in each) == sorted(names)
    assert store.list_namespaces() == []


def test_one_of_many_copies_wins(store: Store) -> None:
    store.set_many({f"source:{number}": number for number in range(THREADS)})

    def work(number: int) -> list[int]:
        won = []
        for index in range(20):
            try:
                store.copy(f"source:{number}", f"target:{index}")
            except Conflict:
                continue
            won.append(index)
        return won

    winners = in_threads(work)
    assert sorted(index for won in winners for index in won) == list(range(20))
    for number, won in enumerate(winners):
        assert all(store.get(f"target:{index}") == number for index in won)


def test_keys_that_come_and_go_in_one_directory(store: Store) -> None:
    def work(number: int) -> int:
        counted = 0
        for index in range(40):
            store.set("dir:sub:k", [number, index])
            counted += store.delete("dir:sub:k")
        return counted

    assert 40 <= sum(in_threads(work)) <= 40 * THREADS
    assert store.list_namespaces() == []
    store.set("dir:sub:k", "still works")
    assert store.get_all() == {"dir:sub:k": "still works"}


def test_reading_while_others_write(store: Store) -> None:
    kept = {f"kept:{index}": index for index in range(30)}
    store.set_many(kept)

    def work(number: int) -> None:
        for index in range(25):
            if number % 2:
                store.set(f"changing:{number}:{index}", index)
                store.delete(f"changing:{number}:{index - 1}")
            else:
                names = store.list_keys()
                assert names == sorted(set(names))
                assert store.get_prefix("kept:") == dict(sorted(kept.items()))
                assert [key for key, _ in store.scan("kept:")] == sorted(kept)
                assert store.list_namespaces() == ["default"]

    in_threads(work)
    assert store.list_keys("changing:") == [f"changing:{number}:24" for number in (1, 3, 5, 7)]


def test_writes_of_several_keys_from_all_sides_do_not_wait_for_each_other_for_ever(store: Store) -> None:
    names = [f"k{index}" for index in range(24)]

    def work(number: int) -> None:
        order = names[number:] + names[:number]
        for _ in range(8):
            store.set_many(dict.fromkeys(order if number % 2 else reversed(order), number))
            store.delete_many(order[:4])

    in_threads(work)
    assert set(store.get_all().values()) <= set(range(THREADS))
