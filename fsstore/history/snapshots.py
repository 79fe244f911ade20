"""Snapshots: what changed since the last one becomes commits, each its author's own.

The cost is that of the changed files and their directories. Which they are the journals and the directories'
times say (`edits`); who changed them the journals say: a file whose content is not what the newest line of its path
announced is a person's. People's edits are committed first, then those of runs, one commit each.
"""

from __future__ import annotations

from fsstore.commits import Commit
from fsstore.engines.files.worktree import WorkTree
from fsstore.errors import RepositoryBusy
from fsstore.history import session as sessions
from fsstore.history.refs import Moved
from fsstore.history.repository import Repository
from fsstore.history.state import State
from fsstore.history.step import Means, Request, Step

_ATTEMPTS = 50


class Snapshots:
    """Makes the snapshots of one repository."""

    def __init__(self, repository: Repository, work: WorkTree) -> None:
        self._means = Means(repository, work)
        self._is_session_known = False

    def close(self) -> None:
        """Let go of what is open."""
        self._means.changes.close()

    def is_current(self) -> bool:
        """Whether the repository is still the one that lies in the store."""
        return self._means.repository.is_current()

    def make(self, request: Request) -> list[Commit]:
        """Commit what changed; the new commits, oldest first.

        All or nothing becomes visible. Raises `RepositoryState` while a person is in the middle of a merge and
        the like, `RepositoryBusy` while another program of git keeps its locks, `LockTimeout`, `DamagedHistory`.
        """
        repository = self._means.repository
        with repository.locked():
            self._require_session()
            for _ in range(_ATTEMPTS):
                try:
                    return self._attempt(request)
                except Moved:  # somebody commits or adds: what they did is looked at anew
                    continue
            raise RepositoryBusy(
                f"{repository.directory}: other commands of git moved its branch each of {_ATTEMPTS} times. "
                f"The next snapshot takes what this one would have.",
                path=repository.directory,
                seconds=0,
            )

    def _require_session(self) -> None:
        """After a loss of power no file may be older than the newest commit: it would look like a revert."""
        if not self._is_session_known:
            if sessions.is_over(self._means.repository.root):
                from fsstore.history.afterboot import recover

                recover(self._means.repository, self._means.work)
            self._is_session_known = True

    def _attempt(self, request: Request) -> list[Commit]:
        means, repository = self._means, self._means.repository
        repository.require_rest()
        means.publisher.recover()
        head = repository.refs.head()
        repository.require_branch(head.ref)
        means.index.load()
        state = means.memory.load()
        if state.store != means.work.id:
            state = State(store=means.work.id)
        return Step(means, request, head, state).take()
