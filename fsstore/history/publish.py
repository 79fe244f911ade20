"""How a snapshot becomes visible: objects, then branch and index together. It decides nothing about content.

HEAD must never run ahead of the index: with a stale one a person's plain ``git commit`` takes the snapshot back. So
the new index is complete, and git's lock of it, before the branch moves, and takes its place right after. If this
process dies in between, the lock's second name says to which commit it belongs, and whoever comes next finishes.
"""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Callable, Container, Iterator, Mapping

from fsstore.engines.files.atomic import Tree, discard
from fsstore.engines.files.durable import sync_all
from fsstore.errors import DamagedHistory, RepositoryState
from fsstore.history.entries import entry_of, unknown
from fsstore.history.index import Index
from fsstore.history.objects import Entry, Objects, RawCommit, Signature
from fsstore.history.packing import Record, sync_directory, write_pack
from fsstore.history.refs import Head, Moved, Refs
from fsstore.history.stale import outlast, take
from fsstore.history.trees import differences

_log = logging.getLogger("fsstore")

_STAGED = "fsstore/index."
_KEPT = "fsstore/index"
_REFRESHED = "refreshed"
_UNSYNCED = "fsstore/unsynced"
"""Is there while objects of snapshots may not be on the disk, which were to be made without that."""
_BATCH = 1 << 28  # bytes of a pack
PATIENCE = 20.0
"""Seconds to wait for a lock of git's that somebody else holds."""


class Publisher:
    """Makes commits visible in one repository. The caller holds the store's own lock of it."""

    def __init__(self, tree: Tree, refs: Refs, objects: Objects) -> None:
        self._tree = tree
        self._refs = refs
        self._objects = objects

    def objects(self, records: list[Record], *, sync: bool, on_others: bool) -> None:
        """Write new objects; nothing names them yet. With ``sync`` those that they build upon are on the disk too.

        ``on_others``: they build upon commits of git's, which by itself syncs only some of its objects.
        """
        mark = self._tree.absolute(_UNSYNCED)
        if not sync and records and not os.path.lexists(mark):
            self._tree.stage(mark, b"")
        elif sync and (on_others or os.path.lexists(mark)):
            sync_all(self._tree, _objects(self._tree))
            discard(mark)
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
        base = "" if head.commit is None else head.commit.hex()
        self._replace(
            f"{commits[-1][0].hex()}-{base}" if commits else _REFRESHED,
            old,
            new,
            (lambda: self._refs.move(head, commits, who, sync=sync, timeout=PATIENCE)) if commits else None,
            [os.path.dirname(head.ref or ""), ""] if sync else [],
        )

    def _replace(
        self, tag: str, old: Index, new: Index, between: Callable[[], None] | None, durably: list[str] | None = None
    ) -> None:
        """Replace the index, if it is as it was, and do something while it is locked; then sync these directories."""
        name = f"{_STAGED}{tag}"
        staged = self._tree.absolute(name)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(staged)
        self._tree.stage(staged, new.data, sync=bool(durably))
        lock, index = self._tree.absolute("index.lock"), self._tree.absolute("index")
        try:
            take(lock, staged, PATIENCE)
            if not old.is_current():
                raise Moved("index")
            if between is not None:
                between()
            os.rename(lock, index)
        except BaseException:  # also an interrupt right after the branch has moved: then there is no way back
            self._finish(name)
            raise
        os.rename(staged, self._tree.absolute(_KEPT))
        for directory in durably or []:
            sync_directory(self._tree, directory)

    def catch_up(self, tip: RawCommit, earlier: Mapping[bytes, Container[Entry | None]]) -> None:
        """Let the index have of these paths what a commit has, where it has what was there before.

        So it is when the branch has moved, and the index that belongs to it was lost. An index in the middle of a
        merge, or one that makes no sense, is left alone.
        """
        index = Index(self._tree)
        try:
            index.load()
        except (RepositoryState, DamagedHistory):
            return
        changes: dict[bytes, bytes | None] = {}
        for path, before in earlier.items():
            wanted, there = self._objects.blob_at(tip.tree, path), index.find(path)
            if there != wanted and there in before:
                changes[path] = None if wanted is None else entry_of(path, unknown(wanted[0]), wanted[1])
        if changes:
            try:
                self._replace(_REFRESHED, index, index.replaced(changes, lambda path, entry: False), None, [""])
            except Moved:  # somebody added something meanwhile
                self.catch_up(tip, earlier)

    def recover(self) -> None:
        """Finish or take back what a process left that died or failed in `move`, or a git command that died."""
        outlast(self._tree.absolute("HEAD.lock"))
        names = os.listdir(self._tree.absolute("fsstore"))
        for raw in names:
            name = os.fsdecode(raw)
            if name.startswith("index."):
                self._finish(f"fsstore/{name}")
            elif name.startswith("ref."):
                self._refs.release_dead(f"fsstore/{name}")

    def _finish(self, staged: str) -> None:
        tag, _, base = staged.removeprefix(_STAGED).partition("-")
        path, lock, index = self._tree.absolute(staged), self._tree.absolute("index.lock"), self._tree.absolute("index")
        head = self._refs.head().commit
        forward = head is not None and head.hex() == tag
        if _is_same(path, lock):
            if forward:
                os.rename(lock, index)
                _log.warning("%s: finished the snapshot %s, which was cut short", self._tree.root, tag[:12])
            else:
                os.unlink(lock)
        elif head is not None and forward and not _is_same(path, index):  # somebody removed the lock by hand
            tip = self._objects.commit(head)
            old = self._objects.commit(bytes.fromhex(base)).tree if base else None
            self.catch_up(tip, {name: {before} for name, before, _ in differences(self._objects, old, tip.tree)})
        discard(path)


def _objects(tree: Tree) -> Iterator[str]:
    """The files of all objects; looked for where the file system does not sync as a whole."""
    for parent, _, names in os.walk(f"{tree.root}/objects"):
        for name in names:
            yield f"{parent[len(tree.root) + 1 :]}/{name}"


def _is_same(one: bytes, other: bytes) -> bool:
    try:
        return os.path.samestat(os.lstat(one), os.lstat(other))
    except FileNotFoundError:
        return False
