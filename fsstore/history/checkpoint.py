"""From which commit on the files may be older than the history, should the power fail: noted before it is so.

Snapshots do not make the files durable. Now and then that is done after all, so that after a loss of power only the
commits since then need to be compared with them.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

from fsstore.engines.files.durable import sync_all
from fsstore.engines.files.worktree import WorkTree
from fsstore.history import session as sessions
from fsstore.history.repository import Repository
from fsstore.history.session import Session
from fsstore.history.trees import differences

_EVERY = 256  # snapshots


def before_snapshot(
    repository: Repository, work: WorkTree, head: bytes | None, base: bytes | None, unsynced: int
) -> int:
    """Note what has to be noted before a snapshot is built upon this head, with its tree ``base``.

    ``unsynced`` is how many snapshots there were since the files were made durable; gives the number with this one.
    """
    tree = repository.tree
    found = sessions.load(tree)
    if found is not None and 0 < unsynced < _EVERY:
        return unsynced + 1
    if found is not None:
        sync_all(work.tree, _changed_since(repository, found.since, base))
    sessions.save(tree, Session(sessions.now(tree), None if head is None else head.hex()))
    return 1


def _changed_since(repository: Repository, since: str | None, base: bytes | None) -> Iterator[str]:
    """Found out as it is asked for: where the file system syncs as a whole, nobody asks."""
    objects = repository.objects
    old = None if since is None else objects.commit(bytes.fromhex(since)).tree
    for path, _, _ in differences(objects, old, base):
        yield os.fsdecode(path)
