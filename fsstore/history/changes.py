"""Which commits changed which paths: a disposable table beside the repository, in ``.git/fsstore/changes``.

The table holds the commits that can be reached from one commit, HEAD as a rule. A snapshot appends to it; whoever
reads it later brings it up to date from the objects, and keeps that if nobody else is at it. A merge has the
paths that differ from all its parents; what came with its branches is told by their own commits.
"""

from __future__ import annotations

import contextlib
import fcntl
import itertools
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from fsstore.engines.files.atomic import READ, READ_WRITE, Tree
from fsstore.engines.files.collector import paused
from fsstore.errors import DamagedHistory
from fsstore.history import tablefile
from fsstore.history.objects import DIRECTORY, FILE, PROGRAM, Entry, Objects, RawCommit
from fsstore.history.table import REMOVED, UNKNOWN, Changed, Table, Unusable

if TYPE_CHECKING:
    from fsstore.history.gathering import NewCommits

_DIRECTORY = "fsstore"
_FILE, _LOCK = f"{_DIRECTORY}/changes", f"{_DIRECTORY}/changes.lock"
_FEW = 32
"""So many new commits are looked through for one path, rather than for all."""
_PLAIN = (FILE, PROGRAM)

Found = tuple[bytes, bytes]
"""A commit, and the id of what it made of a path; `REMOVED` or `UNKNOWN` instead."""


class Changes:
    """The table of one repository, and what is newer than it."""

    def __init__(self, objects: Objects, tree: Tree, *, read_only: bool = False) -> None:
        """``tree`` is that of ``.git``. With ``read_only`` nothing is ever written."""
        self._objects, self._tree, self._read_only = objects, tree, read_only
        self._known: tuple[object, Table] | None = None
        self._keeps = True

    def close(self) -> None:
        """Let go of the file. Who wants it from now on opens it for the one call."""
        self._keeps = False
        self._known = None

    def append(self, parent: bytes | None, commit: bytes, changed: Mapping[bytes, Entry | None]) -> None:
        """Note what a new commit changed: paths with what lies there now. Cheap, and never an error.

        What others committed before is noted too, if it is little. Nothing is done if somebody is at the table, or
        there is none: readers will see to it.
        """
        if self._read_only:
            return
        paths = [(path, _content_id(entry)) for path, entry in changed.items()]
        with contextlib.suppress(OSError, Unusable, DamagedHistory), self._locked():
            if parent is None:
                table = Table()
                table.add(commit, (), paths)
                self._save(table)
            elif not self._append(parent, commit, paths):
                self._catch_up(parent, commit, paths)

    def _append(self, parent: bytes, commit: bytes, paths: Changed) -> bool:
        """Add to a table that ends with the parent; whether it does."""
        fd = self._tree.open(_FILE, READ_WRITE)
        try:
            appended = tablefile.append(fd, parent, commit, paths)
            if appended and tablefile.is_long(fd):
                self._save(tablefile.load(os.dup(fd)))
            return appended
        finally:
            os.close(fd)

    def _catch_up(self, parent: bytes, commit: bytes, paths: Changed) -> None:
        """Add to a table that lacks a few commits of others, or has some that were given up."""
        from fsstore.history import gathering

        table = self._load()
        recent = self._recent(table, parent)
        if recent is not None:
            for each in reversed(recent):
                changed = [(path, _content_id(entry)) for path, entry in gathering.changed_by(self._objects, each)]
                self._append(each.parents[0], each.id, changed)
            self._append(parent, commit, paths)
        elif table.count and (new := gathering.gather(self._objects, table, commit, limit=_FEW)) is not None:
            self._save(self._extended(table, new))

    def view(self, tip: bytes, *, follow: bool = False) -> View:
        """What is known of all commits up to this one. With ``follow`` the file is brought up to it, if need be."""
        try:
            return self._view(self._load(), tip, follow=follow)
        except Unusable:
            return self.made_anew(tip)

    def made_anew(self, tip: bytes) -> View:
        """The same, from the objects alone: what the file says is not to be believed, and it is removed."""
        self._known = None
        if not self._read_only:
            with contextlib.suppress(OSError), self._locked():
                os.unlink(self._tree.absolute(_FILE))
        return self._view(Table(), tip, follow=True)

    def _view(self, table: Table, tip: bytes, *, follow: bool) -> View:
        if table.last == tip:
            return View(self, self._objects, table, tip)
        if table.last is not None and (number := table.number(tip)) is not None:
            return View(self, self._objects, table, tip, among=table.ancestors([number]))
        recent = self._recent(table, tip)
        if recent is not None:
            return View(self, self._objects, table, tip, recent=recent)
        from fsstore.history import gathering

        with paused:  # of very many small objects none is in a cycle
            table = self._extended(table, gathering.gather(self._objects, table, tip))
        if follow:
            self._known = None
            self._keep(table)
        return View(self, self._objects, table, tip)

    def _recent(self, table: Table, tip: bytes) -> list[RawCommit] | None:
        """The commits after the table's last, newest first, if they are few, one after another, and all there are."""
        found: list[RawCommit] = []
        while table.last is not None and len(found) < _FEW:
            commit = self._objects.commit(tip)
            if len(commit.parents) != 1:
                return None
            found.append(commit)
            tip = commit.parents[0]
            if tip == table.last:
                return found
        return None

    def _extended(self, table: Table, new: NewCommits) -> Table:
        """A table that ends with the new commits, and has of an old one what still belongs to it."""
        from fsstore.history.gathering import changed_by

        wanted = table.ancestors(new.known)
        table = table.copy() if wanted.count(1) == table.count else table.only(wanted)
        numbers = table.numbers()
        for commit in new.commits:
            numbers[commit.id] = table.count
            paths = ((path, _content_id(entry)) for path, entry in changed_by(self._objects, commit))
            table.add(commit.id, [numbers[parent] for parent in commit.parents], paths)
        return table

    # -- the file ----------------------------------------------------------------------------------

    def _load(self) -> Table:
        """The table in the file, an empty one if there is none that is whole."""
        try:
            fd = self._tree.open(_FILE, READ)
        except OSError:
            return Table()
        status = os.fstat(fd)
        signature = (status.st_ino, status.st_size, status.st_mtime_ns)
        known = self._known  # once: another thread may close it
        if known is not None and known[0] == signature:
            os.close(fd)
            return known[1]
        try:
            table = tablefile.load(fd)
        except (OSError, Unusable):
            return Table()
        self._known = signature, table
        if not self._keeps:  # asked last: else `close` takes it away
            self._known = None
        return table

    def _keep(self, table: Table) -> None:
        """Put the table into the file, unless somebody else is at it or it cannot be written."""
        if not self._read_only:
            with contextlib.suppress(OSError), self._locked():
                self._save(table)

    def _save(self, table: Table) -> None:
        staged = self._tree.absolute(f"{_FILE}.new")  # one at a time has the lock
        with contextlib.suppress(FileNotFoundError):
            os.unlink(staged)
        self._tree.stage(staged, tablefile.content(table))
        os.rename(staged, self._tree.absolute(_FILE))

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        """Nobody else writes the file in the body. Raises `OSError` at once if somebody does."""
        try:
            fd = self._tree.open(_LOCK, READ_WRITE)
        except FileNotFoundError:
            os.close(self._tree.make_directories(_DIRECTORY))
            fd = self._tree.open(_LOCK, READ_WRITE)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield
        finally:
            fcntl.flock(fd, fcntl.LOCK_UN)  # closing is not enough where a child was forked meanwhile
            os.close(fd)


