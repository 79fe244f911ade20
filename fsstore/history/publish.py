"""How a snapshot becomes visible: objects, then branch and index together. It decides nothing about content.

HEAD must never run ahead of the index: with a stale one a person's plain ``git commit`` takes the snapshot back. So
the new index is complete, and git's lock of it, before the branch moves, and takes its place right after. If this
process dies in between, the lock's second name says to which commit it belongs, and whoever comes next finishes.
"""

from __future__ import annotations

import contextlib
import logging
import os

from fsstore.engines.files.atomic import Tree, discard
from fsstore.history.index import Index
from fsstore.history.objects import Signature
from fsstore.history.packs import Record, sync_directory, write_pack
from fsstore.history.refs import Head, Moved, Refs
from fsstore.history.stale import take

_log = logging.getLogger("fsstore")

_STAGED = "fsstore/index."
_KEPT = "fsstore/index"
_BATCH = 1 << 28  # bytes of a pack
PATIENCE = 20.0
"""Seconds to wait for a lock of git's that somebody else holds."""


class Publisher:
    """Makes commits visible in one repository. The caller holds the store's own lock of it."""

    def __init__(self, tree: Tree, refs: Refs) -> None:
        self._tree = tree
        self._refs = refs

    def objects(self, records: list[Record], *, sync: bool) -> None:
        """Write new objects; nothing names them yet."""
        batch: list[Record] = []
        size = 0
        for record in records:
            batch.append(record)
            size += len(record.raw)
            if size > _BATCH:
                write_pack(self._tree, batch, sync=sync)
                batch, size = [], 0
        if batch:
            write_pack(self._tree, batch, sync=sync)

    def move(
        self, head: Head, commits: list[tuple[bytes, str]], old: Index, new: Index, who: Signature, *, sync: bool
    ) -> None:
        """Let the branch name the last of these commits and the index be ``new``.

        Without commits only the index is replaced. Raises `Moved` if branch or index are not as they were (then
        nothing is changed), `RepositoryBusy` if somebody else keeps git's locks.
        """
        name = f"{_STAGED}{commits[-1][0].hex() if commits else 'refreshed'}"
        staged = self._tree.absolute(name)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(staged)
        self._tree.stage(staged, new.data, sync=sync)
        lock, index = self._tree.absolute("index.lock"), self._tree.absolute("index")
        try:
            take(lock, staged, PATIENCE)
            if not old.is_current():
                raise Moved("index")
            if commits:
                self._refs.move(head, commits, who, sync=sync, timeout=PATIENCE)
            os.rename(lock, index)
        except BaseException:  # also an interrupt right after the branch has moved: then there is no way back
            self._finish(name)
            raise
        os.rename(staged, self._tree.absolute(_KEPT))
        if sync:
            for directory in (os.path.dirname(head.ref or ""), ""):
                sync_directory(self._tree, directory)

    def recover(self) -> None:
        """Finish or take back what a process left that died or failed in `move`."""
        names = os.listdir(self._tree.absolute("fsstore"))
        for raw in names:
            name = os.fsdecode(raw)
            if name.startswith("index."):
                self._finish(f"fsstore/{name}")
            elif name.startswith("ref."):
                self._refs.release_dead(f"fsstore/{name}")

    def _finish(self, staged: str) -> None:
        tag = staged.removeprefix(_STAGED)
        path, lock, index = self._tree.absolute(staged), self._tree.absolute("index.lock"), self._tree.absolute("index")
        head = self._refs.head().commit
        forward = head is not None and head.hex() == tag
        if _is_same(path, lock):
            if forward:
                os.rename(lock, index)
                _log.warning("%s: finished the snapshot %s, which was cut short", self._tree.root, tag[:12])
            else:
                os.unlink(lock)
        elif forward and not _is_same(path, index) and _time(path) >= _time(index):
            # Somebody removed the lock by hand, and has not written the index since: it is that of before. (A name of
            # the index itself would have to be left alone: renaming one of two names of a file to the other does
            # nothing, and the lock would stay.)
            take(lock, path, PATIENCE)
            os.rename(lock, index)
        discard(path)


def _is_same(one: bytes, other: bytes) -> bool:
    try:
        return os.path.samestat(os.lstat(one), os.lstat(other))
    except FileNotFoundError:
        return False


def _time(path: bytes) -> int:
    try:
        return os.lstat(path).st_mtime_ns
    except FileNotFoundError:
        return 0
