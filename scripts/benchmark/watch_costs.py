"""Rows about what a watcher must not notice, what a person's save is to it, and what it takes while nothing happens."""

from __future__ import annotations

import glob
import os
import time
from contextlib import ExitStack
from statistics import median

import fsstore
from benchmark import workload
from benchmark.calls import Caller
from benchmark.rows import Figure, Scenario, Target
from benchmark.timing import Times
from benchmark.watch_latency import p99
from benchmark.workload import Sizes

_QUIET = 0.6  # seconds of looking for a wake-up, in each round
_SNAPSHOT = 100
_READS = 1_000
_SAVES = 200
_VIM = 4  # in each round
_PAUSE = 0.02  # seconds between two saves
_VIM_PAUSE = 0.3
_LIMIT_MS = 20.0
_SYNCS = 100


def _nothing(root: str, sizes: Sizes) -> list[Figure]:
    """What makes no change makes no event, and nobody wakes up for nothing."""
    with ExitStack() as stack:
        writer, watcher = _pair(root, stack)
        keys = workload.keys(_SNAPSHOT)
        writer.call("set", root, keys, 0, 0)
        watcher.call("settled")
        assert writer.call("snapshot", root)[1]
        events = len(watcher.call("settled")[1])
        reads = workload.keys(_SNAPSHOT) * (_READS // _SNAPSHOT)
        assert writer.call("read", root, reads)[1] == len(reads) + len(keys)
        read = len(watcher.call("settled")[1])
        time.sleep(_PAUSE)  # who was woken by the last call sleeps again
        before, start = _switches(watcher.process.pid), time.monotonic()
        time.sleep(_QUIET * sizes.rounds)
        woken = (_switches(watcher.process.pid) - before) / (time.monotonic() - start)
    return [_count(events, "events"), _count(read, "events"), _count(woken, "a second")]


def _pair(root: str, stack: ExitStack) -> tuple[Caller, Caller]:
    """A process that writes and another that watches."""
    fsstore.open(root).close()
    writer = stack.enter_context(Caller("watch_worker", "writer"))
    return writer, stack.enter_context(Caller("watch_worker", "watcher", "fsstore", root))


def _count(found: float, unit: str, wanted: float = 0) -> Figure:
    return Figure(found, found, wanted, unit)


def _switches(process: int) -> int:
    """How often any thread of a process has gone to sleep, and so has been awake."""
    total = 0
    for path in glob.glob(f"/proc/{process}/task/*/status"):
        with open(path, encoding="ascii") as lines:
            total += next(int(line.split()[1]) for line in lines if line.startswith("voluntary_ctxt_switches"))
    return total


def _saves(root: str, sizes: Sizes) -> list[Figure]:
    """In place as VS Code saves, and by vim's dance."""
    with ExitStack() as stack:
        writer, watcher = _pair(root, stack)
        writer.call("set", root, ["edited", "danced"], 0, 0)
        watcher.call("take", 2)
        count = min(_SAVES, sizes.batch)
        _, saved = writer.call("save", root, "edited", 2, count, _PAUSE)
        told = dict(watcher.call("settled")[1])
        delays = [(told[number] - closed) / 1e6 for number, closed in saved if number in told]
        assert len(delays) >= 0.9 * count  # two saves close to each other may be one event
        found = []
        for number in range(1, _VIM * sizes.rounds + 1):
            writer.call("vim", root, "danced", count + 2 + number)
            time.sleep(_VIM_PAUSE)  # a second event would be late
            found.append(len(watcher.call("settled")[1]))
    worst = max(found, key=lambda events: abs(events - 1))
    delay = p99(delays)
    return [Figure(delay / _LIMIT_MS, delay, _LIMIT_MS, "ms"), _count(worst, "events", 1)]


def _sync(root: str, sizes: Sizes) -> list[Figure]:
    """Each `sync` right before the round trip that it is compared with."""
    fsstore.open(root).close()
    times = Times()
    with Caller("watch_worker", "syncer", root) as syncer:
        syncer.call("turns", _SYNCS)
        for _ in range(2 * sizes.rounds):
            found = syncer.call("turns", _SYNCS)[1]
            for name, seconds in zip(("fsstore", "raw"), zip(*found, strict=True), strict=True):
                times.add(name, median(seconds))
    return [Figure(times.ratio("fsstore", "raw"), times.typical("fsstore") * 1e6, times.typical("raw") * 1e6)]


def _threads(root: str, sizes: Sizes) -> list[Figure]:
    """Of eight iterators; of one function more."""
    fsstore.open(root).close()
    with Caller("watch_worker", "subscriber", root) as subscriber:
        process = subscriber.process.pid
        before = _threads_of(process)
        subscriber.call("iterators", 8)
        iterators = _threads_of(process)
        descriptors = _inotify_descriptors(process)
        subscriber.call("callbacks", 1)
        more = _threads_of(process) - iterators
    return [
        _count(iterators - before, "threads", 1),
        _count(descriptors, "of them", 1),
        _count(more, "threads", 1),
    ]


def _threads_of(process: int) -> int:
    return len(os.listdir(f"/proc/{process}/task"))


def _inotify_descriptors(process: int) -> int:
    found = glob.glob(f"/proc/{process}/fd/*")
    return sum(os.readlink(path) == "anon_inode:inotify" for path in found)


SCENARIOS = (
    Scenario(
        (
            Target("events of a snapshot", "none", "==", 0),
            Target("events of 1,000 reads", "none", "==", 0),
            Target("idle wake-ups", "none", "==", 0),
        ),
        _nothing,
    ),
    Scenario(
        (Target("in-place save, p99", "20 ms", "<=", 1.0), Target("events of a vim save", "one", "==", 1)),
        _saves,
    ),
    Scenario((Target("sync", "raw inotify", "<=", 2.0),), _sync),
    Scenario(
        (
            Target("threads of 8 iterators", "one", "==", 1),
            Target("inotify descriptors of them", "one", "==", 1),
            Target("threads of a callback more", "one", "==", 1),
        ),
        _threads,
    ),
)
