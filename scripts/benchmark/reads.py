"""Rows about reading: one value, all values, lists of keys."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from contextlib import closing
from typing import Any

import fsstore
from benchmark import peers, workload
from benchmark.rows import Figure, Scenario, Target
from benchmark.timing import Times, each, in_turns, whole
from benchmark.workload import Sizes

GRAIN = 500
SETTLED = 0.06
"""Seconds after which a directory's modification time proves that a listing of it is not stale."""
ENOUGH = 10
CALLS = 10
"""Of a listing from memory in one turn."""


def by_peer(times: Times, peer: str) -> Figure:
    """How many times as fast as a peer."""
    return Figure(times.ratio(peer, "fsstore"), times.typical("fsstore") * 1e6, times.typical(peer) * 1e6)


def by_floor(times: Times, floor: str, ours: str = "fsstore") -> Figure:
    """The share of the floor's time."""
    return Figure(times.ratio(ours, floor), times.typical(ours) * 1e6, times.typical(floor) * 1e6)


def settle(directory: str) -> None:
    """Wait until nothing below was changed just now, as in a store at rest."""
    newest = max(os.stat(parent).st_mtime for parent, _, _ in os.walk(directory))
    while time.time() - newest < SETTLED:
        time.sleep(SETTLED / 10)


def _get(root: str, sizes: Sizes) -> list[Figure]:
    keys, values = _content(sizes)
    naive = peers.Naive(f"{root}/naive")
    with fsstore.open(f"{root}/store") as store, closing(peers.open_diskcache(f"{root}/diskcache")) as cache:
        for key, value in zip(keys, values, strict=True):
            for put in (store.set, cache.set, naive.set):
                put(key, value)
        for key, value in zip(keys, values, strict=True):  # and each is warm now
            assert store.get(key) == cache.get(key) == naive.get(key) == value
        contenders = {"fsstore": each(store.get), "diskcache": each(cache.get), "naive": each(naive.get)}
        times = in_turns(contenders, _turns(keys, sizes))
    return [by_peer(times, "diskcache"), by_floor(times, "naive")]


def _get_lmdb(root: str, sizes: Sizes) -> list[Figure]:
    keys, values = _content(sizes)
    with fsstore.open(f"{root}/store") as store, closing(peers.Lmdb(f"{root}/lmdb")) as lmdb:
        for key, value in zip(keys, values, strict=True):
            store.set(key, value)
            lmdb.set(key, value)
        assert all(store.get(key) == lmdb.get(key) == value for key, value in zip(keys, values, strict=True))
        times = in_turns({"fsstore": each(store.get), "lmdb": each(lmdb.get)}, _turns(keys, sizes))
    return [by_peer(times, "lmdb")]


def _many(root: str, sizes: Sizes) -> list[Figure]:
    """All values and lists of keys share the set-up: filling takes longer than measuring."""
    keys, values = _content(sizes)
    items = dict(zip(keys, values, strict=True))
    prefix = "project000:"
    with fsstore.open(f"{root}/store") as store, closing(peers.open_diskcache(f"{root}/diskcache")) as cache:
        store.set_many(items)
        for key, value in items.items():
            cache.set(key, value)

        def cached_all() -> dict[str, Any]:
            return {key: cache[key] for key in cache}

        def cached_hits() -> list[str]:
            return sorted(key for key in cache if key.startswith(prefix))

        def listed() -> list[str]:
            return sorted(cache)

        settle(f"{root}/store/default")
        assert store.get_all() == cached_all() == items
        assert store.list_keys() == listed() == sorted(keys)
        assert store.list_keys(prefix) == cached_hits()
        once = [keys] * sizes.rounds
        again = [[None]] * (sizes.rounds * ENOUGH)
        calls = {"fsstore": CALLS}
        both = {"fsstore": CALLS, "diskcache": CALLS}  # so that each pays for the garbage collection that it puts off
        everything = in_turns({"fsstore": whole(store.get_all), "diskcache": whole(cached_all)}, once, both)
        lists = in_turns({"fsstore": whole(store.list_keys), "diskcache": whole(listed)}, again, calls)
        hits = in_turns(
            {"fsstore": whole(lambda: store.list_keys(prefix)), "diskcache": whole(cached_hits)}, again, calls
        )
    return [by_peer(everything, "diskcache"), by_peer(lists, "diskcache"), by_peer(hits, "diskcache")]


def _content(sizes: Sizes) -> tuple[list[str], list[dict[str, Any]]]:
    return workload.shuffled(workload.keys(sizes.keys)), workload.values(sizes.keys)


def _turns(keys: Sequence[str], sizes: Sizes) -> list[Sequence[str]]:
    """Every key once a round, each round in an order of its own."""
    rounds = [workload.shuffled(keys, salt) for salt in range(sizes.rounds)]
    return [piece for order in rounds for piece in workload.chunks(order, GRAIN)]


SCENARIOS = (
    Scenario(
        (
            Target("get", "diskcache", ">=", 1.1, 1.3),
            Target("get", "naive", "<=", 0.75, 0.6),
        ),
        _get,
    ),
    Scenario((Target("get", "lmdb"),), _get_lmdb),
    Scenario(
        (
            Target("get_all", "diskcache", ">=", 1.4, 1.7),
            Target("list_keys unchanged", "diskcache", ">=", 10),
            Target("list_keys prefix", "diskcache", ">=", 100),
        ),
        _many,
    ),
)
