"""Rows about how soon a watcher has the values that another process sets, and how fast it catches up."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from statistics import median, quantiles

import fsstore
from benchmark import peers, workload
from benchmark.calls import Caller
from benchmark.rows import Figure, Scenario, Target
from benchmark.timing import Times
from benchmark.workload import Sizes

OURS = "fsstore"
_US = 1e-3  # of a nanosecond
_SETS = 40
"""In one turn: few, so that all see the same machine."""
_TURNS = 5
"""In one round, at most."""
_PAUSE = 0.005  # seconds between two sets, so that every one is told alone
_BURST = 8_000
"""Keys, and changes that wait: well below what the kernel keeps, which is 16,384."""


class Watched:
    """A store, or its like, of each contender, with its watcher; and one writer for all."""

    def __init__(self, root: str, contenders: Sequence[str], sizes: Sizes, stack: ExitStack) -> None:
        self.keys = workload.keys(min(_BURST, sizes.keys))
        self._numbers = 0
        self._roots = {name: f"{root}/{name.replace(' ', '-')}" for name in contenders}
        for place in self._roots.values():
            with fsstore.open(place) as store:
                store.set_many(dict.fromkeys(self.keys, None))
        self.writer = stack.enter_context(Caller("watch_worker", "writer"))
        self.watchers = {
            name: stack.enter_context(Caller("watch_worker", "watcher", name, place))
            for name, place in self._roots.items()
        }

    def latencies(self, name: str, count: int) -> list[int]:
        """Nanoseconds from the rename within each ``set``, before which there is nothing to see, until it was told."""
        first, keys = self._next(count), workload.shuffled(self.keys, self._numbers)[:count]
        _, sets = self.writer.call("set", self._roots[name], keys, first, _PAUSE)
        _, told = self.watchers[name].call("take", count)
        at = dict(told)
        assert len(at) == len(told) == count
        return [at[number] - renamed for number, renamed in sets]

    def burst(self, name: str) -> float:
        """Every key is changed while the watcher stands still: nanoseconds for each until the last is told."""
        count, watcher = len(self.keys), self.watchers[name]
        first = self._next(count)
        with _stopped(watcher):
            self.writer.call("set", self._roots[name], self.keys, first, 0)
            start = time.monotonic_ns()
        _, told = watcher.call("take", count)
        assert sorted(number for number, _ in told) == [*range(first, first + count)]
        last: int = max(at for _, at in told)
        return (last - start) / count

    def _next(self, count: int) -> int:
        first = self._numbers
        self._numbers += count
        return first


@contextmanager
def _stopped(watcher: Caller) -> Iterator[None]:
    """The kernel gathers what happens meanwhile."""
    os.kill(watcher.process.pid, signal.SIGSTOP)
    try:
        os.waitid(os.P_PID, watcher.process.pid, os.WSTOPPED)
        yield
    finally:
        os.kill(watcher.process.pid, signal.SIGCONT)


class Latencies:
    """What was measured of several contenders, in turns."""

    def __init__(self) -> None:
        self._all: dict[str, list[int]] = {}
        self._turns = Times()

    def add(self, name: str, latencies: list[int]) -> None:
        """Note one turn."""
        self._all.setdefault(name, []).extend(latencies)
        self._turns.add(name, median(latencies))

    def share(self, other: str) -> Figure:
        """Our share of another's median."""
        times = self._turns
        return Figure(times.ratio(OURS, other), times.typical(OURS) * _US, times.typical(other) * _US)

    def faster(self, other: str) -> Figure:
        """How many times as fast as another we are, by the median."""
        times = self._turns
        return Figure(times.ratio(other, OURS), times.typical(OURS) * _US, times.typical(other) * _US)

    def worst(self, other: str) -> Figure:
        """Our share of what one in a hundred of another's took at least."""
        ours, theirs = (p99(self._all[name]) for name in (OURS, other))
        return Figure(ours / theirs, ours * _US, theirs * _US)


def p99(figures: Sequence[float]) -> float:
    """What 99 of a hundred stay below."""
    return quantiles(figures, n=100, method="inclusive")[98]


def _measured(root: str, contenders: Sequence[str], sizes: Sizes) -> Latencies:
    found = Latencies()
    with ExitStack() as stack:
        watched = Watched(root, contenders, sizes, stack)
        for name in contenders:
            watched.latencies(name, _SETS)  # not counted: the first ones find cold caches
        for _ in range(min(_TURNS, sizes.rounds) * sizes.rounds):
            for name in contenders:
                found.add(name, watched.latencies(name, _SETS))
    return found


def _latency(root: str, sizes: Sizes) -> list[Figure]:
    found = _measured(root, (OURS, "raw inotify", "Observer"), sizes)
    return [found.share("raw inotify"), found.faster("Observer"), found.worst("raw inotify")]


def _slow(root: str, sizes: Sizes) -> list[Figure]:
    peers.load("watchfiles")  # by a process of its own, which could not say that it is not there
    found = _measured(root, (OURS, "watchfiles"), sizes)
    return [found.faster("watchfiles")]


def _drain(root: str, sizes: Sizes) -> list[Figure]:
    times = Times()
    with ExitStack() as stack:
        watched = Watched(root, (OURS, "raw inotify", "Observer"), sizes, stack)
        for turn in range(sizes.rounds + 1):
            for name in watched.watchers:
                taken = watched.burst(name)
                if turn:
                    times.add(name, taken)
    ours = times.typical(OURS) * _US
    return [
        Figure(times.ratio(other, OURS), ours, times.typical(other) * _US, "us")
        for other in ("raw inotify", "Observer")
    ]


SCENARIOS = (
    Scenario(
        (
            Target("set to callback", "raw inotify", "<=", 1.75, 1.5),
            Target("set to callback", "Observer", ">=", 1.5, 2.0),
            Target("set to callback, p99", "raw inotify", "<=", 3.0),
        ),
        _latency,
    ),
    Scenario((Target("set to callback", "watchfiles", ">=", 5.0),), _slow),
    Scenario(
        (Target("drain of changes", "raw inotify", ">=", 0.5, 0.6), Target("drain of changes", "Observer", ">=", 5.0)),
        _drain,
    ),
)
