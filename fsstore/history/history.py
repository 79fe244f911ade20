"""The history of one store, as the store offers it: whether there is any, and the doors to what can be done with it."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING

from fsstore.commits import Blame, Change, Collected, Commit, Cost, Restored, Version
from fsstore.engine import Engine
from fsstore.engines.files.engine import FileEngine
from fsstore.engines.files.failures import told
from fsstore.engines.files.worktree import WorkTree
from fsstore.errors import Conflict, HistoryUnavailable, LockTimeout, RepositoryBusy, RepositoryState, StoreError
from fsstore.history import repository as repositories
from fsstore.history.repository import Repository
from fsstore.records import Author, Finding, Run

if TYPE_CHECKING:
    from fsstore.events import Told
    from fsstore.history.consulting import Reading
    from fsstore.history.past import PastEngine
    from fsstore.history.snapshots import Snapshots

_log = logging.getLogger("fsstore")
_ATTEMPTS = 10
_told: set[str] = set()
"""Stores of which this process has said why they have no history."""


class History:
    """The history of a store in a directory. It makes the repository when the first snapshot is asked for."""

    def __init__(self, work: WorkTree, *, enabled: bool | None, durable: bool, read_only: bool) -> None:
        """``enabled`` as the handle wants it, ``None`` as the store's setting says."""
        self._work = work
        self._root = work.tree.root
        self._enabled = bool(work.settings.get("git", True)) if enabled is None else enabled
        self._durable, self._read_only = durable, read_only
        self._mutex, self._pid = threading.RLock(), os.getpid()  # a signal handler may ask, too
        self._opened: Repository | None = None
        self._snapshots: Snapshots | None = None
        self._reading: Reading | None = None
        self._is_closed = False

    def close(self) -> None:
        """Let go of what is open. Who is in the middle of a call opens for that call what it needs."""
        self._is_closed = True
        for part in (self._snapshots, self._reading):
            if part is not None:
                part.close()

    def unavailable(self, *, make: bool) -> str:
        """Why there is no history; empty if there is, or with ``make`` if there can be."""
        if not self._enabled:
            return "it is turned off (git=False, or the setting of fsstore.json)"
        if repositories.exists(self._root):
            return repositories.why_not(self._root)
        if (outer := repositories.larger_repository(self._root)) is not None:
            return (
                f"it lies inside the repository {outer}, whose history is not the store's. Give it its own with: "
                f"fsstore init --git {self._root}"
            )
        return "" if make else repositories.why_not(self._root)

    def snapshot(
        self,
        author: Author,
        message: str | None = None,
        *,
        verify: bool = False,
        durable: bool | None = None,
        trailers: tuple[tuple[str, str], ...] = (),
    ) -> list[Commit]:
        """Commit what changed; the new commits, oldest first."""
        from fsstore.history.step import Request

        wants = self._durable if durable is None else durable
        request = Request(author, message, trailers, verify=verify, durable=wants)
        with told(f"{self._root}/.git"):
            return self._maker().make(request)

    def after_run(self, run: Run, *, commit: bool = True) -> None:
        """Commit what a run changed that has ended. Where that cannot be now, a later snapshot does it.

        Without ``commit`` only the run is forgotten where no snapshot will ever ask for it.
        """
        with told(f"{self._root}/.git"):
            reason = self.unavailable(make=True)
        if reason and not repositories.exists(self._root):
            self._work.runs.forget([run])
        if not commit:
            return
        if reason:
            if self._root not in _told and self._enabled:
                _told.add(self._root)
                _log.warning("%s: runs are not committed: %s", self._root, reason)
            return
        try:
            self.snapshot(Author(run.agent, run.id))
        except (RepositoryState, RepositoryBusy, LockTimeout, HistoryUnavailable) as error:
            _log.warning("run %s is not committed yet: %s", run.id, error)

    def recover(self) -> None:
        """After a loss of power: bring the files to what the last snapshots committed.

        Where that cannot be, as when the repository is damaged, the store may be used all the same; only the next
        snapshot tries again, and raises what is in the way.
        """
        try:
            with told(f"{self._root}/.git"):
                if self._enabled and not self.unavailable(make=False):
                    from fsstore.history.afterboot import recover

                    repository = Repository(self._root)
                    with repository.locked():
                        recover(repository, self._work)
        except StoreError as error:
            _log.warning("%s: its files could not be compared with the last snapshot: %s", self._root, error)

    # -- reading -----------------------------------------------------------------------------------

    def commits(
        self,
        namespace: str | None,
        key: str | None,
        *,
        agent: str | None,
        run: str | None,
        since: str | datetime | None,
        limit: int | None,
    ) -> Iterator[Commit]:
        """Commits, newest first; see `Store.log`."""
        reading = self._read()
        after = None if since is None else reading.since(since)
        return reading.log().log(namespace, key, agent=agent, run=run, since=after, limit=limit)

    def versions(self, namespace: str, key: str, limit: int | None) -> Iterator[Version]:
        """What became of a key, newest first."""
        return self._read().log().versions(namespace, key, limit=limit)

    def blame(self, namespace: str, key: str) -> list[Blame]:
        """Which commit gave each part of a value its content."""
        from fsstore.history.blaming import blame

        reading = self._read()
        return blame(reading.objects, reading.log(), reading.tip(), namespace, key, limit=self._work.limit)

    def at(self, revision: str) -> PastEngine:
        """A reader of one commit."""
        return self._read().at(revision)

    def told(self, revision: str) -> Told:
        """What a watcher has been told of who knows one commit: the ids of all its keys. Raises `UnknownRevision`."""
        from fsstore.history.treekeys import revisions_in

        reading = self._read()
        return revisions_in(reading.objects, reading.commit(revision).tree)

    def diff(self, a: str | None, b: str | None) -> list[Change]:
        """What differs between two revisions, or from one to the files as they are now; see `Store.diff`."""
        from fsstore.history.compare import diff

        reading = self._read()
        old = None if a is None else reading.commit(a)
        if b is not None:
            return diff(reading.objects, old, reading.commit(b), limit=self._work.limit)
        objects, now = reading.present()
        return diff(objects, old, now, limit=self._work.limit)

    def _read(self) -> Reading:
        """The repository, which must be there. Raises `HistoryUnavailable`."""
        with self._alone(), told(f"{self._root}/.git"):
            found = self._reading
            if found is None or not found.repository.is_current():
                if reason := self.unavailable(make=False):
                    raise repositories.unavailable(self._root, reason)
                from fsstore.history.consulting import Reading

                found = self._reading = Reading(self._repository(), self._work, read_only=self._read_only)
                if self._is_closed:
                    found.close()
            return found

    # -- changing ----------------------------------------------------------------------------------

    def restore(
        self, engine: Engine, author: Author, revision: str, namespace: str | None, key: str | None, *, dry_run: bool
    ) -> Restored:
        """Bring back what a commit had, or only say what that would do; see `Store.restore`."""
        from fsstore.history.restoring import restore

        reading = self._read()
        commit = reading.commit(revision)
        if dry_run:
            objects, files = reading.present()
            return restore(objects, files.tree, commit, namespace, key)[1]
        for attempt in range(_ATTEMPTS):
            self.snapshot(author, verify=attempt > 0 or reading.is_edited(namespace, key))
            objects, now = reading.with_waiting(namespace, key)
            ops, done = restore(objects, now, commit, namespace, key)
            if not ops:
                return done
            try:
                engine.commit(ops, author)
                break
            except Conflict:  # somebody wrote in between, or had edited a file in place
                if attempt == _ATTEMPTS - 1:
                    raise
        message = f"restored {len(done.set)} set, {len(done.deleted)} deleted, from {commit.id.hex()[:12]}"
        made = self.snapshot(author, message, trailers=(("Restored-From", commit.id.hex()),))
        return done._replace(commit=made[-1] if made else None)

    def cost(self) -> Cost | None:
        """What it takes of the disk; ``None`` where there is none."""
        if self.unavailable(make=False):
            return None
        from fsstore.history.upkeep import cost

        return cost(self._read().repository.tree)

    def findings(self) -> Iterator[Finding]:
        """What keeps the repository from being used."""
        reason = self.unavailable(make=False)
        if reason and self._enabled and repositories.exists(self._root):
            yield Finding(".git", "unusable-history", f"no snapshots are made: {reason}.")

    def gc(self) -> Collected:
        """Pack all objects."""
        from fsstore.history.upkeep import collect

        reading = self._read()
        with told(f"{self._root}/.git"), reading.repository.locked():
            return collect(reading.repository)

    def set_up(self, *, force: bool = False) -> str | None:
        """Make the repository as `make_repository` does; in one that is there let git show values as text."""
        made = self.make_repository(force=force)
        if made is None and not self.unavailable(make=False):
            from fsstore.history.making import has_driver, set_up_driver

            repository = Repository(self._root)
            if not has_driver(repository.tree):
                with repository.locked():
                    set_up_driver(repository.tree)
        return made

    def make_repository(self, *, force: bool = False) -> str | None:
        """Make the repository unless it is there: its directory, or ``None``. ``force``: also inside a larger one."""
        if repositories.exists(self._root):
            return None
        if not force and (reason := self.unavailable(make=True)):
            raise repositories.unavailable(self._root, reason)
        from fsstore.history.making import make_repository

        with told(f"{self._root}/.git"):
            return f"{self._root}/.git" if make_repository(self._work.tree) else None

    def _repository(self) -> Repository:
        """The repository, one for reading and writing: each finds what the other knows of its objects."""
        found = self._opened
        if found is None or not found.is_current():
            found = self._opened = Repository(self._root)
        return found

    def _alone(self) -> threading.RLock:
        """The mutex of this process. A forked child begins anew: what its parent's threads were at may be half done."""
        if self._pid != os.getpid():
            self._snapshots = self._reading = self._opened = None
            self._mutex, self._pid = threading.RLock(), os.getpid()
        return self._mutex

    def _maker(self) -> Snapshots:
        with self._alone():
            made = self._snapshots
            if made is None or not made.is_current():
                if reason := self.unavailable(make=True):
                    raise repositories.unavailable(self._root, reason)
                self.make_repository()
                if reason := self.unavailable(make=False):
                    raise repositories.unavailable(self._root, reason)
                from fsstore.history.snapshots import Snapshots

                self._snapshots = made = Snapshots(self._repository(), self._work)
                if self._is_closed:
                    made.close()
            return made


def open_history(engine: Engine, *, enabled: bool | None, durability: str | None) -> History:
    """The history of the store that an engine keeps."""
    if not isinstance(engine, FileEngine):
        raise repositories.unavailable(":memory:", "it is a store in memory. Open one on disk")
    work = engine.work_tree()
    mode = durability or work.settings.get("durability", "snapshot")
    read_only = bool(engine.capabilities.read_only)
    return History(work, enabled=enabled, durable=mode != "process", read_only=read_only)
