"""Writing a store's directory: each record replaced whole, under its key's lock, and noted in the journal."""

from __future__ import annotations

import errno
import logging
import os
import stat
import time
from collections.abc import Callable, Sequence
from typing import Any, NoReturn, TypeVar

from fsstore import values
from fsstore.engine import Delete, Expect, Op, Outcome, Put, require_expected, require_size
from fsstore.engines.files import failures, folding, layout
from fsstore.engines.files.atomic import READ, Tree, discard, read_descriptor
from fsstore.engines.files.directories import Directories
from fsstore.engines.files.places import Place
from fsstore.engines.files.reader import FileReader
from fsstore.engines.files.sidecars import REMOVE
from fsstore.engines.files.stripes import Stripe, Stripes, release
from fsstore.engines.files.work import Work
from fsstore.errors import StoreError
from fsstore.records import Author
from fsstore.revisions import revision as revision_of

_log = logging.getLogger("fsstore")

_ATTEMPTS = 100  # a directory made for a file can be gone before the file arrives
_LARGE = 1024 * 1024
# What says it of a file can be replaced all the same: a link, a socket, one that is not for us to read.
_REPLACEABLE = frozenset({errno.ELOOP, errno.ENXIO, errno.EACCES, errno.EPERM})
_T = TypeVar("_T")


