"""The history of a store up to one commit: which commits there are, and what each of them made of a key.

Nothing is read before it is asked for: an iterator that is left early has cost no more than what it gave.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterator
from datetime import datetime
from itertools import islice

from fsstore.commits import Commit, Version, make_commit
from fsstore.history.changes import Changes, View
from fsstore.history.compare import kind_of
from fsstore.history.contents import File, value_of
from fsstore.history.objects import FILE, Entry, Objects, RawCommit
from fsstore.history.table import REMOVED, UNKNOWN
from fsstore.history.walking import newest_first, not_in
from fsstore.keys import encode_namespace, path_of
from fsstore.ops import MAX_VALUE_BYTES

_DATE = re.compile(r"\d{4}-\d\d-\d\d")


class Log:
    """The commits up to a tip, seen from the store."""

    def __init__(
        self,
        objects: Objects,
        changes: Changes,
        tip: bytes | None,
        *,
        follow: bool = False,
        limit: int = MAX_VALUE_BYTES,
    ) -> None:
        """Without a tip there is no commit. ``follow``: the tip is HEAD; ``limit`` is that of a value's bytes."""
        self._objects, self._changes, self._tip, self._follow, self._limit = objects, changes, tip, follow, limit

    def log(
        self,
        namespace: str | None = None,
        key: str | None = None,
        *,
        agent: str | None = None,
        run: str | None = None,
        since: bytes | float | None = None,
        limit: int | None = None,
    ) -> Iterator[Commit]:
        """Commits, newest first: those that changed anything, or something in the namespace, or its key.

        ``since`` is a commit that is left out with its ancestors (20 bytes), or a time (seconds since the epoch).
        Raises `InvalidName`, `DamagedHistory`.
        """
        path = _path(namespace, key)
        found = (commit_of(raw) for raw in self._commits(path, since))
        wanted = (
            commit
            for commit in found
            if (agent is None or commit.agent == agent) and (run is None or commit.run == run)
        )
        return islice(wanted, require_limit(limit))

    def versions(self, namespace: str, key: str, *, limit: int | None = None) -> Iterator[Version]:
        """What each commit made of a key, newest first, also from before it was deleted and made again.

        Raises `InvalidName`, `DamagedHistory`.
        """
        file = File(namespace, key, path_of(namespace, key), b"")
        return islice(self._versions(file), require_limit(limit))

    @property
    def is_linear(self) -> bool:
        """Whether no commit has more than one parent."""
        return self._tip is None or self._view(self._tip).is_linear

    # -- commits -----------------------------------------------------------------------------------

    def _commits(self, path: bytes | None, since: bytes | float | None) -> Iterator[RawCommit]:
        if self._tip is None:
            return iter(())
        if path is None:
            if isinstance(since, bytes):
                return iter(not_in(self._objects, self._tip, since))
            return newest_first(self._objects, self._tip, since)
        return self._changing(path, self._tip, since)

    def _changing(self, path: bytes, tip: bytes, since: bytes | float | None) -> Iterator[RawCommit]:
        wanted: Container[bytes] | None = None
        if isinstance(since, bytes):
            wanted = {commit.id for commit in not_in(self._objects, tip, since)}
            since = None
        for id, _ in self._view(tip).search(path):
            if wanted is None or id in wanted:
                commit = self._objects.commit(id)
                if since is None or commit.committer.time >= since:
                    yield commit

    def _view(self, tip: bytes) -> View:
        return self._changes.view(tip, follow=self._follow)

    # -- versions ----------------------------------------------------------------------------------

    def _versions(self, file: File) -> Iterator[Version]:
        for raw, new, olds in self.entries(file.path.encode()):
            old = olds[0] if olds else None
            commit = commit_of(raw)
            here, before = file._replace(commit=raw.id), file._replace(commit=raw.parents[0] if raw.parents else raw.id)
            values = value_of(self._objects, old, before, self._limit), value_of(self._objects, new, here, self._limit)
            yield Version(commit, kind_of(old, new), *values)

    def entries(self, path: bytes) -> Iterator[tuple[RawCommit, Entry | None, list[Entry | None]]]:
        """Each commit that changed a file, newest first: what it has there, and what its parents have."""
        if self._tip is None:
            return
        view = self._view(self._tip)
        if view.is_linear:
            found = view.search(path)
            newest = next(found, None)
            while newest is not None:
                commit = self._objects.commit(newest[0])
                older = next(found, None)
                old = None if older is None else self._entry(older[0], older[1], path)
                yield commit, self._entry(newest[0], newest[1], path), [old] if commit.parents else []
                newest = older
        else:
            for id, content in view.search(path):
                commit = self._objects.commit(id)
                olds = [self._objects.blob_at(self._objects.commit(each).tree, path) for each in commit.parents]
                yield commit, self._entry(id, content, path), olds

    def _entry(self, commit: bytes, content: bytes, path: bytes) -> Entry | None:
        if content == UNKNOWN:
            return self._objects.blob_at(self._objects.commit(commit).tree, path)
        return None if content == REMOVED else (FILE, content)


def commit_of(raw: RawCommit) -> Commit:
    """A commit as users see it."""
    return make_commit(raw.id, raw.parents, raw.author.name, raw.author.email, raw.author.time, raw.message)


def time_of(when: str | datetime) -> float | None:
    """A time as seconds since the epoch; ``None`` for text that is no date in ISO 8601, and so may be a revision.

    One that names no zone is local, as git takes it.
    """
    if isinstance(when, str):
        if not _DATE.match(when):
            return None
        try:
            when = datetime.fromisoformat(when)
        except ValueError:  # a revision may begin so
            return None
    return when.timestamp()


def require_limit(limit: int | None) -> int | None:
    """Raise `ValueError` for a negative limit."""
    if limit is not None and limit < 0:
        raise ValueError(f"limit={limit} is negative; None is no limit")
    return limit


def _path(namespace: str | None, key: str | None) -> bytes | None:
    if namespace is None:
        if key is not None:
            raise ValueError(f"key {key!r} needs its namespace")
        return None
    return f"{encode_namespace(namespace)}/".encode() if key is None else path_of(namespace, key).encode()