class View:
    """The changes up to one commit."""

    def __init__(
        self,
        changes: Changes,
        objects: Objects,
        table: Table,
        tip: bytes,
        *,
        among: bytearray | None = None,
        recent: Sequence[RawCommit] = (),
    ) -> None:
        """Of the table's commits those marked in ``among``, all without it; and ``recent`` ones, newest first."""
        self._changes, self._objects, self._table, self._tip = changes, objects, table, tip
        self._among, self._recent = among, recent

    @property
    def is_linear(self) -> bool:
        """Whether every commit is known to have at most one parent."""
        return not self._table.links

    def search(self, path: bytes) -> Iterator[Found]:
        """The commits that changed a path, newest first.

        A path with a slash at its end is the directory of a namespace: all that changed anything in it. A lone slash
        stands for the files beside the namespaces.
        """
        count = 0
        try:
            for found in self._search(path):
                yield found
                count += 1
        except Unusable:
            again = self._changes.made_anew(self._tip)
            yield from itertools.islice(again._search(path), count, None)

    def _search(self, path: bytes) -> Iterator[Found]:
        yield from self._search_recent(path)
        table, among = self._table, self._among
        for number, content in table.search(path):
            if among is None or among[number]:
                yield table.id(number), content

    def _search_recent(self, path: bytes) -> Iterator[Found]:
        if not self._recent:
            return
        trees = [commit.tree for commit in self._recent]
        trees.append(self._objects.commit(self._recent[-1].parents[0]).tree)
        there = [self._at(tree, path) for tree in trees]
        for commit, (new, old) in zip(self._recent, itertools.pairwise(there), strict=True):
            if new != old:
                yield commit.id, UNKNOWN if isinstance(new, list) else _content_id(new)

    def _at(self, tree: bytes, path: bytes) -> Entry | list[tuple[bytes, Entry]] | None:
        """What a path is in a tree, as far as a change of it goes."""
        if path == b"/":
            return [each for each in self._objects.tree(tree).items() if each[1][0] != DIRECTORY]
        entry = self._objects.blob_at(tree, path.rstrip(b"/"))
        is_directory = entry is not None and entry[0] == DIRECTORY
        return entry if is_directory == path.endswith(b"/") else None


def _content_id(entry: Entry | None) -> bytes:
    """What the table keeps of an entry: the id of a plain file."""
    if entry is None:
        return REMOVED
    return entry[1] if entry[0] in _PLAIN else UNKNOWN
