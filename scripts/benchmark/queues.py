"""Rows about queues: a job from its put to its end, with a standing line behind it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
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

    The peer's job is gone when it is pulled, whatever becomes of who pulled it, and so is ours. One that is leased and
    acknowledged, so that a worker which died is found out, is a write more: that row is there for information.
    """
    with fsstore.open(f"{root}/store") as store, closing(peers.open_diskcache(f"{root}/diskcache")) as cache:
        pulled, leased = store.queue("pulled"), store.queue("leased")
        for each in workload.values(min(sizes.batch, 1000)):
            pulled.put(each)
            leased.put(each)
            cache.push(each)

        def acknowledge() -> None:
            job = leased.get()
            assert job is not None
            leased.ack(job)

        contenders = {
            "fsstore": _through(pulled.put, pulled.pull),
            "leased": _through(leased.put, acknowledge),
            "diskcache": _through(cache.push, cache.pull),
        }
        times = in_turns(contenders, _pieces(sizes))
        assert pulled.stats().ready == leased.stats().ready == len(cache)
    ratio = times.ratio("diskcache", "leased")
    figure = Figure(ratio, times.typical("leased") * 1e6, times.typical("diskcache") * 1e6)
    return [by_peer(times, "diskcache"), figure]


def _through(put: Callable[[Any], object], take: Callable[[], object]) -> Callable[[Sequence[Any]], object]:
    """A contender that puts a piece of work, and takes as much."""

    def run(piece: Sequence[Any]) -> None:
        for each in piece:
            put(each)
        for _ in piece:
            take()

    return run


def _pieces(sizes: Sizes) -> Iterator[Sequence[Any]]:
    size = min(_GRAIN, sizes.batch)
    for number in range(8 * sizes.rounds):
        yield workload.values(size, first=number * size)


SCENARIOS = (
    Scenario((Target("push/pull", "diskcache", ">=", 0.5), Target("put/get/ack", "diskcache push/pull")), _queued),
)
