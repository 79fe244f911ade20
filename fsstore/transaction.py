"""A transaction is an engine over an engine: it gathers writes, sees them itself, and commits once. It stores nothing.

Optimistic concurrency control with backward validation (Kung and Robinson, 1981): what was read and listed is
remembered by revision and by name, and checked under the locks of the commit. So that no function decides on
half of somebody else's commit, reads are also checked against one another whenever one came between.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, NoReturn

from fsstore import values
from fsstore.engine import Capabilities, Content, Engine, Stored, nested
from fsstore.errors import Closed, StoreError, Unsupported
from fsstore.footprint import Footprint
from fsstore.gathered import Gathered
from fsstore.keys import path_of
from fsstore.ops import (
    MISSING,
    Check,
    CheckScan,
    Delete,
    Expect,
    Expire,
    Op,
    Outcome,
    Put,
    Update,
    Verdict,
    require_expected,
    require_metadata,
    require_names,
)
from fsstore.records import Author, Backup, Claim, Finding, Holder, Record, Rules, Usage


class TransactionEngine:
    """One transaction. It is not shared between threads."""

    def __init__(self, base: Engine) -> None:
        self._base = base
        self._footprint = Footprint(base)
        self._gathered = Gathered()
        self._claims: list[Claim] = []
        self._updating = False
        self._over = False

    @property
    def place(self) -> str:
        """That of the engine below."""
        return self._base.place

    @property
    def capabilities(self) -> Capabilities:
        """Those of the engine below."""
        return self._base.capabilities

    # -- reading -----------------------------------------------------------------------------------

    def contents(self, namespace: str, keys: Sequence[str]) -> dict[str, Content]:
        """Own writes first; of all else the revision is remembered."""
        self._require_open()
        written = self._gathered.writes
        others = [key for key in keys if (namespace, key) not in written]
        below = self._base.contents(namespace, others) if others else {}
        self._footprint.add(namespace, others, below)
        found = {key: self._gathered.content((namespace, key)) or below.get(key) for key in keys}
        return {key: content for key, content in found.items() if content is not None}

    def get(self, namespace: str, keys: Sequence[str]) -> dict[str, Any]:
        """Values, own writes first."""
        return {key: content.value for key, content in self.contents(namespace, keys).items()}

    def has(self, namespace: str, key: str) -> bool:
        """Is the key there?"""
        return key in self.contents(namespace, (key,))

    def keys(self, namespace: str, prefix: str = "") -> list[str]:
        """The sorted keys, remembered as they are below."""
        self._require_open()
        names = self._base.keys(namespace, prefix)
        self._footprint.add_names(namespace, prefix, names)
        return sorted(self._gathered.put_into(namespace, prefix, dict.fromkeys(names)))

    def scan(self, namespace: str, prefix: str = "", after: str | None = None) -> Iterator[tuple[str, Any]]:
        """Keys in order with their values."""
        for key in self.keys(namespace, prefix):
            if after is None or key > after:
                yield from self.get(namespace, (key,)).items()

    def all_contents(self, namespace: str, prefix: str = "") -> dict[str, Content]:
        """All keys and revisions, remembered as they are below."""
        self._require_open()
        below = self._base.all_contents(namespace, prefix)
        self._footprint.add_names(namespace, prefix, sorted(below))
        self._footprint.add(namespace, list(below), below)
        return dict(sorted(self._gathered.put_into(namespace, prefix, dict(below)).items()))

    def read_all(self, namespace: str, prefix: str = "") -> dict[str, Any]:
        """All values."""
        return {key: content.value for key, content in self.all_contents(namespace, prefix).items()}

    def record(self, namespace: str, key: str) -> Record | None:
        """The record as it will be."""
        self._require_open()
        below = self._base.record(namespace, key)
        self._footprint.add(namespace, [key], {} if below is None else {key: Content(below.value, below.revision)})
        if below is not None:
            self._footprint.add_record(below)
        return self._gathered.record(namespace, key, below)

    def usage(self, namespace: str) -> Usage:
        """Number and size of the namespace's records, as fsstore writes them."""
        found = self.read_all(namespace).values()
        sizes = [0 if isinstance(value, StoreError) else len(values.encode(value)) for value in found]
        return Usage(1 if sizes else 0, len(sizes), sum(sizes))

    def namespaces(self) -> list[str]:
        """Namespaces with at least one key."""
        self._require_open()
        names = self._base.namespaces()
        self._footprint.add_names(None, "", names)
        own = {namespace for namespace, _ in self._gathered.writes}
        return sorted(set(names) - own | {namespace for namespace in own if self.keys(namespace)})

    def rules(self, namespace: str) -> Rules:
        """Those below."""
        return self._base.rules(namespace)

    def ended(self, namespace: str | None = None) -> list[tuple[str, str]]:
        """Not here: who asks sweeps, and that is many commits."""
        raise Unsupported("a transaction does not sweep: what has ended is missing in it. Sweep its store.", path="")

    def moment(self) -> object:
        """That of the engine below."""
        return self._base.moment()

    def traces(self, namespace: str) -> None:
        """Nothing: what is not committed yet is known to no index."""

    def check(self, *, fix: bool = False) -> Iterator[Finding]:
        """What is wrong below."""
        return self._base.check(fix=fix)

    # -- writing -----------------------------------------------------------------------------------

    def commit(
        self, ops: Sequence[Op], author: Author, *, durability: str | None = None, claim: Claim | None = None
    ) -> list[Outcome]:
        """Gather these ops, all or none."""
        self._require_open()
        if self._updating:
            raise nested("a transaction")
        if durability is not None:
            raise Unsupported(
                "durability belongs to the whole commit: transaction(durability=...) or transact(fn, durability=...)",
                path="",
            )
        if claim is not None and claim not in self._claims:
            if self._claims:
                raise Unsupported("a transaction is fenced by one lease, not by two", path="")
            self._claims.append(claim)
        before = Gathered(self._gathered)
        try:
            checked = {at: self._gather(op) for at, op in enumerate(ops) if isinstance(op, Check | CheckScan)}
            return [checked[at] if at in checked else self._gather(op) for at, op in enumerate(ops)]
        except BaseException:
            self._gathered = before
            raise

    def _gather(self, op: Op) -> Outcome:
        if isinstance(op, CheckScan):
            require_names(op, self.namespaces() if op.namespace is None else self.keys(op.namespace, op.prefix))
            return Outcome.HELD
        path_of(op.namespace, op.key)
        if isinstance(op, Put) and op.expect is Expect.ANYTHING and not self._is_known((op.namespace, op.key)):
            self._gathered.put(op, exists=True)  # a blind write: whatever is there, it conflicts with nothing
            return Outcome.UPDATED
        content = self.contents(op.namespace, (op.key,)).get(op.key)
        actual = None if content is None else content.revision
        if isinstance(op, Update):
            return self._update(op, content)
        if isinstance(op, Expire):
            return self._end(op, exists=content is not None)
        require_expected(op.namespace, op.key, op.revision if isinstance(op, Check) else op.expect, actual)
        if isinstance(op, Check):
            if op.metadata is not None:
                record = self.record(op.namespace, op.key)
                require_metadata(op, {} if record is None else record.metadata)
            return Outcome.HELD
        if isinstance(op, Delete):
            return self._delete(op, exists=content is not None)
        self._gathered.put(op, exists=content is not None)
        if content is None:
            return Outcome.CREATED
        same = not isinstance(content.value, StoreError) and values.encode(content.value) == op.raw
        return Outcome.UNCHANGED if same and not op.metadata else Outcome.UPDATED

    def _is_known(self, name: tuple[str, str]) -> bool:
        return name in self._gathered.writes or self._footprint.knows(name)

    def _update(self, op: Update, content: Content | None) -> Outcome:
        if content is not None and isinstance(content.value, Exception):
            raise content.value
        self._updating = True
        try:
            wanted = op.change(MISSING if content is None else content.value)
        finally:
            self._updating = False
        if isinstance(wanted, bytes):
            exists = content is not None
            self._gathered.put(self._gathered.updated(op, wanted, exists=exists), exists=exists)
            return Outcome.CREATED if content is None else Outcome.UPDATED
        if wanted is Verdict.REMOVE:
            return self._delete(Delete(op.namespace, op.key), exists=content is not None)
        return Outcome.UNCHANGED

    def _delete(self, op: Delete, *, exists: bool) -> Outcome:
        self._gathered.remove((op.namespace, op.key))
        return Outcome.DELETED if exists else Outcome.MISSING

    def _end(self, op: Expire, *, exists: bool) -> Outcome:
        if not exists:
            return Outcome.MISSING
        self._gathered.end((op.namespace, op.key), op.expires)
        return Outcome.UPDATED

    def finish(self, author: Author, durability: str | None) -> None:
        """Commit what was gathered. Raises `Conflict`, with nothing changed, if anything read is not as it was."""
        self._require_open()
        self._over = True
        if not self._gathered:
            self._footprint.validate()
            return
        written = self._gathered.writes
        ops = [*map(self._op, written), *self._gathered.ends(), *self._footprint.checks(written)]
        claim = self._claims[0] if self._claims else None
        self._base.commit(ops, author, durability=durability, claim=claim)

    def _op(self, name: tuple[str, str]) -> Op:
        was_read, revision = self._footprint.revision(name)
        return self._gathered.op(name, (revision or Expect.ABSENT) if was_read else Expect.ANYTHING)

    def is_stale(self) -> bool:
        """Whether something that was read is not as it was, or was not when it was read again."""
        return self._footprint.is_stale()

    # -- what others own ---------------------------------------------------------------------------

    def set_rules(self, namespace: str, members: Mapping[str, Any], author: Author) -> Rules:
        """Not here: they are no part of what is committed together."""
        self._refuse_locks()

    def acquire(self, name: str, timeout: float, ttl: float | None, author: Author) -> Claim:
        """Not here."""
        self._refuse_locks()

    def release(self, claim: Claim) -> None:
        """Not here."""
        self._refuse_locks()

    def renew(self, claim: Claim, ttl: float | None = None) -> Claim:
        """Not here."""
        self._refuse_locks()

    def fenced(self, claim: Claim) -> AbstractContextManager[None]:
        """Not here."""
        self._refuse_locks()

    def holder(self, name: str) -> Holder | None:
        """That of the engine below."""
        return self._base.holder(name)

    def stored(self, namespace: str, keys: Sequence[str]) -> dict[str, Stored | StoreError]:
        """Not here: whoever takes bytes elsewhere takes them from a store."""
        raise Unsupported("a transaction does not tell the bytes of files. Ask its store, after its end.", path="")

    def scan_stored(
        self, namespace: str, prefix: str = "", after: str | None = None
    ) -> Iterator[tuple[str, Stored | StoreError]]:
        """Not here."""
        yield from self.stored(namespace, ()).items()

    def backup(self, directory: str, *, new_id: bool) -> Backup:
        """A copy of what is below."""
        return self._base.backup(directory, new_id=new_id)

    def close(self) -> None:
        """Let go of what was gathered."""
        self._over = True

    def _refuse_locks(self) -> NoReturn:
        raise nested("a transaction")

    def _require_open(self) -> None:
        if self._over:
            raise Closed("this transaction is over; begin another.")
