"""Rows about many writers: increments alone and contended, transactions, and what durability and consistency cost."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from typing import Any

import fsstore
from benchmark import peers, workload
from benchmark.processes import WRITERS, Counter
from benchmark.reads import by_floor, by_peer
from benchmark.rows import Figure, Scenario, Target
from benchmark.timing import each, in_turns
from benchmark.workload import Sizes
from fsstore.engines.files.intents import NOTHING_OPEN

_GRAIN = 200
_TEN, _HUNDRED = 10, 100


def _alone(root: str, sizes: Sizes) -> list[Figure]:
    """One process counts."""
    with ExitStack() as stack:
        store = stack.enter_context(fsstore.open(f"{root}/store"))
        cache = stack.enter_context(closing(peers.open_diskcache(f"{root}/diskcache")))
        lmdb = stack.enter_context(closing(peers.Lmdb(f"{root}/lmdb")))
        naive = peers.Naive(f"{root}/naive")
        for put in (store.set, cache.set, lmdb.set, naive.set):
            put("n", 0)
        contenders = {
            "fsstore": each(lambda _: store.increment("n")),
            "diskcache": each(lambda _: cache.incr("n")),
            "lmdb": each(lambda _: lmdb.increment("n")),
            "naive": each(lambda _: naive.set("n", naive.get("n") + 1)),
        }
        times = in_turns(contenders, _turns(sizes))
        assert store.get("n") == cache.get("n") == lmdb.get("n") == naive.get("n")
    return [by_peer(times, "diskcache"), by_peer(times, "lmdb"), by_floor(times, "naive")]


def _contended(root: str, sizes: Sizes) -> list[Figure]:
    """Four processes count for as long as one another: on one key, then each on a key of its own."""
    peers.load("diskcache")  # the processes could not say that it is missing
    seconds = max(0.2, min(1.0, sizes.scale))
    figures = []
    for distinct in (False, True):
        rates: dict[str, list[float]] = {"fsstore": [], "diskcache": []}
        fairness = []
        for number in range(max(1, sizes.rounds // 2)):
            for kind, found in rates.items():
                counts = Counter.race(kind, f"{root}/{kind}-{distinct}-{number}", seconds, distinct=distinct)
                found.append(sum(counts) / seconds)
                if kind == "fsstore":
                    fairness.append(min(counts) / max(counts))
        ours, theirs = (sorted(rates[kind])[len(rates[kind]) // 2] for kind in ("fsstore", "diskcache"))
        figures.append(Figure(ours / theirs, 1e6 / ours, 1e6 / theirs))
        if not distinct:
            middle = sorted(fairness)[len(fairness) // 2]
            figures.append(Figure(middle, middle * 100, 100, "%"))
    return figures


def _transact(root: str, sizes: Sizes) -> list[Figure]:
    """Move one from one key to another."""
    with fsstore.open(f"{root}/store") as store, closing(peers.open_diskcache(f"{root}/diskcache")) as cache:
        for put in (store.set, cache.set):
            put("a", 0)
            put("b", 0)

        def ours(tx: Any) -> None:
            a, b = tx.get("a"), tx.get("b")
            tx.set("a", a - 1)
            tx.set("b", b + 1)

        def theirs(_: Any) -> None:
            with cache.transact():
                a, b = cache.get("a"), cache.get("b")
                cache.set("a", a - 1)
                cache.set("b", b + 1)

        contenders = {"fsstore": each(lambda _: store.transact(ours)), "diskcache": each(theirs)}
        times = in_turns(contenders, _turns(sizes))
        assert store.get_many(["a", "b"]) == {"a": cache["a"], "b": cache["b"]}
    return [by_peer(times, "diskcache")]


def _power(root: str, sizes: Sizes) -> list[Figure]:
    """Every write synced: single sets, then batches."""
    with ExitStack() as stack:
        store = stack.enter_context(fsstore.open(f"{root}/store", durability="power"))
        cache = stack.enter_context(closing(peers.open_diskcache(f"{root}/diskcache", full=True)))

        def transact(items: list[tuple[str, Any]]) -> None:
            with cache.transact():
                for key, value in items:
                    cache.set(key, value)

        def one_by_one(put: Callable[[str, Any], Any]) -> Callable[[Any], None]:
            def run(items: Any) -> None:
                for key, value in items:
                    put(key, value)

            return run

        singles = {"fsstore": one_by_one(store.set), "diskcache": one_by_one(cache.set)}
        times = in_turns(singles, _batches(sizes.rounds * 2, min(sizes.batch, 100), 0))
        batches: dict[str, Callable[[Any], object]] = {
            "fsstore": lambda items: store.set_many(dict(items)),
            "diskcache": transact,
        }
        together = in_turns(batches, _batches(sizes.rounds, sizes.batch, 1))
        assert store.get_all() == {key: cache[key] for key in cache}
    return [by_peer(times, "diskcache"), by_peer(together, "diskcache")]


def _ten(root: str, sizes: Sizes) -> list[Figure]:
    """Ten keys as one commit, and one after the other."""
    with fsstore.open(f"{root}/one") as one, fsstore.open(f"{root}/many") as many:

        def singly(items: Any) -> None:
            for key, value in items:
                one.set(key, value)

        contenders = {"fsstore": lambda items: many.set_many(dict(items)), "singly": singly}
        times = in_turns(contenders, _batches(40 * sizes.rounds, _TEN, 2))
        assert one.get_all() == many.get_all()
    return [by_floor(times, "singly")]


def _consistent(root: str, sizes: Sizes) -> list[Figure]:
    """A hundred values with the check that no commit was half seen, and without."""
    keys = workload.keys(sizes.keys)
    with fsstore.open(f"{root}/store") as store, _without_check(f"{root}/store") as unchecked:
        store.set_many(dict(zip(keys, workload.values(len(keys)), strict=True)))
        contenders: dict[str, Callable[[Any], object]] = {"fsstore": store.get_many, "unchecked": unchecked.get_many}
        for _ in range(3):
            assert store.get_many(keys[:_HUNDRED]) == unchecked.get_many(keys[:_HUNDRED])
        order = workload.shuffled(keys * 2)
        times = in_turns(contenders, [list(part) for part in workload.chunks(order, _HUNDRED)])
    return [by_floor(times, "unchecked")]


@contextmanager
def _without_check(path: str) -> Iterator[fsstore.Store]:
    """A store whose readers believe that nobody writes."""
    with fsstore.open(path) as store:
        engine: Any = store._engine
        engine._consistency.view = lambda stripes, read, key_of, again: read(NOTHING_OPEN)
        yield store


def _turns(sizes: Sizes) -> Iterator[range]:
    for _ in range(4 * sizes.rounds):
        yield range(min(_GRAIN, sizes.batch))


def _batches(count: int, size: int, salt: int) -> Iterator[list[tuple[str, Any]]]:
    for number in range(count):
        first = (salt * 1000 + number) * size
        yield list(zip(workload.keys(size, first=first), workload.values(size, first=first), strict=True))


SCENARIOS = (
    Scenario(
        (
            Target("increment", "diskcache", ">=", 0.4, 1.0),
            Target("increment", "lmdb"),
            Target("increment", "naive", "<="),
        ),
        _alone,
    ),
    Scenario(
        (
            Target(f"increment, {WRITERS} on one key", "diskcache", ">=", 1.0, 1.5),
            Target("slowest of these", "the fastest", ">=", 0.7, 0.9),
            Target(f"increment, {WRITERS} on own keys", "diskcache"),
        ),
        _contended,
    ),
    Scenario((Target("transact", "diskcache"),), _transact),
    Scenario(
        (
            Target("set, power", "diskcache FULL", ">=", 0.9, 1.5),
            Target("set_many of 1k, power", "diskcache FULL", ">=", 1.0, 3.0),
        ),
        _power,
    ),
    Scenario((Target("set_many of 10", "10 sets", "<=", 1.2),), _ten),
    Scenario((Target("get_many of 100", "unchecked", "<=", 1.15),), _consistent),
)
