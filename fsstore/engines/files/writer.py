"""Writing a store's directory: commits under their locks, from the first look to the last rename."""

from __future__ import annotations

import errno
import logging
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

from fsstore.engines.claiming import Claiming
from fsstore.engines.files import failures, folding, layout
from fsstore.engines.files.atomic import Tree
from fsstore.engines.files.carrying import Carrier
from fsstore.engines.files.directories import Directories
from fsstore.engines.files.gate import COUNT, has_log, is_odd
from fsstore.engines.files.locks import FileLocks
from fsstore.engines.files.places import Place
from fsstore.engines.files.plans import Edited
from fsstore.engines.files.preparing import Preparing
from fsstore.engines.files.recovery import Recovery
from fsstore.engines.files.rules import SETTLED
from fsstore.engines.files.stripes import Stripe, Stripes, release
from fsstore.engines.files.work import Work
from fsstore.errors import Closed, Conflict, StoreError
from fsstore.keys import encode_namespace
from fsstore.ops import CheckScan, Expire, Op, Outcome, Put, Update, require_names
from fsstore.records import Author, Backup, Claim, Finding, Rules

_log = logging.getLogger("fsstore")

_ATTEMPTS = 100
_ENDING = (Put, Update, Expire)  # a union would be made anew for every op
_LARGE = 1024 * 1024
# What says it of a file can be replaced all the same: a link, a socket, one that is not for us to read.
_REPLACEABLE = frozenset({errno.ELOOP, errno.ENXIO, errno.EACCES, errno.EPERM})
_T = TypeVar("_T")


