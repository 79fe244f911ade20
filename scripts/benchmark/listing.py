"""Rows about listing very many keys, against a walk of the directories that remembers nothing."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack

import fsstore
from benchmark import peers, workload
from benchmark.reads import CALLS, by_floor, settle
from benchmark.rows import Figure, Scenario, Target
from benchmark.timing import in_turns, whole
from benchmark.workload import Sizes


def plant(root: str, keys: int, raw: bytes) -> None:
    """Files of so many keys below a directory, fast: the files of one directory are one file with many names."""
    spread = workload.directories(keys)
    for number in range(spread):
        directory = f"{root}/project{number:03d}"
        os.makedirs(directory)
        with open(f"{directory}/item00000.json", "wb") as file:
            file.write(raw)
    for key in workload.keys(keys)[spread:]:
        project, item = key.split(":")
        os.link(f"{root}/{project}/item00000.json", f"{root}/{project}/{item}.json")


def _list(root: str, sizes: Sizes) -> list[Figure]:
    rounds = max(1, sizes.rounds // 2)
    with ExitStack() as stack:
        store = stack.enter_context(fsstore.open(f"{root}/store"))
        home = f"{root}/store/default"
        plant(home, sizes.many, b"{}\n")

        def naive() -> list[str]:
            return peers.naive_list(home)

        def first_time() -> list[str]:
            fresh = stack.enter_context(fsstore.open(f"{root}/store"))
            return fresh.list_keys()

        settle(home)
        assert store.list_keys() == naive()
        once: list[list[None]] = [[None]] * rounds
        first = in_turns({"naive": whole(naive), "fsstore": whole(first_time)}, once)
        unchanged = in_turns({"naive": whole(naive), "fsstore": whole(store.list_keys)}, once, {"fsstore": CALLS})
        changed = in_turns({"naive": whole(naive), "fsstore": whole(store.list_keys)}, _changing(home, rounds))
        assert len(store.list_keys()) == sizes.many + rounds
    return [by_floor(times, "naive") for times in (first, unchanged, changed)]


def _changing(home: str, rounds: int) -> Iterator[list[None]]:
    """As many turns, a new file in one of the directories before each."""
    for number in range(rounds):
        os.link(f"{home}/project000/item00000.json", f"{home}/project000/new{number}.json")
        yield [None]


SCENARIOS = (
    Scenario(
        (
            Target("list_keys of 1M first time", "naive", "<=", 1.1),
            Target("list_keys of 1M unchanged", "naive", "<=", 0.01),
            Target("list_keys of 1M one changed", "naive", "<=", 0.2),
        ),
        _list,
    ),
)
