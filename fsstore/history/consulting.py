"""One repository, opened to be read: revisions and times as people write them, and what they lead to."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from fsstore.engines.files.worktree import WorkTree
from fsstore.history.changes import Changes
from fsstore.history.log import Log, time_of
from fsstore.history.objects import Objects, RawCommit
from fsstore.history.repository import Repository
from fsstore.keys import encode_namespace, path_of

if TYPE_CHECKING:
    from fsstore.history.past import PastEngine


class Reading:
    """The commits of one repository."""

    def __init__(self, repository: Repository, work: WorkTree, *, read_only: bool) -> None:
        self.repository = repository
        self._work, self._limit = work, work.limit
        self._changes = Changes(repository.objects, repository.tree, read_only=read_only)

    def close(self) -> None:
        """Let go of what is open."""
        self._changes.close()

    @property
    def objects(self) -> Objects:
        """Its objects."""
        return self.repository.objects

    def tip(self) -> bytes | None:
        """The newest commit; ``None`` if there is none yet."""
        return self.repository.refs.head().commit

    def commit(self, revision: str) -> RawCommit:
        """The commit that a revision names. Raises `UnknownRevision`."""
        return self.objects.commit(self.repository.refs.resolve(revision, self.objects))

    def since(self, when: str | datetime) -> bytes | float:
        """A time in seconds since the epoch, or a commit. Raises `UnknownRevision` for what is neither."""
        moment = time_of(when)
        if moment is not None:
            return moment
        return self.repository.refs.resolve(str(when), self.objects)

    def log(self) -> Log:
        """The commits up to the newest."""
        return Log(self.objects, self._changes, self.tip(), follow=True, limit=self._limit)

    def present(self) -> tuple[Objects, RawCommit]:
        """The files as they are, as if they were a commit, and the objects to read it with."""
        from fsstore.history.present import present

        return present(self.repository, self._work)

    def is_edited(self, namespace: str | None, key: str | None) -> bool:
        """Whether the file of one key is not as the newest commit has it."""
        from fsstore.history.present import is_edited

        one = namespace is not None and key is not None
        return one and is_edited(self.repository, self._work, path_of(namespace or "", key or ""))

    def with_waiting(self, namespace: str | None, key: str | None) -> tuple[Objects, bytes | None]:
        """The tree right after a snapshot, with what it has left to runs under way; and the objects to read it with."""
        from fsstore.history.present import present, waiting

        tip = self.tip()
        under = "" if namespace is None else path_of(namespace, key) if key else f"{encode_namespace(namespace)}/"
        if paths := waiting(self.repository, under):
            objects, files = present(self.repository, self._work, paths)
            return objects, files.tree
        return self.objects, None if tip is None else self.objects.commit(tip).tree

    def at(self, revision: str) -> PastEngine:
        """The store as a commit has it."""
        from fsstore.history.past import PastEngine

        return PastEngine(self.objects, self._changes, self.commit(revision).id, limit=self._limit)