class FileWriter(Preparing, Claiming):
    """What can be changed in a store in a directory."""

    _locks: FileLocks

    def __init__(self, tree: Tree, marker: layout.Marker, stripes: Stripes, *, durability: str) -> None:
        super().__init__(tree, marker, stripes)
        self._durability = durability
        self._stripes = stripes
        self._locks = FileLocks(tree, self._require_store)
        self._recovery = Recovery(tree, stripes, self._intents, self._placing, self._limit)
        self._carrier = Carrier(
            tree, self._placing, self._intents, self._gate, stripes.log, self._sidecars, self._limit
        )

    def commit(
        self, ops: Sequence[Op], author: Author, *, durability: str | None = None, claim: Claim | None = None
    ) -> list[Outcome]:
        """Lock, look, stage, note, place: in that order, so that nothing changes before all is ready."""
        self._require_open()
        if claim is not None:
            with self.fenced(claim):
                return self.commit(ops, author, durability=durability)
        self._stripes.require_outside()
        for op in ops:
            if isinstance(op, _ENDING) and op.expires is not None:
                self._let_end(op.namespace, author)
        try:
            self._stripes.enter()
            power = (durability or self._durability) == "power"
            works = [Work(op, self._places.find(op.namespace, op.key)) for op in ops if not isinstance(op, CheckScan)]
            self._run(works, [op for op in ops if isinstance(op, CheckScan)], author, power=power)
        finally:
            try:
                self._stripes.exit()
            finally:
                self._stripes.exit()
        if self._stripes.log.is_due:
            self._checkpoint()
        if len(works) == len(ops):
            return [work.outcome for work in works]
        outcomes = iter([work.outcome for work in works])
        return [Outcome.HELD if isinstance(op, CheckScan) else next(outcomes) for op in ops]

    def _let_end(self, namespace: str, author: Author) -> None:
        """Let every process know that keys of this namespace may end by themselves, before one does."""
        if not self._rules.of(namespace).expires:
            self.set_rules(namespace, {"expires": True}, author)

    def set_rules(self, namespace: str, members: Mapping[str, Any], author: Author) -> Rules:
        """Change them, durably, and wait until no process believes the old ones."""
        path = layout.rules_path(namespace)
        number = self._places.stripe(path)
        by = {"agent": author.agent, "run": author.run}
        with self._failing(path), self._writing():
            os.close(self._tree.make_directories(layout.TMP))
            staged = self._placing.temporary(self._tree.new_name(number))
            held: list[Stripe] = []
            try:
                self._acquire([number], held)
                self._rules.change(namespace, members, staged, lambda line: self._append(held[0], [{**line, **by}]))
            finally:
                release(held)
        time.sleep(SETTLED)
        return self._rules.of(namespace)

    def _is_writing(self) -> bool:
        return self._stripes.is_inside()

    def backup(self, directory: str, *, new_id: bool) -> Backup:
        """Copy all records, as they are at one instant, to a directory that is not there yet, or empty."""
        from fsstore.engines.files.backup import back_up

        with self._failing(""), self._writing(), failures.told(os.path.abspath(directory)):
            return back_up(self._tree, lambda: self._holding(list(range(COUNT))), directory, new_id=new_id)

    def _mended(self, finding: Finding) -> Finding:
        """With what was done about it, if anything could be done safely."""
        from fsstore.engines.files.repair import Repair

        with self._writing():
            repair = Repair(
                self._tree, self._limit, self._places, self._holding, self._recovery.finish_dead, folds=self._folds
            )
            mended = repair.mended(finding)
        if mended.repair and has_log(self._gate.read()):
            self._checkpoint()  # so that a replay of the log does not undo it
        return mended

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """Raises `NestedWrite` where this thread is inside a write already."""
        self._stripes.require_outside()
        try:
            self._stripes.enter()
            yield
        finally:
            try:
                self._stripes.exit()
            finally:
                self._stripes.exit()

    @contextmanager
    def _holding(self, numbers: list[int]) -> Iterator[None]:
        """Keep every other writer of these stripes out."""
        held: list[Stripe] = []
        try:
            self._acquire(numbers, held)
            yield
        finally:
            try:
                release(held)
            finally:
                release(held)

    def _run(self, works: list[Work], scans: list[CheckScan], author: Author, *, power: bool) -> None:
        held: list[Stripe] = []
        directories = Directories(self._tree)
        try:
            logs = self._acquire(_stripes(works, scans), held) or power
            for _ in range(_ATTEMPTS):
                try:
                    self._attempt(works, scans, directories, lambda: self._note(works, author, held), logs, power)
                    return
                except Edited as error:
                    self._unstage(works)
                    for work in works:
                        work.forget()
                    edited = error.place
            raise self._never_still(edited)
        except BaseException as error:
            self._unstage(works)
            if isinstance(error, OSError) and not isinstance(error, StoreError):
                raise failures.other(error, self._absolute(layout.RUNTIME)) from error
            raise
        finally:
            try:
                release(held)
            finally:
                release(held)
            directories.close()

    def _attempt(
        self,
        works: list[Work],
        scans: list[CheckScan],
        directories: Directories,
        note: Callable[[], None],
        logs: bool,
        power: bool,
    ) -> None:
        for scan in scans:
            require_names(scan, self._names(scan))
        for work in works:
            self._look(work, directories, logs=logs)
        if self._folds:
            folding.refuse_twins(work.place.names for work in works if work.raw is not None)
        for work in works:
            self._stage(work)
        self._carrier.carry_out(works, directories, note, logs=logs, power=power)

    def _names(self, scan: CheckScan) -> list[str]:
        if scan.namespace is None:
            return self.namespaces()
        names = self._listings.keys(encode_namespace(scan.namespace), scan.prefix)
        ended = self._ended(scan.namespace, scan.prefix)
        return [name for name in names if name not in ended] if ended else names

    def _acquire(self, numbers: list[int], held: list[Stripe]) -> bool:
        """Lock these stripes, finishing what a dead holder left; whether writes are to be logged."""
        while True:
            try:
                self._stripes.acquire(numbers, into=held)
            except FileNotFoundError:
                self._remaking(layout.JOURNAL, lambda: self._stripes.acquire(numbers, into=held))
            counters = self._gate.read()
            if self._gate.is_quiet(counters) or not any(is_odd(counters, number) for number in numbers):
                return has_log(counters)
            release(held)
            held.clear()
            self._recovery.finish_dead(numbers)

    def _checkpoint(self) -> None:
        try:
            with self._writing():  # a signal handler that closes the store lets go of no lock in the middle
                self._recovery.checkpoint(timeout=1.0)
        except (OSError, Closed) as error:  # a stopped writer or a failing disk: the log grows until the next attempt
            _log.warning("%s: no checkpoint now: %s", self._tree.root, error)

    def _never_still(self, place: Place) -> Conflict:
        return Conflict(
            f"key {place.key!r} of namespace {place.namespace!r}: its file was changed by hand each of the {_ATTEMPTS} "
            f"times that it was about to be replaced. Try again when {self._absolute(place.path)} is at rest.",
            namespace=place.namespace,
            key=place.key,
            expected=None,
            actual=None,
        )


def _stripes(works: list[Work], scans: list[CheckScan]) -> list[int]:
    """The locks that these need, in the order in which everybody takes them; a scan needs all: keys may come."""
    if scans:
        return list(range(COUNT))
    return [works[0].place.stripe] if len(works) == 1 else sorted({work.place.stripe for work in works})
