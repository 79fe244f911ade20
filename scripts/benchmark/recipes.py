"""Rows about recipes: a memoized function that answers from the store, and the removal of what has ended."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing
from typing import Any

import fsstore
from benchmark import peers, workload
from benchmark.reads import by_peer
from benchmark.rows import Figure, Scenario, Target
from benchmark.timing import Times, each, in_turns
from benchmark.workload import Sizes

_GRAIN = 200
_AN_HOUR = 3600.0
_AT_ONCE = 0.001  # seconds until all that is set ends


def _memoize(root: str, sizes: Sizes) -> list[Figure]:
    """Hits only, without and with expiry."""
    count = min(sizes.keys, 1000)
    values = workload.values(count)
    figures = []
    with fsstore.open(f"{root}/store") as store, closing(peers.open_diskcache(f"{root}/diskcache")) as cache:
        for seconds in (None, _AN_HOUR):

            def summary(number: int, language: str = "python") -> dict[str, Any]:
                return values[number]

            name = f"summary-{seconds}"
            decorators = {
                "fsstore": store.memoize(seconds, name=name),
                "diskcache": cache.memoize(name, expire=seconds),
            }
            functions: dict[str, Callable[[int], Any]] = {peer: made(summary) for peer, made in decorators.items()}
            for number in range(count):
                assert {functions[peer](number) == values[number] for peer in functions} == {True}
            order = workload.shuffled([*range(count)] * 4 * sizes.rounds)
            contenders = {peer: each(function) for peer, function in functions.items()}
            times = in_turns(contenders, workload.chunks(order, _GRAIN))
            assert store.count(f"{name}:") == count
            figures.append(by_peer(times, "diskcache"))
    return figures


def _expire(root: str, sizes: Sizes) -> list[Figure]:
    """Remove as many as half of the keys, which have ended, beside as many that have not."""
    keys, values = workload.keys(sizes.keys), workload.values(sizes.keys)
    half = len(keys) // 2
    times = Times()
    with fsstore.open(f"{root}/store") as store, closing(peers.open_diskcache(f"{root}/diskcache")) as cache:

        def fill(items: dict[str, Any], seconds: float) -> None:
            store.set_many(items, ttl=seconds)
            with cache.transact():
                for key, value in items.items():
                    cache.set(key, value, expire=seconds)

        cache.reset("cull_limit", 0)  # so that nothing is removed before
        fill(dict(zip(keys[half:], values[half:], strict=True)), _AN_HOUR)
        for _ in range(sizes.rounds):
            fill(dict(zip(keys[:half], values[:half], strict=True)), _AT_ONCE)
            time.sleep(2 * _AT_ONCE)
            removals: dict[str, Callable[[], int]] = {"fsstore": store.sweep, "diskcache": cache.expire}
            for peer, remove in removals.items():
                start = time.perf_counter()
                removed = remove()
                times.add(peer, (time.perf_counter() - start) / half)
                assert removed == half
        assert store.count() == len(cache) == len(keys) - half
    return [by_peer(times, "diskcache")]


SCENARIOS = (
    Scenario(
        (
            Target("memoize hit", "diskcache", ">=", 1.0, 1.5),
            Target("memoize hit, with expiry", "diskcache", ">=", 1.0, 1.5),
        ),
        _memoize,
    ),
    Scenario((Target("expire half of 10k", "diskcache"),), _expire),
)
