"""Rows about what a history costs and gives: its growth, the history of a key, bringing back an old state."""

from __future__ import annotations

import os
import time

import fsstore
from benchmark import history_repositories as repositories
from benchmark.history_contenders import VERSIONS, Worker
from benchmark.history_repositories import Repositories
from benchmark.history_snapshots import CHANGED, faster, home
from benchmark.rows import Figure, Scenario, Target
from benchmark.timing import Times
from benchmark.workload import Sizes

_KB = 1000
_SNAPSHOTS = 64
_FOREIGN = 20


def _growth(root: str, sizes: Sizes) -> list[Figure]:
    """Bytes on the disk that a snapshot adds, before and after everything was packed."""
    place, keys = home(root), sizes.keys
    mine = place.of_keys(keys, "growth")
    snapshots = min(_SNAPSHOTS, 4 * sizes.rounds * CHANGED)
    with fsstore.open(mine, agent="bench") as store:
        items = store.use_namespace(repositories.NAMESPACE)
        store.snapshot(verify=True)
        store.gc()
        sizes_on_disk = [_used(mine)]
        for _ in range(snapshots):
            for number, version in VERSIONS.change(CHANGED, keys).items():
                items.set(repositories.key(number), repositories.value(number, version))
            store.snapshot()
        sizes_on_disk.append(_used(mine))
        store.gc()
        sizes_on_disk.append(_used(mine))
    place.check(mine)
    before, *after = sizes_on_disk
    each = [(size - before) / snapshots / _KB for size in after]
    return [Figure(max(each[0], 0.001) / 30, each[0], 30, "KB"), Figure(max(each[1], 0.001) / 4, each[1], 4, "KB")]


def _used(root: str) -> int:
    """Bytes that the objects take on the disk, in whole blocks."""
    return sum(
        os.lstat(f"{parent}/{name}").st_blocks * 512
        for parent, _, names in os.walk(f"{root}/.git/objects")
        for name in names
    )


def _history(root: str, sizes: Sizes) -> list[Figure]:
    """Each turn about another key; then once more after commits that fsstore did not make."""
    place, commits, keys = home(root), sizes.keys, sizes.keys
    mine, git = (place.of_commits(commits, keys, name) for name in ("fsstore", "git"))
    place.git(git, "commit-graph", "write", "--reachable", "--changed-paths")
    with Worker(place, "ours", mine) as worker:
        worker.call("snapshot", True)
        worker.call("history", repositories.key(0))
    times, foreign = Times(), Times()
    for turn in range(sizes.rounds):
        _ask(place, mine, git, turn, times)
    for turn in range(sizes.rounds):
        for path in (mine, git):
            _commit_by_hand(place, path, turn)
        _ask(place, mine, git, turn + sizes.rounds, foreign)
    return [faster(times, "git"), faster(foreign, "git")]


def _ask(place: Repositories, mine: str, git: str, number: int, times: Times) -> None:
    with Worker(place, "ours", mine) as worker:
        seconds, count = worker.call("history", repositories.key(number))
    times.add("fsstore", seconds)
    start = time.perf_counter()
    found = place.git(git, "log", "--format=%H", "--", repositories.path(number))
    times.add("git", time.perf_counter() - start)
    assert len(found.split()) == count, (number, count)


def _commit_by_hand(place: Repositories, root: str, turn: int) -> None:
    for number in range(_FOREIGN):
        with open(f"{root}/notes.txt", "a", encoding="utf-8") as file:
            file.write(f"{turn} {number}\n")
        place.git(root, "add", "notes.txt")
        place.git(root, "commit", "-q", "-m", "by hand")


def _restore(root: str, sizes: Sizes) -> list[Figure]:
    """Back to what was ten keys ago."""
    place, keys = home(root), sizes.stream
    mine, peer = place.of_keys(keys, "fsstore"), place.of_keys(keys, "pygit2")
    times = Times()
    with Worker(place, "ours", mine) as ours, Worker(place, "pygit2", peer) as pygit2:
        ours.call("snapshot", True)
        for _ in range(sizes.rounds):
            changed = VERSIONS.change(CHANGED, keys)
            for name, worker, path in (("fsstore", ours, mine), ("pygit2", pygit2, peer)):
                before = place.git(path, "rev-parse", "HEAD").strip()
                repositories.write_files(path, changed)
                worker.call("snapshot", False)
                seconds, commit = worker.call("restore", before)
                place.check(path, commit)
                assert place.git(path, "diff", "--name-only", before) == ""
                times.add(name, seconds)
    return [faster(times, "pygit2")]


SCENARIOS = (
    Scenario(
        (
            Target("growth by a snapshot", "30 KB", "<=", 1.0),
            Target("growth, after gc", "4 KB", "<=", 1.0),
        ),
        _growth,
    ),
    Scenario(
        (
            Target("history of a key", "git log", ">=", 8.0),
            Target("history, foreign commits", "git log", ">=", 8.0),
        ),
        _history,
    ),
    Scenario((Target("restore 10 of 100k", "checkout_tree", ">=", 15.0),), _restore),
)
