"""Finishing what a process left that died: open commits, staged files, the write-ahead log. It makes no new write."""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Iterator

from fsstore import values
from fsstore.engines.files import gate as gates
from fsstore.engines.files import layout
from fsstore.engines.files.atomic import Tree, discard
from fsstore.engines.files.directories import Directories
from fsstore.engines.files.durable import sync_all
from fsstore.engines.files.gate import COUNT
from fsstore.engines.files.intents import Intent, Intents
from fsstore.engines.files.log import Logged
from fsstore.engines.files.placing import Placing
from fsstore.engines.files.stripes import TIMEOUT, Stripe, Stripes, release
from fsstore.errors import LockTimeout
from fsstore.revisions import revision as revision_of

_log = logging.getLogger("fsstore")

_ALL = list(range(COUNT))
_GONE = (FileNotFoundError, NotADirectoryError)


class Recovery:
    """Brings a store back to where every commit is done or never was."""

    def __init__(self, tree: Tree, stripes: Stripes, intents: Intents, placing: Placing, limit: int) -> None:
        self._tree = tree
        self._stripes = stripes
        self._intents = intents
        self._wal = stripes.log
        self._placing = placing
        self._limit = limit
        self.replayed: set[str] = set()
        """Paths that the log told of when the store was opened after a loss of power."""

    def after_opening(self) -> None:
        """Finish dead commits, replay the log, sweep what is left; what a live writer holds is left to it."""
        if self._stripes.is_inside():  # opened by the function of an update: there is a next time
            return
        for name in self._intents.names():
            if intent := self._intents.load(name):
                with contextlib.suppress(LockTimeout), self._held(intent.stripes, timeout=0):
                    self._finish(name)
        self.bring_back()
        self._sweep()

    def bring_back(self) -> None:
        """Replay the log, unless another process has the store open: then it was brought in order before."""
        if not os.path.lexists(f"{self._tree.root}/{layout.RUNTIME}/wal"):
            return
        try:
            if self._wal.is_alone():
                self._replay()
        finally:
            self._wal.join(TIMEOUT)

    def finish_dead(self, numbers: list[int]) -> None:
        """Finish the commits whose writers died with these stripes. The caller holds none of them."""
        for name in self._intents.names():
            intent = self._intents.load(name)
            if intent is not None and not set(intent.stripes).isdisjoint(numbers):
                with self._held(intent.stripes):
                    self._finish(name)
        gate = self._stripes.gate
        if gates.has_log(gate.read()):  # it may have a record that will never be carried out
            self.checkpoint()
        with self._held(numbers):
            if not self._covered(numbers):
                gate.end(numbers)
        self._sweep()

    def checkpoint(self, timeout: float | None = None) -> None:
        """Make all files durable, and start the log again."""
        with self._held(_ALL, timeout):
            if not any(self._intents.load(name) for name in self._intents.names()):
                sync_all(self._tree, {entry.path for entries in self._wal.records() for entry in entries})
                self._wal.reset()

    def _covered(self, numbers: list[int]) -> bool:
        intents = [self._intents.load(name) for name in self._intents.names()]
        return any(intent is not None and not set(intent.stripes).isdisjoint(numbers) for intent in intents)

    @contextlib.contextmanager
    def _held(self, numbers: list[int], timeout: float | None = None) -> Iterator[None]:
        held: list[Stripe] = []
        try:
            self._stripes.acquire(sorted(numbers), timeout, into=held)
            yield
        finally:
            try:
                release(held)
            finally:
                release(held)

    def _finish(self, name: str) -> None:
        """Carry a commit to its end; the caller holds its stripes, so its writer is dead."""
        intent = self._intents.load(name)
        if intent is None:
            return
        os.close(self._tree.make_directories(layout.TMP))  # what is there is to be kept until the end
        directories = Directories(self._tree)
        try:
            if intent.undo:
                for entry in reversed(intent.entries):
                    self._placing.undo(entry, directories)
            else:
                self._carry_out(intent, directories)
            self._stripes.gate.begin(intent.stripes)
            self._intents.retract(name)
            self._stripes.gate.end(intent.stripes)
            directories.prune()
        finally:
            directories.close()
        for entry in intent.entries:
            discard(self._placing.temporary(entry.old))
            if entry.staged is not None:
                discard(self._placing.temporary(entry.staged))
        what = "taken back" if intent.undo else "finished"
        _log.warning("%s: %s a commit of %d files whose writer died", self._tree.root, what, len(intent.entries))

    def _carry_out(self, intent: Intent, directories: Directories) -> None:
        for entry in intent.entries:
            if not self._placing.resume(entry, directories):
                _log.warning("%s/%s: left as somebody else made it", self._tree.root, entry.path)

    # -- litter ------------------------------------------------------------------------------------

    def _sweep(self) -> None:
        """Remove staged files, and records without content, whose stripe nobody holds: their makers are dead."""
        for number in sorted({number for path in self._litter() if (number := _stripe_of(path)) is not None}):
            with contextlib.suppress(LockTimeout), self._held([number], timeout=0):
                if gates.is_odd(self._stripes.gate.read(), number):
                    continue
                for path in self._litter():
                    if _stripe_of(path) == number:
                        discard(self._tree.absolute(path))
                        _log.info("%s: removed %s, left by a process that died", self._tree.root, path)

    def _litter(self) -> list[str]:
        """What only a live writer may leave there. A record that lost its content with the power was never synced."""
        try:
            staged = os.listdir(f"{self._tree.root}/{layout.TMP}")
        except FileNotFoundError:
            staged = []
        records = [name for name in self._intents.names() if self._intents.load(name) is None]
        return [f"{layout.TMP}/{name}" for name in staged] + [f"{layout.COMMITS}/{name}" for name in records]

    # -- the log -----------------------------------------------------------------------------------

    def _replay(self) -> None:
        """Bring back what the log says was acknowledged and the disk has lost; nothing, if it can have lost nothing.

        What differs from the log then is a person's doing, even where it is what an agent once wrote.
        """
        if next(self._wal.records(), None) is None and self._wal.lost_nothing():
            return  # an empty one that lost something is begun again: it is a log of this run of the system from now on
        with contextlib.suppress(LockTimeout), self._held(_ALL, timeout=0):
            history: dict[str, list[Logged]] = {}
            for entries in self._wal.records():
                for entry in entries:
                    history.setdefault(entry.path, []).append(entry)
            if not self._wal.lost_nothing():
                self.replayed |= set(history)
                self._restore_all(history)
            sync_all(self._tree, history)
            self._wal.reset()

    def _restore_all(self, history: dict[str, list[Logged]]) -> None:
        directories = Directories(self._tree)
        try:
            restored = [path for path, life in history.items() if self._restore(path, life, directories)]
        finally:
            directories.close()
        if restored:
            _log.warning("%s: brought back %d files from the log", self._tree.root, len(restored))

    def _restore(self, path: str, life: list[Logged], directories: Directories) -> bool:
        """Whether a file had to be brought to what the log says of it."""
        raw = self._read(path)
        now = None if raw is None else revision_of(raw)
        torn = raw is not None and _is_torn(raw)
        if raw is not None and not torn and now not in _known(life):
            return False  # as a person made it since
        promised = max((at for at, entry in enumerate(life) if entry.durable), default=-1)
        reached = -1 if torn else max((at for at, entry in enumerate(life) if entry.revision == now), default=-1)
        if promised < 0 or reached >= promised:
            return False  # nothing was promised, or it is there; what came after it may be lost
        last = life[promised]
        if last.content is None:
            discard(self._tree.absolute(path))
            return True
        staged = self._placing.temporary(self._tree.new_name(0))
        parent, _, name = self._tree.absolute(path).rpartition(b"/")
        try:
            self._tree.stage(staged, last.content)
            self._placing.put(staged, parent, name, directories)
        except OSError:
            discard(staged)
            raise
        return True

    def _read(self, path: str) -> bytes | None:
        try:
            return self._tree.read(path, self._limit)
        except _GONE:
            return None
        except OSError:
            return b""


def _is_torn(raw: bytes) -> bool:
    """Whether this is no value, as what a loss of power leaves of a file."""
    try:
        values.decode(raw)
    except values.Malformed:
        return True
    return False


def _known(life: list[Logged]) -> set[str | None]:
    """What the file may hold after a loss of power: all that it ever was since the last checkpoint."""
    return {entry.revision for entry in life} | {entry.before for entry in life}


def _stripe_of(path: str) -> int | None:
    """The stripe that the maker of a staged file or record held."""
    number, dash, _ = path.rpartition("/")[2].partition("-")
    try:
        return int(number, 16) if dash and int(number, 16) < COUNT else None
    except ValueError:
        return None
