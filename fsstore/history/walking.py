"""The order of commits: from a tip back through all its ancestors, by the committer's time, as git log does it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from heapq import heappop, heappush

from fsstore.history.objects import Objects, RawCommit

_SLOP = 5  # commits that may be out of order with respect to time: clocks differ


def newest_first(objects: Objects, tip: bytes, since: float | None = None) -> Iterator[RawCommit]:
    """The tip and its ancestors, each after its children; only those not older than ``since`` (seconds, epoch).

    Reads a commit when its first child is given out.
    """
    walk = _Walk(objects)
    walk.add(tip)
    late = 0
    while (commit := walk.next()) is not None and late < _SLOP:
        if since is not None and commit.committer.time < since:
            late += 1
        else:
            late = 0
            yield commit
        for parent in commit.parents:
            walk.add(parent)


def not_in(objects: Objects, tip: bytes, base: bytes) -> list[RawCommit]:
    """The tip and its ancestors without ``base`` and its ancestors, newest first (git's ``base..tip``)."""
    walk = _Walk(objects)
    hidden: set[bytes] = set()
    read: dict[bytes, RawCommit] = {}
    out: list[RawCommit] = []
    _hide(hidden, read, [base])
    walk.add(tip)
    walk.add(base)
    late = 0
    while late < _SLOP and (commit := walk.next()) is not None:
        read[commit.id] = commit
        if commit.id in hidden:
            _hide(hidden, read, commit.parents)
        else:
            out.append(commit)
        for parent in commit.parents:
            walk.add(parent)
        late = late + 1 if hidden.issuperset(walk.waiting()) else 0
    return [commit for commit in out if commit.id not in hidden]


def _hide(hidden: set[bytes], read: dict[bytes, RawCommit], commits: Iterable[bytes]) -> None:
    """Hide commits, and what is known of their ancestors."""
    todo = list(commits)
    while todo:
        id = todo.pop()
        if id not in hidden:
            hidden.add(id)
            if id in read:
                todo += read[id].parents


class _Walk:
    """Commits that wait for their turn; of two of one time the one that was added first comes first."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects
        self._seen: set[bytes] = set()
        self._heap: list[tuple[float, int, RawCommit]] = []

    def add(self, id: bytes) -> None:
        """A commit, unless it was added before."""
        if id not in self._seen:
            commit = self._objects.commit(id)
            heappush(self._heap, (-commit.committer.time, len(self._seen), commit))
            self._seen.add(id)

    def next(self) -> RawCommit | None:
        """The newest that waits."""
        return heappop(self._heap)[2] if self._heap else None

    def waiting(self) -> list[bytes]:
        """The ids of those that wait."""
        return [commit.id for _, _, commit in self._heap]
