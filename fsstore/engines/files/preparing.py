"""The first half of a commit: what it finds under its locks, and what it makes ready. It places nothing."""

from __future__ import annotations

import errno
import logging
import os
import stat
import time
from collections.abc import Callable
from typing import Any, NoReturn, TypeVar

from fsstore import values
from fsstore.engine import UNREADABLE
from fsstore.engines.files import failures, folding, layout
from fsstore.engines.files.atomic import READ, Tree, discard, read_descriptor
from fsstore.engines.files.directories import Directories
from fsstore.engines.files.noting import Noting
from fsstore.engines.files.places import Place
from fsstore.engines.files.placing import Placing
from fsstore.engines.files.sidecars import REMOVE, Keep
from fsstore.engines.files.stripes import Stripes
from fsstore.engines.files.work import Work
from fsstore.errors import StoreError
from fsstore.ops import (
    MISSING,
    Check,
    Delete,
    Expect,
    Expire,
    Outcome,
    Put,
    Update,
    Verdict,
    require_end,
    require_expected,
    require_metadata,
    require_size,
)
from fsstore.revisions import revision as revision_of

_log = logging.getLogger("fsstore")

_ATTEMPTS = 100
_LARGE = 1024 * 1024
# What says it of a file can be replaced all the same: a link, a socket, one that is not for us to read.
_REPLACEABLE = frozenset({errno.ELOOP, errno.ENXIO, errno.EACCES, errno.EPERM})
_T = TypeVar("_T")


