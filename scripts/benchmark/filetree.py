"""Rows about each verb that py-key-value's FileTreeStore offers. It is slow, so there are fewer keys."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from typing import Any

import fsstore
from benchmark import peers, workload
from benchmark.reads import by_peer
from benchmark.rows import Figure, Scenario, Target
from benchmark.timing import Times, each, each_pair, in_turns
from benchmark.workload import Sizes

PEER = "FileTreeStore"
GRAIN = 100


def _verbs(root: str, sizes: Sizes) -> list[Figure]:
    keys = workload.shuffled(workload.keys(sizes.batch))
    items = list(zip(keys, workload.values(len(keys)), strict=True))
    with fsstore.open(f"{root}/store") as store, closing(peers.FileTree(f"{root}/filetree")) as tree:

        def compare(ours: Any, theirs: Any, work: Sequence[Any]) -> Times:
            return in_turns({"fsstore": ours, PEER: theirs}, workload.chunks(work, GRAIN))

        put = compare(each_pair(store.set), tree.set_each, items)
        assert tree.get_each(keys) == [store.get(key) for key in keys] == [value for _, value in items]
        got = compare(each(store.get), tree.get_each, keys)
        got_many = compare(store.get_many, tree.get_many, keys)
        deleted = compare(each(store.delete), tree.delete_each, keys)
        put_many = compare(lambda part: store.set_many(dict(part)), lambda part: tree.set_many(dict(part)), items)
        assert tree.get_many(keys) == list(store.get_many(keys).values()) == [value for _, value in items]
        deleted_many = compare(store.delete_many, tree.delete_many, keys)
        assert tree.get_many(keys) == [None] * len(keys)
    return [by_peer(times, PEER) for times in (got, put, deleted, got_many, put_many, deleted_many)]


SCENARIOS = (
    Scenario(
        tuple(
            Target(verb, PEER, ">=", 10.0) for verb in ("get", "set", "delete", "get_many", "set_many", "delete_many")
        ),
        _verbs,
    ),
)
