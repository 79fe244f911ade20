"""Rows about large stores: how soon watching begins and resumes, what it keeps of each key, how it helps a snapshot."""

from __future__ import annotations

import os
import time
from contextlib import ExitStack

import fsstore
from benchmark import history_repositories as repositories
from benchmark.calls import Caller
from benchmark.history_contenders import Worker
from benchmark.history_snapshots import home, share
from benchmark.rows import Figure, Scenario, Target
from benchmark.timing import Times
from benchmark.workload import Sizes
from fsstore import values

_OF_A_DIRECTORY = 100
_CHANGED = 10
_BYTES = 330
_SETTLED = 0.2  # seconds after which nobody can still be writing a file


def plant(root: str, count: int) -> None:
    """So many keys, a hundred of them in each directory."""
    for first in range(0, count, _OF_A_DIRECTORY):
        directory = f"{root}/project{first // _OF_A_DIRECTORY:04d}"
        os.makedirs(directory)
        for number in range(first, min(first + _OF_A_DIRECTORY, count)):
            with open(f"{directory}/item{number % _OF_A_DIRECTORY:05d}.json", "wb") as file:
                file.write(values.encode({"number": number}))
    time.sleep(_SETTLED)


def _begin(root: str, sizes: Sizes) -> list[Figure]:
    """Start, resume and the walk in turns; then the memory of one that starts, in a new process."""
    times, count = Times(), sizes.stream
    fsstore.open(root).close()
    plant(f"{root}/default", count)
    with ExitStack() as stack:
        writer = stack.enter_context(Caller("watch_worker", "writer"))
        beginner = stack.enter_context(Caller("watch_worker", "beginner", root))
        beginner.call("resume", 0)
        beginner.call("end")
        changed = [f"project0000:item{number:05d}" for number in range(_CHANGED)]
        for turn in range(sizes.rounds + 1):
            first = (turn + 1) * count
            writer.call("set", root, changed, first, 0)
            time.sleep(_SETTLED)
            for name, verb, arguments in (
                ("walk", "walk", ()),
                ("start", "start", ()),
                ("resume", "resume", (_CHANGED,)),
            ):
                seconds, found = beginner.call(verb, *arguments)
                if verb == "walk":
                    assert found > count
                else:
                    assert beginner.call("end")[1] == 0
                if turn:
                    times.add(name, seconds)
    each = max(_memory(root) / count, 0.1)
    return [
        share(times, "walk", "start"),
        Figure(each / _BYTES, each, _BYTES, "bytes"),
        share(times, "start", "resume"),
    ]


def _memory(root: str) -> int:
    """How much larger a process is after the start."""
    with Caller("watch_worker", "beginner", root) as beginner:
        _, before = beginner.call("memory")
        beginner.call("start")
        _, after = beginner.call("memory")
    return int(after - before)


def _edits(root: str, sizes: Sizes) -> list[Figure]:
    """A snapshot that finds nothing, in a process that watches: it knows of edits in place by that alone."""
    place, keys, times = home(root), sizes.stream, Times()
    ours, git = place.of_keys(keys, "watched"), place.of_keys(keys, "git")
    with Worker(place, "ours", ours) as worker:
        worker.call("watch")
        worker.call("snapshot", True)
        for _ in range(2 * sizes.rounds):
            times.add("fsstore", worker.call("snapshot", False)[0])
            start = time.perf_counter()
            found = place.git(git, "--no-optional-locks", "status", "--porcelain")
            times.add("status", time.perf_counter() - start)
            assert found == ""
        _edit(f"{ours}/{repositories.path(0)}")
        assert worker.call("snapshot", False)[1]
        place.check(ours)
    return [share(times, "status")]


def _edit(path: str) -> None:
    """In place, and of the same size."""
    with open(path, "r+b") as file:
        raw = file.read().replace(b'"active"', b'"asleep"')
        file.seek(0)
        file.write(raw)


SCENARIOS = (
    Scenario(
        (
            Target("start of watching 100k", "walk with stat", "<=", 1.5),
            Target("memory of a watched key", f"{_BYTES} bytes", "<=", 1.0),
            Target("resume of watching 100k", "start", "<=", 1.5),
        ),
        _begin,
    ),
    Scenario((Target("edits of 100k, watched", "git status", "<=", 0.05),), _edits),
)
