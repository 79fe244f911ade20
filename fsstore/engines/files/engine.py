"""The file engine: opens a store's directory for reading and writing, and closes it."""

from __future__ import annotations

import contextlib
import errno
import os
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING

from fsstore.engine import Capabilities
from fsstore.engines.files import failures, layout
from fsstore.engines.files.atomic import Tree
from fsstore.engines.files.gate import COUNT
from fsstore.engines.files.stripes import Stripes
from fsstore.engines.files.worktree import WorkTree
from fsstore.engines.files.writer import FileWriter
from fsstore.errors import ReadOnly
from fsstore.records import Run, Undone

if TYPE_CHECKING:
    from fsstore.engines.files.cursors import FileCursor
    from fsstore.engines.files.traces import FileTraces
    from fsstore.engines.files.watching.feed import FileFeed


class FileEngine(FileWriter):
    """A store in a directory. Safe to share between threads; a forked child may go on using it."""

    def __init__(
        self,
        path: str,
        *,
        create: bool = True,
        read_only: bool = False,
        adopt: bool = False,
        durability: str | None = None,
        credentials: str | None = None,
    ) -> None:
        tree = Tree(os.path.realpath(path))
        with failures.told(tree.root):
            marker = layout.initialize(tree, adopt=adopt) if create and not read_only else layout.read_marker(tree)
            if credentials is not None:
                marker = marker._replace(credentials=credentials)
            stripes = Stripes.shared(tree, layout.JOURNAL)
            self._marker = marker
            self._feeds: list[FileFeed] = []
            self._closing = threading.Lock()
            try:
                super().__init__(tree, marker, stripes, durability=durability or marker.durability)
                reason = _why_read_only(tree.root, marker, read_only=read_only)
                if not reason:
                    reason = self._prepare()
                elif read_only and marker.format == layout.FORMAT and os.access(tree.absolute(layout.JOURNAL), os.W_OK):
                    self._recovery.bring_back()  # what was acknowledged before a loss of power is to be read, too
                self.capabilities = Capabilities(reason, layout.DURABILITY, marker.credentials)
            except BaseException:
                stripes.leave()
                raise

    def _prepare(self) -> str:
        """Bring the store in order for writing, or say why it can only be read."""
        try:  # a file system without flock is refused at once, not at the first write
            self._remaking(layout.JOURNAL, self._stripes.require_flock)
            self._remaking(layout.JOURNAL, self._gate.make)
            self._recovery.after_opening()
        except OSError as error:
            if error.errno != errno.EROFS:
                raise
            return f"its file system is read-only ({error.strerror})"
        return ""

    def begin_run(self, run: Run) -> None:
        """Note a run of this process that begins; one that can only read leaves no trace."""
        if self.capabilities.read_only:
            return
        with self._failing(layout.RUNS):
            self._runs.begin(run)

    def end_run(self, run: Run) -> None:
        """Note how a run ended, also if the store has been closed in it."""
        with failures.told(self._absolute(layout.RUNS)):
            self._runs.end(run)

    def undo_run(self, run: Run) -> Undone:
        """Put back what the keys of an undoable run were, but for those that somebody else has written since."""
        from fsstore.engines.files.undoing import undo

        with self._failing(layout.RUNS):
            return undo(run, self._runs, lambda op, author: self.commit([op], author), self.work_tree())

    def work_tree(self) -> WorkTree:
        """The store as its history sees it."""
        self._require_open()
        return WorkTree(
            self._tree,
            self._marker,
            self._journal,
            self._places,
            self._runs,
            self._quiet,
            self._recovery.replayed,
        )

    def feed(self) -> FileFeed:
        """The changes, as this process observes them."""
        self._require_open()
        if not self._feeds:
            from fsstore.engines.files.watching.feed import FileFeed
            from fsstore.engines.files.watching.hub import Watched

            work = self.work_tree()
            made = FileFeed(
                Watched(
                    self._tree, self._limit, self._marker.settings, self._journal, self._places.stripe, work.lines_of
                )
            )
            self._feeds.append(made)  # of threads that come at once each makes one, and all get the first
            self._require_open()  # `close` may have passed by before there was one to be closed
        return self._feeds[0]

    def traces(self, namespace: str) -> FileTraces | None:
        """What tells of a namespace's changes; none in a store that cannot be written."""
        self._require_open()
        if self.capabilities.read_only or self._folds:  # where names fold, a name does not tell whose file it is
            return None
        from fsstore.engines.files.traces import FileTraces

        return FileTraces(self._tree, self._marker, namespace, self._changing)

    def _changing(self, namespace: str) -> list[tuple[str, str]]:
        """Keys with their paths that open commits are changing."""
        if self._gate.is_quiet(self._gate.read()):
            return []
        return [(key, path) for name, key, path in self._intents.overlay(range(COUNT)).keys if name == namespace]

    def cursor(self, name: str) -> FileCursor:
        """The cursor of this name. Raises `ReadOnly` where it could not be written."""
        self._require_open()
        if reason := self.capabilities.read_only:
            raise ReadOnly(f"no cursor can be kept in a read-only store: {reason}.", reason=reason)
        from fsstore.engines.files.cursors import FileCursor

        return FileCursor(self._tree, name, self.identity)

    @property
    def identity(self) -> str:
        """The id in the store's `fsstore.json`."""
        return self._marker.id

    @contextlib.contextmanager
    def _quiet(self, numbers: list[int]) -> Iterator[None]:
        with self._writing(), self._holding(numbers):
            yield

    def close(self) -> None:
        """Every later call raises `Closed`; the last of the process's handles on the store closes its lock files."""
        if self._closing.acquire(blocking=False):  # once, whichever thread is the first
            try:
                super().close()  # first: whoever makes something meanwhile sees it, or it is closed here
                for feed in list(self._feeds):
                    feed.close()
                self._locks.close()
            finally:
                self._stripes.leave()


def _why_read_only(root: str, marker: layout.Marker, *, read_only: bool) -> str:
    if read_only:
        return "it was opened with read_only=True"
    if marker.format != layout.FORMAT:
        return f"its format is {marker.format}, and this fsstore writes format {layout.FORMAT}; upgrade fsstore"
    if not os.access(root, os.W_OK):
        return f"you may not write to {root} (ls -ld {root})"
    return ""
