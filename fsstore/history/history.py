"""The history of one store, as the store offers it: whether there is any, and the doors to what can be done with it."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING

from fsstore.commits import Commit
from fsstore.engines.files.worktree import WorkTree
from fsstore.errors import HistoryUnavailable, RepositoryBusy, RepositoryState
from fsstore.history import repository as repositories
from fsstore.history.repository import Repository
from fsstore.records import Author, Run

if TYPE_CHECKING:
    from fsstore.history.snapshots import Snapshots

_log = logging.getLogger("fsstore")
_told: set[str] = set()
"""Stores of which this process has said why they have no history."""


class History:
    """The history of a store in a directory. It makes the repository when the first snapshot is asked for."""

    def __init__(self, work: WorkTree, *, enabled: bool | None, durable: bool) -> None:
        """``enabled`` as the handle wants it, ``None`` as the store's setting says."""
        self._work = work
        self._root = work.tree.root
        self._enabled = bool(work.settings.get("git", True)) if enabled is None else enabled
        self._durable = durable
        self._mutex = threading.Lock()
        self._snapshots: Snapshots | None = None

    def unavailable(self, *, make: bool) -> str:
        """Why there is no history; empty if there is, or with ``make`` if there can be."""
        if not self._enabled:
            return "it is turned off (git=False, or the setting of fsstore.json)"
        if repositories.exists(self._root) or not make:
            return repositories.why_not(self._root)
        if (outer := repositories.larger_repository(self._root)) is not None:
            return (
                f"it lies inside the repository {outer}, whose history is not the store's. Give it one of its own with: "
                f"fsstore init --git {self._root}"
            )
        return ""

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
        from fsstore.history.snapshots import Request

        wants = self._durable if durable is None else durable
        request = Request(author, message, trailers, verify=verify, durable=wants)
        return self._maker().make(request)

    def after_run(self, run: Run) -> None:
        """Commit what a run changed that has ended. Where that cannot be now, a later snapshot does it."""
        if reason := self.unavailable(make=True):
            if self._root not in _told and self._enabled:
                _told.add(self._root)
                _log.warning("%s: runs are not committed: %s", self._root, reason)
            return
        try:
            self.snapshot(Author(run.agent, run.id))
        except (RepositoryState, RepositoryBusy, HistoryUnavailable) as error:
            _log.warning("run %s is not committed yet: %s", run.id, error)

    def repository(self) -> Repository:
        """The repository, which must be there. Raises `HistoryUnavailable`."""
        if reason := self.unavailable(make=False):
            raise repositories.unavailable(self._root, reason)
        return Repository(self._root)

    def make_repository(self, *, force: bool = False) -> bool:
        """Make the repository unless it is there; whether it was made. ``force``: also inside a larger one."""
        if repositories.exists(self._root):
            return False
        if not force and (reason := self.unavailable(make=True)):
            raise repositories.unavailable(self._root, reason)
        from fsstore.history.making import make_repository

        return make_repository(self._work.tree)

    def _maker(self) -> Snapshots:
        with self._mutex:
            made = self._snapshots
            if made is None or not made.is_current():
                if reason := self.unavailable(make=True):
                    raise repositories.unavailable(self._root, reason)
                self.make_repository()
                from fsstore.history.snapshots import Snapshots

                self._snapshots = made = Snapshots(self.repository(), self._work)
            return made
