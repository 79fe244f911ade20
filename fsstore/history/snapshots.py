"""Snapshots: what changed since the last one becomes commits, each its author's own.

The cost is that of the changed files and their directories. Which they are the journals and the directories'
times say (`edits`); who changed them the journals say: a file whose content is not what the newest line of its path
announced is a person's. People's edits are committed first, then those of runs, one commit each.
"""

from __future__ import annotations

import contextlib
import logging
import os
import time
from collections.abc import Iterator
from typing import NamedTuple

from fsstore.commits import Commit
from fsstore.engines.files import layout
from fsstore.engines.files.journal import Line
from fsstore.engines.files.worktree import Marks, WorkTree
from fsstore.errors import DamagedHistory, RepositoryBusy
from fsstore.history import session as sessions
from fsstore.history import waiting
from fsstore.history.authorship import Authorship, with_sidecars
from fsstore.history.capture import Captured, Unreadable, capture, capture_whole
from fsstore.history.changes import Changes
from fsstore.history.checkpoint import before_snapshot
from fsstore.history.committing import Making
from fsstore.history.entries import entry_of, unknown
from fsstore.history.groups import Change, Group, Groups
from fsstore.history.guarding import guard
from fsstore.history.ignoring import Ignoring
from fsstore.history.index import Index
from fsstore.history.log import commit_of
from fsstore.history.objects import REPOSITORY, Entry
from fsstore.history.packing import Record, record_of
from fsstore.history.publish import Publisher
from fsstore.history.refs import Head, Moved
from fsstore.history.repository import Repository
from fsstore.history.searching import search
from fsstore.history.state import Memory, State
from fsstore.history.superseded import is_put_back, note
from fsstore.history.upkeep import join
from fsstore.records import Author, Run

_log = logging.getLogger("fsstore")

_ATTEMPTS = 50
_NOTED = 10.0  # seconds after which the line of a write is in its journal, also if the write was of many keys
_LATE = 1.0  # seconds that a line may be noted after its own time


class Request(NamedTuple):
    """What a snapshot is asked for."""

    author: Author
    """Who asks: what was written in this run is taken too, though the run goes on."""
    message: str | None = None
    """For the commit of what the asker wrote; made of the changes otherwise."""
    trailers: tuple[tuple[str, str], ...] = ()
    verify: bool = False
    """Look at every file."""
    durable: bool = True
    """What it commits survives a loss of power."""


class Snapshots:
    """Makes the snapshots of one repository."""

    def __init__(self, repository: Repository, work: WorkTree) -> None:
        self._repository = repository
        self._work = work
        self._index = Index(repository.tree)
        self._memory = Memory(repository.tree)
        self._publisher = Publisher(repository.tree, repository.refs, repository.objects)
        self._changes = Changes(repository.objects, repository.tree)
        self._ignoring = Ignoring(work.tree)
        self._newest: tuple[bytes, bytes | None] = (b"", None)
        """The commit made last, and its tree."""
        self._is_session_known = False

    def tree_of(self, commit: bytes | None) -> bytes | None:
        """The tree of a commit, often of the one made last."""
        if commit is None or commit == self._newest[0]:
            return None if commit is None else self._newest[1]
        return self._repository.objects.commit(commit).tree

    def close(self) -> None:
        """Let go of what is open."""
        self._changes.close()

    def is_current(self) -> bool:
        """Whether the repository is still the one that lies in the store."""
        return self._repository.is_current()

    def make(self, request: Request) -> list[Commit]:
        """Commit what changed; the new commits, oldest first.

        All or nothing becomes visible. Raises `RepositoryState` while a person is in the middle of a merge and
        the like, `RepositoryBusy` while another program of git keeps its locks, `LockTimeout`, `DamagedHistory`.
        """
        with self._repository.locked():
            self._require_session()
            for _ in range(_ATTEMPTS):
                try:
                    return self._attempt(request)
                except Moved:  # somebody commits or adds: what they did is looked at anew
                    continue
            raise RepositoryBusy(
                f"{self._repository.directory}: other commands of git moved its branch each of {_ATTEMPTS} times. "
                f"The next snapshot takes what this one would have.",
                path=self._repository.directory,
                seconds=0,
            )

    def _require_session(self) -> None:
        """After a loss of power no file may be older than the newest commit: it would look like a revert."""
        if not self._is_session_known:
            if sessions.is_over(self._repository.root):
                from fsstore.history.afterboot import recover

                recover(self._repository, self._work)
            self._is_session_known = True

    def _attempt(self, request: Request) -> list[Commit]:
        repository = self._repository
        repository.require_rest()
        self._publisher.recover()
        head = repository.refs.head()
        repository.require_branch(head.ref)
        self._index.load()
        state = self._memory.load()
        if state.store != self._work.id:
            state = State(store=self._work.id)
        return _Step(self, request, head, state).take()


