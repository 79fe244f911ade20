"""The second half of a commit: staged files go into their places, all or none. It decides nothing about values.

One file is replaced by its rename alone. Several are written down first (`intents`), so that readers see all or
nothing and whoever finds the writer dead can finish. Durability "power" writes the new contents to the log
and syncs it once before anything is visible.
"""

from __future__ import annotations

import errno
import logging
import os
from collections.abc import Callable

from fsstore.engines.files import failures, layout
from fsstore.engines.files.atomic import Tree, discard
from fsstore.engines.files.directories import Directories
from fsstore.engines.files.durable import sync_all
from fsstore.engines.files.gate import Gate
from fsstore.engines.files.intents import Intents
from fsstore.engines.files.log import Log
from fsstore.engines.files.places import Place
from fsstore.engines.files.placing import Placing
from fsstore.engines.files.plans import Plan, Planning
from fsstore.engines.files.sidecars import Sidecars
from fsstore.engines.files.work import Work
from fsstore.errors import StoreError
from fsstore.ops import Check

_log = logging.getLogger("fsstore")
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


class Carrier:
    """Carries out what commits have made ready."""

    def __init__(
        self, tree: Tree, placing: Placing, intents: Intents, gate: Gate, log: Log, sidecars: Sidecars, limit: int
    ) -> None:
        self._tree = tree
        self._placing = placing
        self._planning = Planning(tree, placing, limit)
        self._intents = intents
        self._gate = gate
        self._wal = log
        self._sidecars = sidecars
        self._limit = limit

    def carry_out(
        self, works: list[Work], directories: Directories, note: Callable[[], None], *, logs: bool, power: bool
    ) -> None:
        """Make it so. Raises `Edited`, or what the system says, with nothing changed.

        ``note`` writes who did it. ``logs``: the log is in use. The caller holds the locks.
        """
        # What has ended goes together with its end: a reader between the two would take it for a key that lasts.
        if len(works) == 1 and not (works[0].sidecar is not None and (works[0].raw is not None or works[0].ended)):
            self._one(works[0], directories, note, logs=logs, power=power)
        else:
            self._several(works, directories, note, logs=logs, power=power)
        if directories.emptied:
            directories.prune()

    # -- one file ----------------------------------------------------------------------------------

    def _one(self, work: Work, directories: Directories, note: Callable[[], None], *, logs: bool, power: bool) -> None:
        stripes, logged = [work.place.stripe], -1
        try:
            if logs and (power or work.note):
                self._gate.begin(stripes)
                logged = self._append([work], power=power)
            if work.note:
                note()
            if work.is_guarded:
                self._planning.require_same(work, directories)
            self._apply_one(work, directories)
            if work.is_large:
                self._follow([work], directories)
        except BaseException:
            if logged >= 0:
                self._wal.void(logged)
            raise
        finally:
            if logs:
                self._gate.end(stripes)

    def _apply_one(self, work: Work, directories: Directories) -> None:
        place = work.place
        try:
            if work.staged:
                try:
                    self._placing.put(self._placing.temporary(work.staged), place.parent, place.name, directories)
                except FileNotFoundError:  # a person removed `.fsstore`: what is to be there is still in memory
                    self._stage_again(work, work.staged)
                    self._placing.put(self._placing.temporary(work.staged), place.parent, place.name, directories)
                if work.sidecar is not None:
                    self._apply_sidecar(work, directories)
            elif work.removes:
                _remove(place.absolute, directories)
                if work.sidecar is not None:
                    _remove(place.sidecar, directories)
            elif work.sidecar is not None:
                self._apply_sidecar(work, directories)
        except OSError as error:
            raise self._failure(error, place) from error

    def _stage_again(self, work: Work, name: str) -> None:
        """Write a staged file again, if somebody removed it, perhaps with the directory that it lay in."""
        path = self._placing.temporary(name)
        if not self._tree.exists(path):
            os.close(self._tree.make_directories(layout.TMP))
            raw, like = (work.raw, work.status) if name == work.staged else (work.sidecar, None)
            self._tree.stage(path, raw or b"", like)

    def _apply_sidecar(self, work: Work, directories: Directories) -> None:
        place = work.place
        if not work.staged_sidecar:
            _remove(place.sidecar, directories)
            return
        parent, _, name = place.sidecar.rpartition(b"/")
        self._placing.put(self._placing.temporary(work.staged_sidecar), parent, name, directories)
        self._sidecars.appeared(place)

    def _follow(self, works: list[Work], directories: Directories) -> None:
        """Write again what went into directories that a person moved away in the middle of a long commit."""
        while moved := {path for path in {work.place.parent for work in works} if directories.moved(path)}:
            for path in moved:
                directories.forget(path)
            for work in works:
                if work.staged and work.raw is not None and work.place.parent in moved:
                    self._tree.stage(self._placing.temporary(work.staged), work.raw, work.status)
                    self._apply_one(work, directories)

    # -- several files -----------------------------------------------------------------------------

    def _several(
        self, works: list[Work], directories: Directories, note: Callable[[], None], *, logs: bool, power: bool
    ) -> None:
        changing = [work for work in works if work.note]
        entries = [entry for work in changing for entry in self._planning.entries(work)]
        stripes = sorted({work.place.stripe for work in (works if power else changing)})
        plan = Plan(self._tree.new_name(stripes[0]) if stripes else "", stripes, entries, changing)
        try:
            self._decide(plan, works, directories, note, logs=logs, power=power)
        except BaseException as error:
            self._give_up(plan)
            if isinstance(error, OSError) and error.errno in _FULL and all(entry.staged is None for entry in entries):
                self._remove_all(changing, directories, power=power)
                return
            raise
        try:
            self._place_all(plan, directories)
        except BaseException:
            self._take_back(plan, directories)
            raise
        self._conclude(plan)

    def _decide(
        self,
        plan: Plan,
        works: list[Work],
        directories: Directories,
        note: Callable[[], None],
        *,
        logs: bool,
        power: bool,
    ) -> None:
        """Everything up to the commit point, which is the last step."""
        if plan.stripes:
            self._gate.begin(plan.stripes)
        if logs:
            plan.logged = self._append(works, power=power)
        if plan.works:
            note()
        for work in works:
            if work.is_guarded:
                self._planning.require_same(work, directories)
        if plan.entries:
            self._make_directories(plan.works, directories)
            for work in plan.works:
                work.record = plan.name
            self._publish(plan)

    def _make_directories(self, works: list[Work], directories: Directories) -> None:
        """What can fail for want of room or permission is to fail before the commit point."""
        for work in works:
            try:
                if work.staged:
                    directories.make(work.place.parent)
                if work.staged_sidecar:
                    directories.make(work.place.sidecar.rpartition(b"/")[0])
            except OSError as error:
                raise self._failure(error, work.place) from error

    def _publish(self, plan: Plan) -> None:
        try:
            self._intents.publish(plan.name, plan.stripes, plan.entries)
        except FileNotFoundError:
            self._intents.make_directories()
            self._intents.publish(plan.name, plan.stripes, plan.entries)

    def _give_up(self, plan: Plan) -> None:
        """Before the commit point: as if nothing had been."""
        if plan.logged >= 0:
            self._wal.void(plan.logged)
        if plan.stripes:
            self._intents.retract(plan.name)
            self._gate.end(plan.stripes)

    def _remove_all(self, works: list[Work], directories: Directories, *, power: bool) -> None:
        """Deletes must work on a full disk, where the record of the commit has no room."""
        _log.warning("%s is full: %d keys are deleted one after the other", self._tree.root, len(works))
        for work in works:
            self._apply_one(work, directories)
        if power:
            sync_all(self._tree, [work.place.path for work in works])

    def _place_all(self, plan: Plan, directories: Directories) -> None:
        """After the commit point: all files into their places."""
        places = {work.place.path: work.place for work in plan.works}
        for entry in plan.entries:
            try:
                try:
                    self._placing.apply(entry, directories)
                except FileNotFoundError:  # a person removed `.fsstore`: what is to be there is still in memory
                    os.close(self._tree.make_directories(layout.TMP))  # what is there is to be kept until the end
                    for work in plan.works:
                        if entry.staged is not None and entry.staged in (work.staged, work.staged_sidecar):
                            self._stage_again(work, entry.staged)
                    self._placing.apply(entry, directories)
            except OSError as error:
                raise self._failure(error, places.get(entry.path)) from error
        self._follow(plan.works, directories)

    def _conclude(self, plan: Plan) -> None:
        for work in plan.works:
            if work.staged_sidecar:
                self._sidecars.appeared(work.place)
        try:
            if plan.entries:
                self._gate.begin(plan.stripes)
                self._intents.retract(plan.name)
        except OSError as error:
            _log.warning("%s: a commit is done, its record is left to the next writer: %s", self._tree.root, error)
            return
        if plan.stripes:
            self._gate.end(plan.stripes)
        for entry in plan.entries:
            if entry.was is not None:
                discard(self._placing.temporary(entry.old))

    def _take_back(self, plan: Plan, directories: Directories) -> None:
        """Put back what was there; if that fails too, whoever comes next finishes one way or the other."""
        try:
            name = self._intents.reverse(plan.name)
            for entry in reversed(plan.entries):
                self._placing.undo(entry, directories)
            if plan.logged >= 0:
                self._wal.void(plan.logged)
            self._gate.begin(plan.stripes)
            self._intents.retract(name)
            self._gate.end(plan.stripes)
        except BaseException as error:
            for work in plan.works:  # whoever finds the record needs the files
                work.staged = work.staged_sidecar = ""
            _log.error("%s: a commit could be neither finished nor taken back yet: %s", self._tree.root, error)
            if not isinstance(error, Exception):
                raise

    # -- the log, and errors -------------------------------------------------------------------

    def _append(self, works: list[Work], *, power: bool) -> int:
        """Log what the commit makes of its files, and with "power" sync it."""
        logged = [
            entry
            for work in works
            if not isinstance(work.op, Check)
            for entry in self._planning.logged(work, power=power)
        ]
        if not logged:
            return -1
        at = self._wal.append(logged)
        if power:
            try:
                self._wal.sync(at)
            except BaseException:
                self._wal.void(at)
                raise
        return at

    def _failure(self, error: OSError, place: Place | None) -> StoreError:
        if isinstance(error, StoreError):
            return error
        if place is None:
            return failures.other(error, self._tree.root)
        return failures.writing(error, place.namespace, place.key, f"{self._tree.root}/{place.path}")


def _remove(target: bytes, directories: Directories) -> None:
    parent, _, name = target.rpartition(b"/")
    try:
        os.unlink(name, dir_fd=directories.find(parent))
    except FileNotFoundError:  # somebody else was faster
        return
    directories.emptied.add(parent)
