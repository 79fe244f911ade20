"""The files as they are now, as if they were a commit: for comparing them with one. Nothing is written."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Collection

from fsstore.engines.files import layout
from fsstore.engines.files.worktree import WorkTree
from fsstore.history.capture import Unreadable, capture
from fsstore.history.edits import Edits
from fsstore.history.index import Index
from fsstore.history.objects import Entry, Objects, RawCommit, Signature
from fsstore.history.packs import Object
from fsstore.history.repository import Repository
from fsstore.history.state import Memory
from fsstore.history.trees import splice

_NOBODY = Signature("", "", 0, 0)


class _Overlaid(Objects):
    """The objects of a repository, and some that are only here."""

    def __init__(self, directory: str) -> None:
        super().__init__(directory)
        self.more: dict[bytes, Object] = {}

    def read(self, oid: bytes) -> Object:
        """Kind and content."""
        return self.more.get(oid) or super().read(oid)


def is_edited(repository: Repository, work: WorkTree, path: str) -> bool:
    """Whether a file is not as the newest commit has it."""
    head = repository.refs.head().commit
    tree = None if head is None else repository.objects.commit(head).tree
    with contextlib.suppress(Unreadable):
        found = capture(work.tree, path)
        return (None if found is None else found.entry) != repository.objects.blob_at(tree, os.fsencode(path))
    return False


def waiting(repository: Repository, under: str) -> set[str]:
    """The files whose path begins so that the last snapshot has left to runs under way."""
    return {path for path in Memory(repository.tree).load().pending if path.startswith(under)}


def present(repository: Repository, work: WorkTree, only: Collection[str] | None = None) -> tuple[Objects, RawCommit]:
    """What a snapshot of everything would commit, and the objects to read it with.

    Without files of no key that git does not know. Where ``only`` these files differ from the newest commit, no
    others are looked for.
    """
    objects = _Overlaid(repository.directory)
    head = repository.refs.head().commit
    base = None if head is None else objects.commit(head).tree
    index = Index(repository.tree)
    index.load()
    changes: dict[bytes, Entry | None] = {}
    for path in _differing(objects, base, index, work) if only is None else only:
        raw = os.fsencode(path)
        if index.find(raw) or objects.file_at(base, raw) or layout.record_of(path)[1] is not None:
            with contextlib.suppress(Unreadable):
                found = capture(work.tree, path)
                if found is None and index.is_skipped(raw):
                    continue
                changes[raw] = None if found is None else found.entry
                if found is not None:
                    objects.more[found.entry[1]] = (b"blob", found.raw)
    tree = splice(objects, base, changes, objects.more)
    if tree is None:
        tree = bytes(20)
        objects.more[tree] = (b"tree", b"")
    return objects, RawCommit(b"", tree, () if head is None else (head,), _NOBODY, _NOBODY, "")


def _differing(objects: Objects, base: bytes | None, index: Index, work: WorkTree) -> set[str]:
    edits = Edits(work.tree, index, {})
    edits.search(all_files=True)
    return edits.found | {os.fsdecode(name) for name in {*_staged(objects, base, index), *index.suspects()}}


def _staged(objects: Objects, base: bytes | None, index: Index) -> list[bytes]:
    """The paths that the index has otherwise than the commit."""
    return [path for path in index.paths() if index.find(path) != objects.file_at(base, path)]
