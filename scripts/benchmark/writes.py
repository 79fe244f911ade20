"""Rows about writing: new keys, old keys, deletes, batches, and what the locks cost."""

from __future__ import annotations

import fcntl
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from typing import Any

import fsstore
from benchmark import peers, workload
from benchmark.reads import GRAIN, by_floor, by_peer
from benchmark.rows import Figure, Scenario, Target
from benchmark.timing import Times, each, each_pair, in_turns
from benchmark.workload import Sizes
from fsstore.engines.files.gate import COUNT
from fsstore.engines.files.stripes import Stripe, release

Item = tuple[str, dict[str, Any]]


def _set_delete(root: str, sizes: Sizes) -> list[Figure]:
    """Fill, write over and empty fresh stores, round after round."""
    keys = workload.keys(sizes.keys)
    new, over, gone = Times(), Times(), Times()
    for number in range(max(1, sizes.rounds // 2)):
        with ExitStack() as stack:
            store = stack.enter_context(fsstore.open(f"{root}/{number}/store"))
            cache = stack.enter_context(closing(peers.open_diskcache(f"{root}/{number}/diskcache")))
            naive = peers.Naive(f"{root}/{number}/naive")
            sets = {"fsstore": store.set, "diskcache": cache.set, "naive": naive.set}
            deletes = {"fsstore": store.delete, "diskcache": cache.delete, "naive": naive.delete}
            _extend(new, _all_pairs(sets, _items(keys, 3 * number)))
            _extend(over, _all_pairs(sets, _items(keys, 3 * number + 1)))
            assert all(store.get(k) == cache.get(k) == naive.get(k) == v for k, v in _items(keys, 3 * number + 1))
            order = workload.shuffled(keys, 3 * number + 2)
            contenders = {name: each(delete) for name, delete in deletes.items()}
            _extend(gone, in_turns(contenders, workload.chunks(order, GRAIN)))
            assert store.list_keys() == list(cache) == []
    return [
        by_peer(new, "diskcache"),
        by_floor(new, "naive"),
        by_peer(over, "diskcache"),
        by_floor(over, "naive"),
        by_peer(gone, "diskcache"),
        by_floor(gone, "naive"),
    ]


def _set_lmdb(root: str, sizes: Sizes) -> list[Figure]:
    keys = workload.keys(sizes.keys)
    with fsstore.open(f"{root}/store") as store, closing(peers.Lmdb(f"{root}/lmdb")) as lmdb:
        times = _all_pairs({"fsstore": store.set, "lmdb": lmdb.set}, _items(keys, 0))
        assert all(store.get(key) == lmdb.get(key) for key in keys)
    return [by_peer(times, "lmdb")]


def _set_many(root: str, sizes: Sizes) -> list[Figure]:
    """Batches of new keys into growing stores."""
    with fsstore.open(f"{root}/store") as store, closing(peers.open_diskcache(f"{root}/diskcache")) as cache:

        def transact(items: list[Item]) -> None:
            with cache.transact():
                for key, value in items:
                    cache.set(key, value)

        def batches() -> Iterator[list[Item]]:
            for number in range(2 * sizes.rounds):
                yield _items(workload.keys(sizes.batch, first=number * sizes.batch), number)

        contenders: dict[str, Callable[[Any], object]] = {
            "fsstore": lambda items: store.set_many(dict(items)),
            "diskcache": transact,
        }
        times = in_turns(contenders, batches())
        assert store.get_all() == {key: cache[key] for key in cache}
    return [by_peer(times, "diskcache")]


def _locked(root: str, sizes: Sizes) -> list[Figure]:
    """The same engine with and without its locks, on new and then on old keys."""
    keys = workload.keys(sizes.keys)
    times = Times()
    with fsstore.open(f"{root}/locked") as locked, _without_locks(f"{root}/unlocked") as unlocked:
        sets = {"fsstore": locked.set, "unlocked": unlocked.set}
        for number in range(max(2, sizes.rounds // 2)):
            _extend(times, _all_pairs(sets, _items(keys, number)))
        assert locked.get_all() == unlocked.get_all()
    return [by_floor(times, "unlocked")]


@contextmanager
def _without_locks(path: str) -> Iterator[fsstore.Store]:
    """A store that locks nothing; only for one writer, and only to know what the locks cost."""
    with fsstore.open(path) as store, ExitStack() as stack:
        engine: Any = store._engine
        every = engine._stripes.acquire(list(range(COUNT)))  # opens their files
        release(every)

        def note_only(numbers: list[int], *, into: list[Stripe]) -> None:
            into.extend(every[number] for number in numbers)  # what was not locked is not released either

        engine._stripes.acquire = note_only
        for stripe in every:  # somebody else holds each lock: a commit that wanted one would fail
            theirs = stack.enter_context(open(stripe.path, "ab"))
            fcntl.flock(theirs, fcntl.LOCK_EX)
        yield store


def _items(keys: list[str], salt: int) -> list[Item]:
    """The keys in an order of their own, each with a value it did not have before."""
    order = workload.shuffled(keys, salt)
    return list(zip(order, workload.values(len(order), first=salt * len(order)), strict=True))


def _all_pairs(operations: Mapping[str, Callable[[str, Any], object]], items: list[Item]) -> Times:
    contenders = {name: each_pair(operation) for name, operation in operations.items()}
    return in_turns(contenders, workload.chunks(items, GRAIN))


def _extend(times: Times, more: Times) -> None:
    for name, turns in more.turns.items():
        for seconds in turns:
            times.add(name, seconds)


SCENARIOS = (
    Scenario(
        (
            Target("set new", "diskcache", ">=", 1.6, 2.0),
            Target("set new", "naive", "<="),
            Target("set over", "diskcache", ">=", 0.75, 1.0),
            Target("set over", "naive", "<="),
            Target("delete", "diskcache", ">=", 2.5, 3.0),
            Target("delete", "naive", "<="),
        ),
        _set_delete,
    ),
    Scenario((Target("set new", "lmdb"),), _set_lmdb),
    Scenario((Target("set_many of 1k", "diskcache", ">=", 1.1, 1.3),), _set_many),
    Scenario((Target("set locked", "unlocked", "<=", 1.25),), _locked),
)