class Preparing(Noting):
    """What a commit does under its locks before anything changes: look, plan and stage."""

    def __init__(self, tree: Tree, marker: layout.Marker, stripes: Stripes) -> None:
        super().__init__(tree, marker, stripes)
        self._placing = Placing(tree, self._require_store)
        self._weighty = min(_LARGE, self._limit)
        self._warned_of_size = False

    # -- looking -----------------------------------------------------------------------------------

    def _look(self, work: Work, directories: Directories, *, logs: bool) -> None:
        """What is there, whether it is what the op expects, and what is therefore to be done."""
        op, place = work.op, work.place
        only_status = isinstance(op, Delete) and op.expect is Expect.ANYTHING and not logs
        try:
            work.status, work.stored = self._found(work, directories, only_status=only_status)
        except OSError as error:
            self._fail(error, place)
        if work.status is not None and self._rules.may_expire(op.namespace):
            work.may_end, work.ended = True, self._sidecars.is_over(place)
        if isinstance(op, Update):
            self._decide(work, op)
            return
        if isinstance(op, Expire):
            self._plan_end(work, op)
            return
        expect = op.revision if isinstance(op, Check) else op.expect
        if expect is not Expect.ANYTHING:
            stored = work.stored
            is_there = work.status is not None and not (work.ended and not _is_of_file(op))
            actual = None if not is_there else UNREADABLE if stored is None else revision_of(stored)
            require_expected(op.namespace, op.key, expect, actual)
        if isinstance(op, Check):
            work.outcome = Outcome.HELD
            self._require_beside(op, place)
        elif isinstance(op, Delete):
            if not op.ended or (work.ended and work.status and not self._sidecars.is_outlived(place, work.status)):
                self._plan_delete(work)
        else:
            expires: float | Keep | None = op.expires
            if op.keeps and work.status is not None and not op.anew and not work.ended:
                expires = Keep.END
            self._plan_put(work, op.raw, op.metadata, expires, anew=op.anew, exact=op.exact)

    def _require_beside(self, check: Check, place: Place) -> None:
        """Raise `Conflict` if what lies beside the value is not as the check expects it."""
        if check.metadata is not None:
            require_metadata(check, self._sidecars.metadata(place))
        if check.ends:
            may_end = self._rules.may_expire(check.namespace)
            require_end(check, self._sidecars.expires(place) if may_end else None)

    def _decide(self, work: Work, op: Update) -> None:
        """Ask the function of an update what is to become of the value."""
        value = MISSING
        if work.status is not None and not work.ended:
            try:
                if work.stored is None:
                    raise values.Malformed("it cannot be read")
                value = values.decode(work.stored)
            except values.Malformed:
                value = self._look_again(work)
        wanted = op.change(value)
        if isinstance(wanted, bytes):
            exists = value is not MISSING
            self._plan_put(work, wanted, None, Keep.END if exists else op.expires)
        elif wanted is Verdict.REMOVE:
            self._plan_delete(work)
        else:
            work.outcome, work.raw, work.kept = Outcome.UNCHANGED, work.stored, work.stored

    def _look_again(self, work: Work) -> Any:
        """The value of a file that makes no sense, or not yet; raises the error of reading it."""
        place = work.place
        try:
            loaded = self._patiently(place.path, lambda: self._load(place.path, values.decode))
        except FileNotFoundError:
            work.status = work.stored = None
            return MISSING
        except (OSError, values.Malformed) as error:
            raise self._reading(error, place.namespace, place.key, place.path) from None
        work.stored, value, work.status = loaded
        return value

    def _plan_delete(self, work: Work) -> None:
        if work.status is not None:
            is_missing = work.ended and not (isinstance(work.op, Delete) and work.op.ended)
            work.outcome, work.note = Outcome.MISSING if is_missing else Outcome.DELETED, "delete"
            if self._sidecars.present(work.place):
                work.sidecar = REMOVE

    def _plan_end(self, work: Work, op: Expire) -> None:
        """Change nothing but when the key ends by itself."""
        if work.status is None or work.ended:
            return
        if work.stored is None and self._look_again(work) is MISSING:  # removed by hand just now
            return
        work.raw = work.kept = work.stored
        work.sidecar = self._sidecars.merged(work.place, None, op.expires, exists=True)
        work.outcome, work.note = (Outcome.UNCHANGED, "") if work.sidecar is None else (Outcome.UPDATED, "update")

    def _plan_put(
        self,
        work: Work,
        raw: bytes,
        metadata: Any,
        expires: float | Keep | None,
        *,
        anew: bool = False,
        exact: bool = False,
    ) -> None:
        exists = work.status is not None and not anew and not work.ended
        work.raw = raw
        if len(raw) > self._weighty:
            self._weigh(raw, work.place)
        if expires is not Keep.END and (expires is not None or (exists and work.may_end)):
            work.sidecar = self._sidecars.merged(work.place, metadata, expires, exists=exists)
        elif metadata or (not exists and (work.ended or self._sidecars.may_exist(work.place))):
            work.sidecar = self._sidecars.merged(work.place, metadata, Keep.END, exists=exists)
        stored = None if work.ended else work.stored
        if stored is not None and (stored == raw or (not exact and values.same(stored, raw))):
            work.kept = work.stored
            if work.sidecar is None:
                work.outcome = Outcome.UNCHANGED
                return
        work.outcome, work.note = (Outcome.UPDATED, "update") if exists else (Outcome.CREATED, "create")

    def _found(
        self, work: Work, directories: Directories, *, only_status: bool
    ) -> tuple[os.stat_result | None, bytes | None]:
        """The status of what lies at the key's path, and its bytes where they are wanted and can be read."""
        place = work.place
        if self._folds:
            self._refuse_collision(place)
        try:
            at = directories.find(place.parent)
            if only_status:
                status, stored = os.stat(place.name, dir_fd=at, follow_symlinks=False), None
            else:
                status, stored = self._old(place, at)
        except FileNotFoundError:
            if not directories.holds(place.parent):
                self._require_store()
            return None, None
        except NotADirectoryError:
            if isinstance(work.op, Delete | Check):
                return None, None
            raise
        if stat.S_ISDIR(status.st_mode):
            raise failures.blocked(place.namespace, place.key, self._absolute(place.path))
        return status, stored

    def _old(self, place: Place, at: int) -> tuple[os.stat_result, bytes | None]:
        """Status and bytes of a file in an open directory; no bytes of what is no file, or not to be read."""
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

    def _weigh(self, raw: bytes, place: Place) -> None:
        require_size(place.namespace, place.key, raw, self._limit)
        if not self._warned_of_size:
            self._warned_of_size = True
            _log.warning("%s: values of more than 1 MiB make every reader and every history slow", place.path)

    # -- staging ------------------------------------------------------------------------

    def _stage(self, work: Work) -> None:
        """Write the new files, beside their places."""
        number, status = work.place.stripe, work.status
        try:
            if work.note and work.raw is not None and work.kept is None:
                like = status if status is not None and stat.S_ISREG(status.st_mode) else None
                work.staged = self._tree.new_name(number)
                self._stage_file(work.staged, work.raw, like)
            if work.sidecar:
                work.staged_sidecar = self._tree.new_name(number)
                self._stage_file(work.staged_sidecar, work.sidecar, None)
        except OSError as error:
            self._fail(error, work.place)
        work.time = time.time()

    def _stage_file(self, name: str, raw: bytes, like: os.stat_result | None) -> None:
        path = self._placing.temporary(name)
        try:
            self._tree.stage(path, raw, like)
        except FileNotFoundError:
            self._remaking(layout.TMP, lambda: self._tree.stage(path, raw, like))

    def _unstage(self, works: list[Work]) -> None:
        if any(work.record and self._intents.is_there(work.record) for work in works):
            return  # whoever finds the record needs the files
        for work in works:
            for name in (work.staged, work.staged_sidecar):
                if name:
                    discard(self._placing.temporary(name))
            work.staged = work.staged_sidecar = ""

    def _fail(self, error: OSError, place: Place) -> NoReturn:
        if isinstance(error, StoreError):
            raise error  # not "from" itself
        raise failures.writing(error, place.namespace, place.key, self._absolute(place.path)) from error

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


def _is_of_file(op: Put | Delete | Check) -> bool:
    """Whether an op expects something of the file, also where the key has ended by itself."""
    return not isinstance(op, Check) and op.by_file
