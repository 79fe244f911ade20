"""The memory engine: the contract in a dictionary, for tests and for state that need not last. No files."""

from __future__ import annotations

import os
import threading
import time
import weakref
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from fsstore import values
from fsstore.engine import Capabilities, nested
from fsstore.engines.claiming import Claiming
from fsstore.engines.held import MemoryLocks
from fsstore.engines.memory_cursors import MemoryCursor, MemoryCursors
from fsstore.engines.memory_feed import Cell, MemoryFeed, has_ended
from fsstore.engines.memory_reading import MemoryReading
from fsstore.engines.memory_runs import MemoryRuns
from fsstore.errors import InvalidValue, Unsupported
from fsstore.keys import path_of
from fsstore.ops import (
    MAX_VALUE_BYTES,
    MISSING,
    Check,
    CheckScan,
    Delete,
    Expire,
    Op,
    Outcome,
    Put,
    Update,
    Verdict,
    require_end,
    require_expected,
    require_metadata,
    require_names,
    require_size,
)
from fsstore.records import NO_RULES, Author, Backup, Claim, Finding, Rules, Run, Undone
from fsstore.revisions import revision as revision_of


class MemoryEngine(MemoryReading, Claiming):
    """A store in this process alone; a forked child goes on with a copy, as it was at that instant."""

    _locks: MemoryLocks

    def __init__(self, *, read_only: bool = False, credentials: str = "off") -> None:
        super().__init__()
        self.capabilities = Capabilities(
            read_only="it was opened with read_only=True" if read_only else "",
            durability=frozenset({"process"}),
            credentials=credentials,
        )
        self.place = f":memory:{id(self)}"
        self.identity = None
        self._commits = 0
        self._writing = False
        self._locks = MemoryLocks()
        self._runs: MemoryRuns[Cell] = MemoryRuns()
        self._feed = MemoryFeed(self._cells, self._lock)
        self._cursors = MemoryCursors()
        self._rules: dict[str, Rules] = {}
        _all.add(self)

    def rules(self, namespace: str) -> Rules:
        """Those that were set."""
        self._require_open()
        return self._rules.get(namespace, NO_RULES)

    def set_rules(self, namespace: str, members: Mapping[str, Any], author: Author) -> Rules:
        """Change them."""
        with self._lock:
            self._require_open()
            path_of(namespace, "")
            changed = values.decode(values.encode({**self.rules(namespace).members, **members}))
            rules = Rules({name: value for name, value in changed.items() if value is not None})
            self._rules[namespace] = rules
            return rules

    def moment(self) -> object:
        """The number of commits of several keys."""
        self._require_open()
        return self._commits

    def traces(self, namespace: str) -> None:
        """Nothing: to look at all is quick here."""

    def check(self, *, fix: bool = False) -> Iterator[Finding]:
        """Nothing: nobody but this engine writes here."""
        self._require_open()
        yield from ()

    def commit(
        self, ops: Sequence[Op], author: Author, *, durability: str | None = None, claim: Claim | None = None
    ) -> list[Outcome]:
        """All or nothing, under one lock."""
        if claim is not None:
            with self.fenced(claim):
                return self.commit(ops, author, durability=durability)
        with self._lock:
            self._require_open()
            if self._writing:  # the lock lets this thread in again
                raise nested("a store in memory")
            self._writing = True
            try:
                changes = [self._checked(op) for op in ops]
                now = time.time()
                names = [(op.namespace, op.key) for op in changes if isinstance(op, Put | Delete | Expire)]
                before = self._feed.before(names)
                with _no_fork:
                    self._commits += len(ops) > 1
                    if self._runs:
                        self._runs.keep(author.run, [(name, self._cell(*name)) for name in names])
                    for op in changes:
                        if isinstance(op, Put | Expire) and op.expires is not None:
                            self._rules[op.namespace] = Rules(
                                {**self._rules.get(op.namespace, NO_RULES).members, "expires": True}
                            )
                    outcomes = [Outcome.HELD if op is None else self._do(op, author, now) for op in changes]
                self._feed.tell(before, author, now)
                return outcomes
            finally:
                self._writing = False
                if self._closed:
                    self._cells.clear()

    def _checked(self, op: Op) -> Put | Delete | Expire | Outcome | None:
        """What an op comes to, if all that it expects is so."""
        if isinstance(op, CheckScan):
            require_names(op, self.namespaces() if op.namespace is None else self.keys(op.namespace, op.prefix))
            return None
        cell = self._at(op.namespace, op.key)
        revision = None if cell is None else revision_of(cell.raw)
        if isinstance(op, Check):
            require_expected(op.namespace, op.key, op.revision, revision)
            require_metadata(op, {} if cell is None else cell.metadata)
            require_end(op, None if cell is None else cell.expires)
            return None
        if isinstance(op, Update):
            return self._decided(op, cell)
        if isinstance(op, Expire):
            return Outcome.MISSING if cell is None else op
        if isinstance(op, Delete) and op.ended and cell is not None:
            return Outcome.MISSING
        if isinstance(op, Put):
            require_size(op.namespace, op.key, op.raw, MAX_VALUE_BYTES)
            if op.exact:
                _require_value(op)
        require_expected(op.namespace, op.key, op.expect, revision)
        return op

    def _decided(self, op: Update, cell: Cell | None) -> Put | Delete | Outcome:
        wanted = op.change(MISSING if cell is None else values.decode(cell.raw))
        if isinstance(wanted, bytes):
            require_size(op.namespace, op.key, wanted, MAX_VALUE_BYTES)
            return Put(op.namespace, op.key, wanted, expires=op.expires if cell is None else cell.expires)
        return Delete(op.namespace, op.key) if wanted is Verdict.REMOVE else Outcome.UNCHANGED

    def _is_writing(self) -> bool:
        return self._writing and bool(self._lock._is_owned())  # type: ignore[attr-defined]

    def begin_run(self, run: Run) -> None:
        """Note a run that begins."""
        with self._lock:
            self._require_open()
            self._runs.begin(run)

    def end_run(self, run: Run) -> None:
        """Forget the run."""
        with self._lock:
            self._runs.end(run)

    def undo_run(self, run: Run) -> Undone:
        """Put back what its keys were."""
        with self._lock:
            images, left = self._runs.images(run)
            before = self._feed.before(images)
            with _no_fork:
                for (namespace, key), cell in images.items():
                    if cell is None:
                        self._cells.get(namespace, {}).pop(key, None)
                    else:
                        self._cells.setdefault(namespace, {})[key] = cell
            self._feed.tell(before, Author(run.agent, run.id, undoing=run.id), time.time())
            return Undone(list(images), left)

    def feed(self) -> MemoryFeed:
        """The changes, in the order of the commits."""
        self._require_open()
        return self._feed

    def cursor(self, name: str) -> MemoryCursor:
        """The cursor of this name."""
        with self._lock:
            self._require_open()
            return self._cursors.open(name)

    def backup(self, directory: str, *, new_id: bool) -> Backup:
        """There are no files to copy."""
        self._require_open()
        raise Unsupported("a store in memory has no files to copy. Open one on disk, and set its keys.", path=directory)

    def close(self) -> None:
        """Forget everything; inside a write, that is in the function of an update or a signal handler, at its end."""
        self._closed = True
        self._feed.end()
        self._locks.close()
        with self._lock:
            if not self._writing:
                self._cells.clear()

    def start_over(self) -> None:
        """In a forked child: the parent's threads are not here to release their lock."""
        self._lock = threading.RLock()
        self._writing = False
        self._locks.start_over()
        self._feed.start_over(self._lock)
        self._cursors.start_over()

    def _do(self, op: Put | Delete | Expire | Outcome, author: Author, now: float) -> Outcome:
        if isinstance(op, Outcome):
            return op
        if isinstance(op, Delete):
            return self._delete(op, now)
        return self._put(op, author, now) if isinstance(op, Put) else self._end(op, author, now)

    def _end(self, op: Expire, author: Author, now: float) -> Outcome:
        cell = self._cells[op.namespace][op.key]
        if cell.expires == op.expires:
            return Outcome.UNCHANGED
        self._cells[op.namespace][op.key] = cell._replace(expires=op.expires, updated_at=now, updated_by=author.agent)
        return Outcome.UPDATED

    def _put(self, op: Put, author: Author, now: float) -> Outcome:
        cells = self._cells.setdefault(op.namespace, {})
        old = None if op.anew else cells.get(op.key)
        if old is not None and has_ended(old, now):
            old = None
        if op.keeps and old is not None:
            op = op._replace(expires=old.expires)
        given = values.decode(values.encode(dict(op.metadata or {})))
        metadata = given if old is None else {**old.metadata, **given}
        if old is None:
            cells[op.key] = Cell(op.raw, metadata, now, author.agent, now, author.agent, op.expires)
            return Outcome.CREATED
        if old.raw == op.raw and old.expires == op.expires and values.encode(old.metadata) == values.encode(metadata):
            return Outcome.UNCHANGED
        cells[op.key] = Cell(op.raw, metadata, old.created_at, old.created_by, now, author.agent, op.expires)
        return Outcome.UPDATED

    def _delete(self, op: Delete, now: float) -> Outcome:
        cell = self._cells.get(op.namespace, {}).pop(op.key, None)
        return Outcome.MISSING if cell is None or (has_ended(cell, now) and not op.ended) else Outcome.DELETED


def _require_value(op: Put) -> None:
    """Files may hold what is no value; this is no place for it."""
    try:
        values.decode(op.raw)
    except values.Malformed as error:
        raise InvalidValue(
            f"key {op.key!r} of namespace {op.namespace!r} was not set: a store in memory holds JSON values alone "
            f"({error.reason}). Use a store on disk.",
            json_path="$",
        ) from None


_all: weakref.WeakSet[MemoryEngine] = weakref.WeakSet()
_no_fork = threading.RLock()
"""Held while a commit is carried out: a child that began in the middle of it would have half of it for ever.

It is not a store's own lock, under which functions of callers run, which may wait for whoever forks.
"""


def _before_fork() -> None:
    _no_fork.acquire()


def _after_fork_in_parent() -> None:
    _no_fork.release()


def _after_fork_in_child() -> None:
    global _no_fork
    _no_fork = threading.RLock()
    for engine in list(_all):
        engine.start_over()


os.register_at_fork(before=_before_fork, after_in_parent=_after_fork_in_parent, after_in_child=_after_fork_in_child)
