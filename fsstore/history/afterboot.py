"""After a loss of power: no file may be older than the newest commit has it, and none half written.

A snapshot is durable in its objects, the files themselves are not. So what the commits of the last run of the system
changed is compared with them: a file that is gone, torn, or as it was before is brought to what the newest commit has.
What else differs from the index was written after the last snapshot: it stays if it is a value.
"""

from __future__ import annotations

import contextlib
import logging
import os
import time
from itertools import islice
from typing import NamedTuple

from fsstore import values
from fsstore.engines.files import layout
from fsstore.engines.files.atomic import Tree
from fsstore.engines.files.durable import sync_all
from fsstore.engines.files.repair import LOST
from fsstore.engines.files.worktree import WorkTree
from fsstore.errors import DamagedHistory, RepositoryState
from fsstore.history import session as sessions
from fsstore.history.capture import Captured, Unreadable, capture
from fsstore.history.edits import Edits
from fsstore.history.index import Index
from fsstore.history.objects import FILE, PROGRAM, Entry, Objects, RawCommit
from fsstore.history.publish import Publisher
from fsstore.history.repository import Repository
from fsstore.history.session import Session
from fsstore.history.trees import differences
from fsstore.history.walking import newest_first, not_in

_log = logging.getLogger("fsstore")

_PLAIN = (FILE, PROGRAM)
_MANY = 1000  # commits
_SETTLED = 120.0  # seconds after which the system has written a file to the disk by itself
_SECOND = 1.0  # commits tell their time in whole ones


class _Life(NamedTuple):
    """What a path was in the commits of a session."""

    earlier: set[Entry | None]
    changed: float
    """When it was last committed, in seconds since the epoch."""


def recover(repository: Repository, work: WorkTree) -> list[str]:
    """Bring the files of the last session's snapshots to what they committed; the paths that needed it.

    What the write-ahead log has just brought back is newer than any snapshot, and stays. The caller holds the store's
    own lock of the repository. Raises `DamagedHistory`; then nothing is noted, and the next snapshot tries again.
    """
    found = sessions.load(repository.tree)
    if found is not None and found.id == sessions.now(repository.tree):
        return []  # somebody was faster
    publisher = Publisher(repository.tree, repository.refs, repository.objects)
    publisher.recover()
    head = repository.refs.head().commit
    mended = [] if head is None else _Mending(repository, work, head, found).mend(publisher)
    if mended:
        text = "%s: after a loss of power %d files were brought to the last snapshot"
        _log.warning(text, work.tree.root, len(mended))
    sync_all(work.tree, mended)
    since = None if head is None else head.hex()
    sessions.save(repository.tree, Session(sessions.now(repository.tree), since))
    return mended


class _Mending:
    def __init__(self, repository: Repository, work: WorkTree, head: bytes, session: Session | None) -> None:
        self._objects: Objects = repository.objects
        self._work, self._tree = work, work.tree
        self._head = head
        self._tip = newest = self._objects.commit(head)
        self._newest, self._last = newest.tree, newest.committer.time
        self._git = repository.tree
        self._session = session

    def mend(self, publisher: Publisher) -> list[str]:
        """Compare, and bring back: first what the index has, then the files."""
        lives = self._lives()
        publisher.catch_up(self._tip, {path: life.earlier for path, life in lives.items()})
        edits = Edits(self._tree, self._readable_index(), {})
        edits.search(all_files=True)
        paths = {*lives, *(os.fsencode(path) for path in edits.found)}
        stripes = {number for path in paths if (number := self._work.stripe(os.fsdecode(path))) is not None}
        with self._work.holding(sorted(stripes)) if stripes else contextlib.nullcontext():
            return [os.fsdecode(path) for path in sorted(paths) if self._mend(path, lives.get(path))]

    def _readable_index(self) -> Index:
        """The index, or an empty one while it is that of a merge, or torn: then every file is compared."""
        index = Index(self._git)
        try:
            index.load()
        except (RepositoryState, DamagedHistory):
            return Index(self._git)
        return index

    def _lives(self) -> dict[bytes, _Life]:
        """What the commits of the session changed."""
        lives: dict[bytes, _Life] = {}
        for commit in self._commits():
            for parent in commit.parents or (None,):
                before = None if parent is None else self._objects.commit(parent).tree
                for path, old, _ in differences(self._objects, before, commit.tree):
                    life = lives.setdefault(path, _Life(set(), float(commit.committer.time)))
                    life.earlier.add(old)
        return lives

    def _commits(self) -> list[RawCommit]:
        """Those of the session, newest first; of one that is not known, the last thousand."""
        since = self._session.since if self._session else None
        if since is not None:
            with contextlib.suppress(DamagedHistory):  # rewritten by a person since, and its objects collected
                return not_in(self._objects, self._head, bytes.fromhex(since))
        return list(islice(newest_first(self._objects, self._head), _MANY))

    def _mend(self, path: bytes, life: _Life | None) -> bool:
        """Whether a file had to be brought back."""
        name = os.fsdecode(path)
        wanted = self._objects.blob_at(self._newest, path)
        try:
            now = capture(self._tree, name)
        except Unreadable:
            return False
        entry = None if now is None else now.entry
        if entry == wanted or name in self._work.replayed or (wanted is not None and wanted[0] not in _PLAIN):
            return False
        torn = now is not None and self._is_torn(name, now)
        older = life is not None and entry in life.earlier and not self._is_newer(name, entry, life)
        if not torn and not older:
            return False
        if now is not None and torn:
            self._keep(name, now)
        self._put(name, wanted)
        return True

    def _is_newer(self, path: str, entry: Entry | None, life: _Life) -> bool:
        """Whether the journal tells that this was written after the last snapshot, though it was so once before."""
        lines = self._work.lines(path)
        if not lines:
            return False
        revision = None if entry is None else entry[1].hex()
        return lines[-1].revision == revision and lines[-1].time > life.changed + _SECOND

    def _is_torn(self, path: str, found: Captured) -> bool:
        """Whether this is no value, where one belongs, and so young that the power may have taken a part of it."""
        _, key, _ = layout.record_of(path)
        if key is None or found.mtime < self._last - _SETTLED:
            return False
        try:
            values.decode(found.raw)
        except values.Malformed:
            return True
        return False

    def _keep(self, path: str, found: Captured) -> None:
        """Put what is torn aside, for a person to look at."""
        if found.raw.strip(b"\0"):
            os.close(self._tree.make_directories(LOST))
            name = f"{time.time_ns()}-{path.replace('/', '-')[-100:]}"
            self._tree.stage(self._tree.absolute(f"{LOST}/{name}"), found.raw)
            _log.warning("%s/%s was no value after a loss of power; it is kept in %s", self._tree.root, path, LOST)

    def _put(self, path: str, wanted: Entry | None) -> None:
        """Let the file be what the newest commit has."""
        target = self._tree.absolute(path)
        if wanted is None:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(target)
            return
        os.close(self._tree.make_directories(layout.TMP))
        parent = os.path.dirname(path)
        if parent:
            os.close(self._tree.make_directories(parent))
        staged = self._tree.absolute(f"{layout.TMP}/{Tree.new_name(self._work.stripe(path) or 0)}")
        self._tree.stage(staged, self._objects.blob(wanted[1]))
        os.rename(staged, target)
