"""Rows about queues: a job from its put to its end, with a standing line behind it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from typing import Any

import fsstore
from benchmark import peers, workload
from benchmark.reads import by_peer
from benchmark.rows import Figure, Scenario, Target
from benchmark.timing import in_turns
from benchmark.workload import Sizes

_GRAIN = 100


def _queued(root: str, sizes: Sizes) -> list[Figure]:
    """One process puts a hundred jobs and takes a hundred, again and again.

    The peer's job is gone when it is pulled, whatever becomes of who pulled it; a job of ours is leased, and
    acknowledged when it is done, and a worker that died is found out.
    """
    with fsstore.open(f"{root}/store") as store, closing(peers.open_diskcache(f"{root}/diskcache")) as cache:
        queue = store.queue("q")
        for each in workload.values(min(sizes.batch, 1000)):
            queue.put(each)
            cache.push(each)

        def ours(piece: Sequence[Any]) -> None:
            for each in piece:
                queue.put(each)
            for _ in piece:
                job = queue.get()
                assert job is not None
                queue.ack(job)

        def theirs(piece: Sequence[Any]) -> None:
            for each in piece:
                cache.push(each)
            for _ in piece:
                cache.pull()

        times = in_turns({"fsstore": ours, "diskcache": theirs}, _pieces(sizes))
        assert queue.stats().ready == len(cache)
    return [by_peer(times, "diskcache")]


def _pieces(sizes: Sizes) -> Iterator[Sequence[Any]]:
    size = min(_GRAIN, sizes.batch)
    for number in range(8 * sizes.rounds):
        yield workload.values(size, first=number * size)


SCENARIOS = (Scenario((Target("push/pull", "diskcache", ">=", 0.5),), _queued),)
