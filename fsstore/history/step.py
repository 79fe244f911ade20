"""One attempt at a snapshot: what changed is found, divided among authors, and committed. It does not try again."""

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
from fsstore.engines.files.worktree import WorkTree
from fsstore.errors import DamagedHistory
from fsstore.history import waiting
from fsstore.history.authorship import Authorship
from fsstore.history.capture import Captured, Unreadable, capture
from fsstore.history.captures import Captures
from fsstore.history.changes import Changes
from fsstore.history.checkpoint import before_snapshot
from fsstore.history.committing import Making
from fsstore.history.entries import entry_of, unknown
from fsstore.history.groups import Change, Group, Groups
from fsstore.history.ignoring import Ignoring
from fsstore.history.index import Index
from fsstore.history.log import commit_of
from fsstore.history.objects import REPOSITORY, Entry
from fsstore.history.packing import Record, record_of
from fsstore.history.publish import Publisher
from fsstore.history.refs import Head
from fsstore.history.repository import Repository
from fsstore.history.searching import search
from fsstore.history.state import Memory, State
from fsstore.history.superseded import is_put_back, note
from fsstore.history.upkeep import join
from fsstore.records import Author, Run

_log = logging.getLogger("fsstore")

_NOTED = 10.0  # seconds after which the line of a write is in its journal, also if the write was of many keys


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


class Means:
    """What the snapshots of one repository share: what is known of it, and what they work with."""

    def __init__(self, repository: Repository, work: WorkTree) -> None:
        self.repository = repository
        self.work = work
        self.index = Index(repository.tree)
        self.memory = Memory(repository.tree)
        self.publisher = Publisher(repository.tree, repository.refs, repository.objects)
        self.changes = Changes(repository.objects, repository.tree)
        self.ignoring = Ignoring(work.tree)
        self.newest: tuple[bytes, bytes | None] = (b"", None)
        """The commit made last, and its tree."""

    def tree_of(self, commit: bytes | None) -> bytes | None:
        """The tree of a commit, often of the one made last."""
        if commit is None or commit == self.newest[0]:
            return None if commit is None else self.newest[1]
        return self.repository.objects.commit(commit).tree


class Step:
    """One attempt at a snapshot."""

    def __init__(self, means: Means, request: Request, head: Head, state: State) -> None:
        self._means = means
        self._repository, self._work = means.repository, means.work
        self._objects = self._repository.objects
        self._tree = self._work.tree
        self._index = means.index
        self._request, self._head, self._state = request, head, state
        self._base = means.tree_of(head.commit)
        self._runs: dict[str, Run] = self._work.runs.all()
        self._groups = Groups(request.author, self._runs)
        self._authorship = Authorship(self._work, self._runs, self._past)
        self._captures = Captures(self._work, self._index, self._authorship, state.taken)
        self._left, self._fresh = self._captures.left, self._captures.fresh
        self._entries: dict[bytes, bytes | None] = {}
        """What the index is to have of files; ``None`` for nothing."""
        self._records: dict[bytes, Record] = {}
        self._staged_paths: list[str] = []
        self._replaced = state.replaced
        self._is_list_new = False

    def take(self) -> list[Commit]:
        """Find, read, divide, commit."""
        state, ignoring, now = self._state, self._means.ignoring, time.time()
        lines, marks = self._work.since(state.marks)
        coming = {line.path for line in lines}
        edits, swept, is_all = search(self._work, self._index, state, coming, verify=self._request.verify)
        asked = ignoring.begin(state, edits.found)
        paths = edits.found.union(state.pending, state.staged, asked, map(os.fsdecode, self._index.suspects()))
        self._fresh.update(state.pending)
        noted = self._captures.noted(lines)
        self._left.update(waiting.unchanged(self._tree, state.pending, self._under_way(), edits.found, noted))
        paths = noted | (paths - self._left.keys())
        for path, found in self._captures.read(paths | self._foreign(), marks, self._is_wanted).items():
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
            self._means.memory.save(state)
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
            for commit, content in self._means.changes.view(self._head.commit).search(os.fsencode(path)):
                yield commit_of(self._objects.commit(commit)), content

    def _foreign(self) -> set[str]:
        """What others did to the index since the last snapshot."""
        signature = self._index.signature
        if self._state.index is None or signature is None or tuple(signature) == self._state.index:
            return set()
        return {os.fsdecode(path) for path in self._index.foreign_changes()}

    def _is_wanted(self, path: str) -> bool:
        """Whether a file that is no key's belongs into the history."""
        raw = os.fsencode(path)
        if self._index.find(raw) or self._objects.file_at(self._base, raw) or f"/{layout.META}/" in path:
            return True
        return not self._means.ignoring.ignores(path)

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
            self._means.newest = making.parent, making.tree
        return [one.commit for one in making.made]

    def _publish(self, making: Making, index: Index) -> None:
        sync, made = self._request.durable, making.made
        head, state = self._head.commit, self._state
        if sync and made:
            state.unsynced = before_snapshot(self._repository, self._work, head, self._base, state.unsynced)
        publisher = self._means.publisher
        others = head is not None and head.hex() != state.head
        publisher.objects(list(self._records.values()), sync=sync, on_others=others)
        told = [(one.id, one.commit.summary) for one in made]
        publisher.move(self._head, told, self._index, index, making.committer, sync=sync)
        index.settle()
        self._replaced = note(self._replaced, self._index, {path for one in made for path in one.changes}, time.time())
        self._means.index = self._index = index
        try:
            join(self._repository.tree, self._objects, sync=sync)
        except (OSError, DamagedHistory) as error:
            _log.warning("%s: the packs of the history were not joined: %s", self._tree.root, error)
        for one in made:
            self._means.changes.append(one.parent, one.id, one.changes)

    def _is_same(self, path: bytes, entry: Entry) -> bool:
        """Whether a file still has the content that the index says."""
        with contextlib.suppress(Unreadable):
            found = capture(self._tree, os.fsdecode(path))
            return found is not None and found.entry == entry
        return False