class FileWriter(FileReader):
    """What can be changed in a store in a directory."""

    def __init__(self, tree: Tree, marker: layout.Marker, stripes: Stripes) -> None:
        super().__init__(tree, marker)
        self._stripes = stripes
        self._tmp = tree.absolute(layout.TMP)
        self._weighty = min(_LARGE, self._limit)
        self._warned_of_size = False

    def commit(self, ops: Sequence[Op], author: Author) -> list[Outcome]:
        """Lock, look, stage, note, place: in that order, so that nothing changes before all is ready."""
        self._require_open()
        works = [Work(op, self._places.find(op.namespace, op.key)) for op in ops]
        directories = Directories(self._tree)
        held: list[Stripe] = []
        try:
            self._acquire(_stripes(works), held)
            for work in works:
                self._look(work, directories)
            if self._folds:
                folding.refuse_twins(work.place.names for work in works if isinstance(work.op, Put))
            for work in works:
                self._stage(work)
            self._note(works, author, held)
            self._apply(works, directories)
        except BaseException as error:
            for work in works:
                for staged in (work.staged, work.staged_sidecar):
                    if staged is not None:
                        discard(staged)
            if isinstance(error, OSError) and not isinstance(error, StoreError):
                raise failures.other(error, self._absolute(layout.RUNTIME)) from error
            raise
        finally:
            release(held)
            directories.close()
        return [work.outcome for work in works]

    def _acquire(self, numbers: list[int], held: list[Stripe]) -> None:
        try:
            self._stripes.acquire(numbers, into=held)
        except FileNotFoundError:
            self._remaking(layout.JOURNAL, lambda: self._stripes.acquire(numbers, into=held))

    def _remaking(self, directory: str, act: Callable[[], _T]) -> _T:
        """Do what needs a runtime directory, which a person may remove at any time."""
        for _ in range(_ATTEMPTS):
            self._require_store()
            try:
                os.close(self._tree.make_directories(directory))
                return act()
            except FileNotFoundError:
                continue
        return act()

    # -- looking -----------------------------------------------------------------------------------

    def _look(self, work: Work, directories: Directories) -> None:
        """What is there, whether it is what the op expects, and what is therefore to be done."""
        op, place = work.op, work.place
        try:
            status, stored = self._found(op, place, directories)
        except OSError as error:
            self._fail(error, place)
        work.status = status
        if op.expect is not Expect.ANYTHING:
            actual = None if status is None else "unreadable" if stored is None else revision_of(stored)
            require_expected(op, actual)
        if isinstance(op, Put):
            self._plan_put(work, op, stored)
        elif status is not None:
            work.outcome, work.note = Outcome.DELETED, "delete"
            if self._sidecars.present(place):
                work.sidecar = REMOVE

    def _plan_put(self, work: Work, op: Put, stored: bytes | None) -> None:
        exists = work.status is not None
        if len(op.raw) > self._weighty:
            self._weigh(op, work.place)
        if op.metadata or (not exists and self._sidecars.may_exist(work.place)):
            work.sidecar = self._sidecars.merged(work.place, op.metadata, exists=exists)
        if stored is not None and values.same(stored, op.raw):
            work.kept = stored
            if work.sidecar is None:
                work.outcome = Outcome.UNCHANGED
                return
        work.outcome, work.note = (Outcome.UPDATED, "update") if exists else (Outcome.CREATED, "create")

    def _found(self, op: Op, place: Place, directories: Directories) -> tuple[os.stat_result | None, bytes | None]:
        """The status of what lies at the key's path, and its bytes where they are wanted and can be read."""
        if self._folds:
            self._refuse_collision(place)
        try:
            at = directories.find(place.parent)
            if isinstance(op, Delete) and op.expect is Expect.ANYTHING:
                status, stored = os.stat(place.name, dir_fd=at, follow_symlinks=False), None
            else:
                status, stored = self._old(place, at)
        except FileNotFoundError:
            if not directories.holds(place.parent):
                self._require_store()
            return None, None
        except NotADirectoryError:
            if isinstance(op, Delete):
                return None, None
            raise
        if stat.S_ISDIR(status.st_mode):
            raise failures.blocked(place.namespace, place.key, self._absolute(place.path))
        return status, stored

    def _old(self, place: Place, at: int) -> tuple[os.stat_result, bytes | None]:
        try:
            fd = os.open(place.name, READ, dir_fd=at)
        except OSError as error:
            if error.errno not in _REPLACEABLE:
                raise
            return os.stat(place.name, dir_fd=at, follow_symlinks=False), None
        try:
            status = os.fstat(fd)
            readable = stat.S_ISREG(status.st_mode) and status.st_size <= self._limit
            return status, read_descriptor(fd, self._limit) if readable else None
        finally:
            os.close(fd)

    def _refuse_collision(self, place: Place) -> None:
        other = folding.other_name(self._tree, place.path)
        if other is not None:
            raise folding.collision(place.namespace, place.key, other)

    def _weigh(self, op: Put, place: Place) -> None:
        require_size(op, self._limit)
        if not self._warned_of_size:
            self._warned_of_size = True
            _log.warning("%s: values of more than 1 MiB make every reader and every history slow", place.path)

    # -- staging and noting ------------------------------------------------------------------------

    def _stage(self, work: Work) -> None:
        op, status = work.op, work.status
        if not isinstance(op, Delete) and work.kept is None:
            try:
                like = status if status is not None and stat.S_ISREG(status.st_mode) else None
                work.staged = self._tree.new_path(self._tmp)
                self._stage_file(work.staged, op.raw, like)
            except OSError as error:
                self._fail(error, work.place)
        if work.sidecar:
            try:
                work.staged_sidecar = self._tree.new_path(self._tmp)
                self._stage_file(work.staged_sidecar, work.sidecar, None)
            except OSError as error:
                self._fail(error, work.place)
        work.time = time.time()

    def _stage_file(self, path: bytes, raw: bytes, like: os.stat_result | None) -> None:
        try:
            self._tree.stage(path, raw, like)
        except FileNotFoundError:
            self._remaking(layout.TMP, lambda: self._tree.stage(path, raw, like))

    def _note(self, works: list[Work], author: Author, held: list[Stripe]) -> None:
        """Write the journal lines of what is about to be done."""
        lines: dict[int, list[dict[str, Any]]] = {}
        for work in works:
            if not work.note:
                continue
            line = {
                "op": work.note,
                "path": work.place.path,
                "revision": revision_of(work.kept or work.op.raw) if isinstance(work.op, Put) else None,
                "was": None if work.status is None else work.status.st_mtime,
                "agent": author.agent,
                "run": author.run,
                "time": work.time,
            }
            lines.setdefault(work.place.stripe, []).append(line)
        for stripe in held:
            if of_stripe := lines.get(stripe.number):
                self._append(stripe, of_stripe)

    def _append(self, stripe: Stripe, lines: list[dict[str, Any]]) -> None:
        try:
            self._journal.append(stripe, lines)
        except OSError as error:
            if any(line["op"] != "delete" for line in lines):
                raise failures.other(error, self._absolute(layout.JOURNAL)) from error
            _log.warning("deleted, but not noted who did it: %s", error)  # deletes must work on a full disk

    # -- placing and removing ----------------------------------------------------------------------

    def _apply(self, works: list[Work], directories: Directories) -> None:
        for work in works:
            self._apply_one(work, directories)
        if len(works) != 1 or works[0].is_large:
            self._follow(works, directories)
        if directories.emptied:
            directories.prune()

    def _apply_one(self, work: Work, directories: Directories) -> None:
        place = work.place
        try:
            if work.staged is not None:
                if work.sidecar is not None:
                    self._apply_sidecar(work, directories)
                self._put(work.staged, place.parent, place.name, directories)
            elif work.outcome is Outcome.DELETED:
                _remove(place.absolute, directories)
                if work.sidecar is not None:
                    _remove(place.sidecar, directories)
            elif work.sidecar is not None:
                self._apply_sidecar(work, directories)
        except OSError as error:
            self._fail(error, place)

    def _apply_sidecar(self, work: Work, directories: Directories) -> None:
        place = work.place
        if work.staged_sidecar is None:
            _remove(place.sidecar, directories)
            return
        parent, _, name = place.sidecar.rpartition(b"/")
        self._put(work.staged_sidecar, parent, name, directories)
        self._sidecars.appeared(place)

    def _put(self, staged: bytes, parent: bytes, name: bytes, directories: Directories) -> None:
        """Rename a staged file into its place: before it readers see the old file, after it the new one."""
        for attempt in range(_ATTEMPTS):
            try:
                os.rename(staged, name, dst_dir_fd=directories.make(parent))
            except FileNotFoundError:
                self._require_store()
                if attempt == _ATTEMPTS - 1:
                    raise
                directories.forget(parent)
            else:
                return

    def _follow(self, works: list[Work], directories: Directories) -> None:
        """Write again what went into directories that a person moved away in the middle of a long commit."""
        while moved := {path for path in {work.place.parent for work in works} if directories.moved(path)}:
            for path in moved:
                directories.forget(path)
            for work in works:
                if work.staged is not None and work.place.parent in moved:
                    self._stage(work)
                    self._apply_one(work, directories)

    def _fail(self, error: OSError, place: Place) -> NoReturn:
        if isinstance(error, StoreError):
            raise error  # not "from" itself
        raise failures.writing(error, place.namespace, place.key, self._absolute(place.path)) from error


def _stripes(works: list[Work]) -> list[int]:
    """The locks that these need, in the order in which everybody takes them."""
    return [works[0].place.stripe] if len(works) == 1 else sorted({work.place.stripe for work in works})


def _remove(target: bytes, directories: Directories) -> None:
    parent, _, name = target.rpartition(b"/")
    try:
        os.unlink(name, dir_fd=directories.find(parent))
    except FileNotFoundError:  # somebody else was faster
        return
    directories.emptied.add(parent)
