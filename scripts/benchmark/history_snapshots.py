"""Rows about snapshots: against git's own commands, pygit2, and themselves in other sizes."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import ExitStack

from benchmark import history_repositories as repositories
from benchmark.history_contenders import (
    Contender,
    FlatGit,
    Git,
    GitStatus,
    Ours,
    Pygit2,
    Worker,
    take_turns,
    warm,
)
from benchmark.history_repositories import Repositories
from benchmark.rows import Figure, Scenario, Target
from benchmark.timing import Times
from benchmark.workload import Sizes

CHANGED = 10
_MS = 1000.0
_NEW, _WARM = "new process", "warm"


def home(root: str) -> Repositories:
    """The repositories that the scenarios of one directory share."""
    return Repositories(f"{os.path.dirname(root)}/repositories")


def faster(times: Times, peer: str, ours: str = "fsstore") -> Figure:
    """How many times as fast as a peer, in milliseconds."""
    return Figure(times.ratio(peer, ours), times.typical(ours) * _MS, times.typical(peer) * _MS, "ms")


def share(times: Times, other: str, ours: str = "fsstore") -> Figure:
    """The share of another's time, in milliseconds."""
    return Figure(times.ratio(ours, other), times.typical(ours) * _MS, times.typical(other) * _MS, "ms")


def _against_git(count: Callable[[Sizes], int]) -> Callable[[str, Sizes], list[Figure]]:
    def run(root: str, sizes: Sizes) -> list[Figure]:
        place, keys = home(root), count(sizes)
        ours, git = place.of_keys(keys, "fsstore"), place.of_keys(keys, "git")
        return [
            faster(times, "git")
            for times in _both(
                place, ours, sizes, lambda worker: {"fsstore": Ours(place, ours, worker), "git": Git(place, git)}, keys
            )
        ]

    return run


def _both(
    place: Repositories,
    ours: str,
    sizes: Sizes,
    contenders: Callable[[Worker | None], dict[str, Contender]],
    keys: int,
    changed: int = CHANGED,
) -> list[Times]:
    """In a new process each time, then in one that goes on."""
    with warm(place, "ours", ours) as worker:
        return [
            take_turns({name: (each, keys) for name, each in contenders(kept).items()}, changed, sizes.rounds)
            for kept in (None, worker)
        ]


def _large(root: str, sizes: Sizes) -> list[Figure]:
    """At the largest size: git, pygit2, and the snapshot of a hundredth of the keys."""
    place, keys, few = home(root), sizes.stream, sizes.batch
    ours, git, peer = (place.of_keys(keys, name) for name in ("fsstore", "git", "pygit2"))
    small = place.of_keys(few, "fsstore")
    found = []
    with ExitStack() as stack:
        kept = [stack.enter_context(warm(place, *each)) for each in (("ours", ours), ("ours", small), ("pygit2", peer))]
        for mine, little, other in ((None, None, None), kept):
            contenders: dict[str, tuple[Contender, int]] = {
                "fsstore": (Ours(place, ours, mine), keys),
                "few": (Ours(place, small, little), few),
                "git": (Git(place, git), keys),
                "pygit2": (Pygit2(place, peer, other), keys),
            }
            times = take_turns(contenders, CHANGED, sizes.rounds)
            found += [faster(times, "git"), faster(times, "pygit2"), share(times, "few")]
    return found


def _thousand(root: str, sizes: Sizes) -> list[Figure]:
    place, keys = home(root), sizes.stream
    ours, git = place.of_keys(keys, "fsstore"), place.of_keys(keys, "git")
    found = _both(
        place,
        ours,
        sizes,
        lambda worker: {"fsstore": Ours(place, ours, worker), "git": Git(place, git)},
        keys,
        sizes.batch,
    )
    return [faster(times, "git") for times in found]


def _sweep(root: str, sizes: Sizes) -> list[Figure]:
    place, keys = home(root), sizes.stream
    ours, git = place.of_keys(keys, "fsstore"), place.of_keys(keys, "git")
    found = _both(
        place,
        ours,
        sizes,
        lambda worker: {"fsstore": Ours(place, ours, worker, verify=True), "status": GitStatus(place, git)},
        keys,
    )
    return [share(times, "status") for times in found]


def _durable(root: str, sizes: Sizes) -> list[Figure]:
    place, keys = home(root), sizes.keys
    ours, other = place.of_keys(keys, "fsstore"), place.of_keys(keys, "process")
    with warm(place, "ours", ours) as worker, warm(place, "ours", other, "process") as process:
        found = [
            take_turns(
                {
                    "durable": (Ours(place, ours, one), keys),
                    "not": (Ours(place, other, two, durability="process"), keys),
                },
                CHANGED,
                sizes.rounds,
            )
            for one, two in ((None, None), (worker, process))
        ]
    return [share(times, "not", "durable") for times in found]


def _flat(root: str, sizes: Sizes) -> list[Figure]:
    place, keys = home(root), sizes.stream
    ours, git = place.of_keys(keys, "fsstore", flat=True), place.of_keys(keys, "git", flat=True)
    found = _both(
        place,
        ours,
        sizes,
        lambda worker: {
            "fsstore": Ours(place, ours, worker, key=repositories.flat_key),
            "git": FlatGit(place, git),
        },
        keys,
    )
    return [faster(times, "git") for times in found]


def _pair(
    name: str, against: str, sense: str = ">=", must: float | None = None, goal: float | None = None
) -> list[Target]:
    return [Target(f"{name}, {mode}", against, sense, must, goal) for mode in (_NEW, _WARM)]


SCENARIOS = (
    Scenario((*_pair("snapshot 1k", "git commit", ">=", 3.5),), _against_git(lambda sizes: sizes.batch)),
    Scenario((*_pair("snapshot 10k", "git commit", ">=", 8.0),), _against_git(lambda sizes: sizes.keys)),
    Scenario(
        tuple(
            Target(f"snapshot 100k, {mode}", against, sense, must)
            for mode in (_NEW, _WARM)
            for against, sense, must in (("git commit", ">=", 20.0), ("pygit2", ">=", 18.0), ("of 1k", "<=", 4.5))
        ),
        _large,
    ),
    Scenario((*_pair("1k of 100k", "git commit", ">=", 4.0),), _thousand),
    Scenario((*_pair("sweep 100k", "git status", "<=", 1.5),), _sweep),
    Scenario((*_pair("durable 10k", "not durable", "<=", 2.0, 1.3),), _durable),
    Scenario((*_pair("100k in one", "git commit"),), _flat),
)
