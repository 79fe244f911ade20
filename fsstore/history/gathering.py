"""New commits from the objects of a repository: which there are, in order, and what each of them changed."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from typing import NamedTuple, overload

from fsstore.history.objects import Entry, Objects, RawCommit
from fsstore.history.table import Table
from fsstore.history.trees import differences


class NewCommits(NamedTuple):
    """Commits up to a tip that a table does not have."""

    commits: list[RawCommit]
    """Parents come before their children, else the older first."""
    known: set[int]
    """Of the commits in the table those that are parents of new ones, or the tip itself."""


@overload
def gather(objects: Objects, table: Table, tip: bytes) -> NewCommits: ...
@overload
def gather(objects: Objects, table: Table, tip: bytes, *, limit: int) -> NewCommits | None: ...
def gather(objects: Objects, table: Table, tip: bytes, *, limit: int | None = None) -> NewCommits | None:
    """Walk from the tip to what the table has; ``None`` if there are more than ``limit`` new commits."""
    numbers = table.numbers()
    known: set[int] = set()
    new: dict[bytes, RawCommit] = {}
    todo = [tip]
    while todo:
        id = todo.pop()
        if id in numbers:
            known.add(numbers[id])
        elif id not in new:
            if len(new) == limit:
                return None
            new[id] = commit = objects.commit(id)
            todo += commit.parents
    return NewCommits(_ordered(new), known)


def _ordered(new: dict[bytes, RawCommit]) -> list[RawCommit]:
    children: dict[bytes, list[bytes]] = {}
    missing = {}
    for id, commit in new.items():
        parents = {parent for parent in commit.parents if parent in new}
        missing[id] = len(parents)
        for parent in parents:
            children.setdefault(parent, []).append(id)
    ready = [(new[id].committer.time, id) for id, count in missing.items() if not count]
    heapq.heapify(ready)
    out = []
    while ready:
        _, id = heapq.heappop(ready)
        out.append(new[id])
        for child in children.get(id, ()):
            missing[child] -= 1
            if not missing[child]:
                heapq.heappush(ready, (new[child].committer.time, child))
    return out


def changed_by(objects: Objects, commit: RawCommit) -> Iterator[tuple[bytes, Entry | None]]:
    """The paths whose entries differ from those of all parents, with what the commit has there."""
    trees: list[bytes | None] = [objects.commit(parent).tree for parent in commit.parents]
    trees = trees or [None]
    if len(trees) == 1:
        return ((path, new) for path, _, new in differences(objects, trees[0], commit.tree))
    found = {path: new for path, _, new in differences(objects, trees[0], commit.tree)}
    for tree in trees[1:]:
        others = {path for path, _, _ in differences(objects, tree, commit.tree)} if found else set()
        found = {path: new for path, new in found.items() if path in others}
    return iter(found.items())