class _Step:
    """One attempt at a snapshot."""

    def __init__(self, snapshots: Snapshots, request: Request, head: Head, state: State) -> None:
        self._all = snapshots
        self._repository, self._work = snapshots._repository, snapshots._work
        self._objects = self._repository.objects
        self._tree = self._work.tree
        self._index = snapshots._index
        self._request, self._head, self._state = request, head, state
        self._base = snapshots.tree_of(head.commit)
        self._runs: dict[str, Run] = self._work.runs.all()
        self._groups = Groups(request.author, self._runs)
        self._authorship = Authorship(self._work, self._runs, self._past)
        self._entries: dict[bytes, bytes | None] = {}
        """What the index is to have of files; ``None`` for nothing."""
        self._records: dict[bytes, Record] = {}
        self._left: dict[str, waiting.Pending] = {}
        """What waits for its run, or until it can be read."""
        self._staged_paths: list[str] = []
        self._fresh: set[str] = set()
        """Paths that were written through the store since the last snapshot."""
        self._replaced = state.replaced
        self._is_list_new = False

    def take(self) -> list[Commit]:
        """Find, read, divide, commit."""
        state, ignoring, now = self._state, self._all._ignoring, time.time()
        lines, marks = self._work.since(state.marks)
        coming = {line.path for line in lines}
        edits, swept, is_all = search(self._work, self._index, state, coming, verify=self._request.verify)
        asked = ignoring.begin(state, edits.found)
        paths = edits.found.union(state.pending, state.staged, asked, map(os.fsdecode, self._index.suspects()))
        self._fresh.update(state.pending)
        noted = self._noted(lines)
        self._left = waiting.unchanged(self._tree, state.pending, self._under_way(), edits.found, noted)
        paths = noted | (paths - self._left.keys())
        for path, found in self._captured(paths | self._foreign(), marks).items():
            self._left.pop(path, None)
            self._divide(path, found)
        commits = self._commit(self._groups.ordered())
        self._remember(
            State(
                store=self._work.id,
                index=None if self._index.signature is None else tuple(self._index.signature),
                marks=marks,
                directories=edits.directories,
                pending=self._left,
                taken=now,
                ignored=ignoring.known(lambda path: is_all or edits.has_looked_into(path)),
                rules=ignoring.rules,
                swept=swept,
                staged=sorted(self._staged_paths),
                unsynced=self._state.unsynced,
                replaced=self._replaced,
                head=commits[-1].id if commits else self._head_id(),
            )
        )
        self._work.runs.forget([run for run in self._runs.values() if run.status != "running"])
        return commits

    def _head_id(self) -> str:
        return "" if self._head.commit is None else self._head.commit.hex()

    def _remember(self, state: State) -> None:
        """Note where this snapshot left off; it is made, and the next one finds out what could not be noted."""
        try:
            self._all._memory.save(state)
            self._work.stamp(state.taken - _NOTED)
        except OSError as error:
            _log.warning("%s: the snapshot is made, but not noted: %s", self._tree.root, error)

    def _under_way(self) -> set[str]:
        """The runs that will commit themselves what they wrote."""
        asker = self._request.author.run
        return {run.id for run in self._runs.values() if run.status == "running" and run.id != asker}

    def _past(self, path: str) -> Iterator[tuple[Commit, bytes]]:
        """The commits that changed a path, newest first, with what they made of it."""
        if self._head.commit is not None:
            for commit, content in self._all._changes.view(self._head.commit).search(os.fsencode(path)):
                yield commit_of(self._objects.commit(commit)), content

    def _foreign(self) -> set[str]:
        """What others did to the index since the last snapshot."""
        signature = self._index.signature
        if self._state.index is None or signature is None or tuple(signature) == self._state.index:
            return set()
        return {os.fsdecode(path) for path in self._index.foreign_changes()}

    def _noted(self, lines: list[Line]) -> set[str]:
        """The paths of these lines, and those of their sidecars that are there, or that the index has."""
        self._authorship.note(lines)
        since = self._state.taken - _LATE
        found = with_sidecars(self._work, self._index, {line.path for line in lines})
        old = {line.path for line in lines} - {line.path for line in lines if line.time > since}
        self._fresh |= found - with_sidecars(self._work, self._index, old) if old else found
        return found

    # -- reading -----------------------------------------------------------------------------------

    def _captured(self, paths: set[str], marks: Marks) -> dict[str, Captured | None]:
        """Read files while their writers are kept out, so that contents and journal are of one moment."""
        stripes = {path: self._work.stripe(path) for path in paths}
        numbers = sorted({number for number in stripes.values() if number is not None})
        found: dict[str, Captured | None] = {}
        with self._work.holding(numbers) if numbers else contextlib.nullcontext():
            lines, now = self._work.since(marks, numbers)  # what came after the first look
            marks |= now
            of_keys = self._noted(lines) | {path for path, number in stripes.items() if number is not None}
            self._authorship.look_up(of_keys)
            for path in of_keys:
                try:
                    found[path] = self._read(path)
                except Unreadable as error:
                    self._leave_out(path, error)
        for path, number in stripes.items():
            if number is None and path not in found and self._is_wanted(path):
                try:
                    found[path] = capture(self._tree, path)
                except Unreadable as error:
                    self._leave_out(path, error)
        return dict(sorted(found.items()))

    def _leave_out(self, path: str, error: Unreadable) -> None:
        self._left[path] = waiting.UNREAD
        _log.warning("%s/%s stays out of the history: %s", self._tree.root, path, error)

    def _read(self, path: str) -> Captured | None:
        found = capture(self._tree, path)
        if found is None or self._authorship.writer(path, found) is not None:
            return found
        return capture_whole(self._tree, path, lambda found: guard(self._work, path, found))

    def _is_wanted(self, path: str) -> bool:
        """Whether a file that is no key's belongs into the history."""
        raw = os.fsencode(path)
        if self._index.find(raw) or self._objects.file_at(self._base, raw) or f"/{layout.META}/" in path:
            return True
        return not self._all._ignoring.ignores(path)

    # -- dividing ----------------------------------------------------------------------------------

    def _divide(self, path: str, found: Captured | None) -> None:
        """Put what became of a file where it belongs, or leave it."""
        raw = os.fsencode(path)
        before = self._objects.file_at(self._base, raw)
        staged = self._staged(path, before)
        now = None if found is None else found.entry
        line = self._authorship.changer(path, found, before != now, is_new=path in self._fresh)
        if found is None and self._is_left_alone(path, before or staged):
            return
        if before and now and before != now and before[1] == now[1]:
            line = None  # another mode, which only people give
        if line is not None and now != before and self._waits(line):
            self._left[path] = waiting.pending(line, found)
            return
        if staged != before and (line is None or path not in self._fresh):
            self._staged_paths.append(path)  # a person is putting a commit together
            return
        mtime = 0.0 if found is None else found.mtime
        if staged not in (before, now):  # so what is in it comes first, and an agent's write after it
            self._groups.add(None, Change(path, before, staged), mtime)
            before = staged
        if now != before:
            self._groups.add(line, Change(path, before, now), mtime)
            if found is not None:
                self._records[found.entry[1]] = record_of(found.entry[1], b"blob", found.raw)
        if found is None:
            self._entries[raw] = None
        elif staged != now or found.status != self._index.status(raw):
            self._entries[raw] = entry_of(raw, found.status, found.entry[1])

    def _staged(self, path: str, before: Entry | None) -> Entry | None:
        """What the index has of a path; what git has put back there is no more than the commit's."""
        raw = os.fsencode(path)
        staged = self._index.find(raw)
        if staged == before or not is_put_back(self._state.replaced, self._index, path):
            return staged
        self._entries[raw] = None if before is None else entry_of(raw, unknown(before[0]), before[1])
        return before

    def _is_left_alone(self, path: str, known: Entry | None) -> bool:
        """Whether a path without a file is that of a submodule, or outside of a sparse checkout."""
        if known and known[0] == REPOSITORY and os.path.isdir(f"{self._tree.root}/{path}"):
            return True
        return path not in self._fresh and self._index.is_skipped(os.fsencode(path))

    def _waits(self, line: Line) -> bool:
        """Whether a change belongs to a run that will commit it itself.

        A run that began after the list was read is one of them, whether it has ended by now or not: this snapshot may
        have seen only a part of what it wrote.
        """
        if line.run is not None and line.run not in self._runs and not self._is_list_new:
            self._is_list_new = True
            late = self._work.runs.all()
            self._runs |= {id: late[id]._replace(status="running") for id in late.keys() - self._runs.keys()}
        return self._groups.waits(line)

    # -- committing --------------------------------------------------------------------------------

    def _commit(self, groups: list[Group]) -> list[Commit]:
        entries = {path: entry for path, entry in self._entries.items() if entry or self._index.find(path)}
        if not groups and not entries:
            return []
        index = self._index.replaced(entries, self._is_same)
        making = Making(self._repository, self._head, self._base, self._records)
        asked = self._groups.asked_for(groups)
        for group in groups:
            wants = group is asked
            making.add(group, self._request.message if wants else None, self._request.trailers if wants else ())
        self._publish(making, index)
        if making.parent is not None:
            self._all._newest = making.parent, making.tree
        return [one.commit for one in making.made]

    def _publish(self, making: Making, index: Index) -> None:
        sync, made = self._request.durable, making.made
        head, state = self._head.commit, self._state
        if sync and made:
            state.unsynced = before_snapshot(self._repository, self._work, head, self._base, state.unsynced)
        publisher = self._all._publisher
        others = head is not None and head.hex() != state.head
        publisher.objects(list(self._records.values()), sync=sync, on_others=others)
        told = [(one.id, one.commit.summary) for one in made]
        publisher.move(self._head, told, self._index, index, making.committer, sync=sync)
        index.settle()
        self._replaced = note(self._replaced, self._index, {path for one in made for path in one.changes}, time.time())
        self._all._index = self._index = index
        try:
            join(self._repository.tree, self._objects, sync=sync)
        except (OSError, DamagedHistory) as error:
            _log.warning("%s: the packs of the history were not joined: %s", self._tree.root, error)
        for one in made:
            self._all._changes.append(one.parent, one.id, one.changes)

    def _is_same(self, path: bytes, entry: Entry) -> bool:
        """Whether a file still has the content that the index says."""
        with contextlib.suppress(Unreadable):
            found = capture(self._tree, os.fsdecode(path))
            return found is not None and found.entry == entry
        return False
