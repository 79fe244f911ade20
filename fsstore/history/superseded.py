"""Which entries of the index the last snapshots replaced: to tell what a person staged from what git put back.

Some commands of git (commit, stash) read the index before they lock it, and then write what they have read. If a
snapshot came in between, its entries are again those of before, with the times of files that are no more. Nobody has
staged that; taken for staged, it would undo the snapshot.
"""

from __future__ import annotations

import os
from collections.abc import Iterable

from fsstore.history.index import Index

_KEPT = 60.0  # seconds
_MOST = 2000  # paths
_EACH = 8

Noted = dict[str, list[tuple[str, float]]]
"""By path: the ids of what was replaced, and when, in seconds since the epoch."""


def note(before: Noted, index: Index, paths: Iterable[bytes], now: float) -> Noted:
    """What is to be remembered, when these paths of an index are replaced; of very many at once nothing."""
    found: Noted = {}
    for path, replaced in before.items():
        if kept := [one for one in replaced if 0 <= now - one[1] < _KEPT]:
            found[path] = kept[-_EACH:]
    changed = [(os.fsdecode(path), entry[1]) for path in paths if (entry := index.find(path)) is not None]
    if len(found) + len(changed) <= _MOST:
        for name, oid in changed:
            found.setdefault(name, []).append((oid.hex(), now))
    return found


def is_put_back(noted: Noted, index: Index, path: str) -> bool:
    """Whether the index has an entry that a snapshot had replaced.

    A file that was staged since has changed since; what was staged without a file has no time.
    """
    raw = os.fsencode(path)
    if path not in noted or (entry := index.find(raw)) is None:
        return False
    seconds, nanoseconds, *_ = index.status(raw) or (0, 0)
    changed = seconds + nanoseconds / 1e9
    return any(entry[1].hex() == oid and 0 < changed < when for oid, when in noted[path])
