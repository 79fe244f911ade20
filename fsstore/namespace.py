"""The data_store handle: every verb of a namespace, written once on the seam. It knows no file and no engine."""

from __future__ import annotations

import errno
import math
import time
from collections.abc import Callable, Collection, Iterable, Mapping, MutableMapping, Sequence
from typing import TYPE_CHECKING, Any

from fsstore import updates, values
from fsstore.engine import (
    MISSING,
    Check,
    CheckScan,
    Delete,
    Engine,
    Expect,
    Expire,
    Op,
    Outcome,
    Put,
    Reader,
    Update,
    Verdict,
)
from fsstore.errors import Conflict, InvalidName, InvalidValue, ReadOnly, StoreError, UnsupportedType
from fsstore.guards import guarded
from fsstore.reading import OpsHook, ReadHandle, key_list, require_plain, text_or_all
from fsstore.records import Record, Replaced, seconds_of

if TYPE_CHECKING:
    from fsstore.locks import Lock

_SCARCE = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EMFILE, errno.ENFILE})
_SWEPT_AT_ONCE = 1000
_ATTEMPTS = 100
"""How often a call that first reads begins again because what it read was changed."""


class Handle(ReadHandle):
    """The records of one namespace, for one agent.

    Handles are cheap, hold no lock, are safe to share between threads, are always true and compare by
    identity. Values are copied both ways: what a call returns is the caller's own.

    Every call may raise `StoreError`, every write `LockTimeout` after 30 seconds. Each call that writes is one
    commit: all or nothing, whatever dies in the middle, and seen so by `get_many`, `get_all` and transactions. A write
    that has returned survives the end of the process; with ``durability="power"``, here or of the store, a loss
    of power too.
    """

    __slots__ = ("_ttl",)
    _engine: Engine

    def __init__(
        self,
        engine: Reader,
        name: str,
        *,
        agent: str | None,
        run: str | None,
        ops: OpsHook | None,
        ttl: float | None = None,
    ) -> None:
        super().__init__(engine, name, agent=agent, run=run, ops=ops)
        require_lasting(ttl)
        self._ttl = ttl

    def set(
        self,
        key: str,
        value: Any,
        metadata: Mapping[str, Any] | None = None,
        *,
        ttl: float | None = None,
        if_match: str | None = None,
        lease: Lock | None = None,
        durability: str | None = None,
    ) -> None:
        """Store ``value``; ``metadata`` is merged over what the record had. An equal value is not written again.

        ``ttl`` is how many seconds the key lasts from now; ``None`` is the handle's, else the namespace's, else for
        ever, as is ``math.inf``: an earlier end does not count any more. What has ended is missing to every verb.
        ``if_match`` is the revision that the key must have (`info` gives it), else `Conflict` is raised. With a
        ``lease`` nothing is written once it has expired or is somebody else's (`LeaseLost`); writes without
        it are not stopped by it. Raises `UnsupportedType` or `InvalidValue`, with the place in the value, for what JSON
        could not give back. Whatever is raised, the old value stays.
        """
        put = self._put(key, value, metadata, _expected(if_match), self._end(ttl))
        self._commit("set", [put], key=key, value=value, lease=lease, durability=durability)

    def create(
        self,
        key: str,
        value: Any,
        metadata: Mapping[str, Any] | None = None,
        *,
        ttl: float | None = None,
        lease: Lock | None = None,
        durability: str | None = None,
    ) -> None:
        """Store ``value`` under a key that must not exist. Raises `Conflict` if it does. ``ttl`` as in `set`."""
        put = self._put(key, value, metadata, Expect.ABSENT, self._end(ttl))
        self._commit("create", [put], key=key, value=value, lease=lease, durability=durability)

    def delete(
        self, key: str, *, if_match: str | None = None, lease: Lock | None = None, durability: str | None = None
    ) -> bool:
        """Remove ``key`` and its metadata; was it there? Works on a full disk. ``if_match`` as in `set`."""
        op = Delete(self.name, key, _expected(if_match))
        return self._commit("delete", [op], key=key, lease=lease, durability=durability) == [Outcome.DELETED]

    # -- when a key ends by itself -----------------------------------------------------------------

    def expires(self, key: str) -> str | None:
        """When ``key`` ends by itself: ISO 8601, UTC; ``None`` if it does not. Raises `NotFound`."""
        return self.info(key).expires_at

    def touch(self, key: str, ttl: float | None = None, *, durability: str | None = None) -> bool:
        """Let ``key`` last so many seconds from now, as `set` would; was it there? Its value is not written."""
        return self._expire("touch", key, self._end(ttl), durability)

    def persist(self, key: str, *, durability: str | None = None) -> bool:
        """Let ``key`` last for ever; was it there?"""
        return self._expire("persist", key, None, durability)

    def _expire(self, verb: str, key: str, end: float | None, durability: str | None) -> bool:
        outcomes = self._commit(verb, [Expire(self.name, key, end)], key=key, durability=durability)
        return outcomes != [Outcome.MISSING]

    def sweep(self, *, dry_run: bool = False, durability: str | None = None) -> int:
        """Remove what is left of the keys that have ended by themselves; how many there were.

        They are missing before, too: this gives back the space, and takes their files from people's eyes. Reads the
        metadata of all keys that may end. Not one commit, but as many as there are thousands of keys. ``dry_run`` only
        counts.
        """
        return self._sweep(self.name, durability, dry_run=dry_run)

    def _sweep(self, namespace: str | None, durability: str | None, *, dry_run: bool) -> int:
        ended = self._engine.ended(namespace)
        for first in range(0, 0 if dry_run else len(ended), _SWEPT_AT_ONCE):
            deletes = [Delete(*name, ended=True) for name in ended[first : first + _SWEPT_AT_ONCE]]
            self._commit("sweep", deletes, durability=durability)
        return len(ended)

    def _end(self, ttl: float | None) -> float | None:
        """When a key ends that is set now, in seconds since the epoch."""
        if ttl is None:
            ttl = self._ttl
            if ttl is None:
                ttl = self._engine.rules(self.name).ttl
                if ttl is None:
                    return None
        require_lasting(ttl)
        return None if ttl == math.inf else time.time() + ttl

    # -- atomic updates ----------------------------------------------------------------------------

    def update(self, key: str, fn: Callable[[Any], Any], default: Any = None, *, durability: str | None = None) -> Any:
        """Replace the value by what ``fn`` makes of it, or of ``default``; returns the new value.

        The key is locked meanwhile: no update is lost. ``fn`` may read; a write or lock inside it raises
        `NestedWrite`. What it raises is raised, and nothing changes. If a person edits the file at the same time,
        ``fn`` is called again with the new content. Raises `BadValue` for a file that holds no JSON.
        """
        require_plain(fn)
        return self._update("update", key, fn, default, durability)

    def increment(self, key: str, by: float = 1, default: float = 0, *, durability: str | None = None) -> Any:
        """Add ``by`` to a number, or to ``default``; returns the sum. Raises `UnsupportedType` for other values."""
        return self._update("increment", key, self._made(key, updates.adding, by), default, durability)

    def append(self, key: str, item: Any, maxlen: int | None = None, *, durability: str | None = None) -> Any:
        """Add ``item`` to a list, made on demand, and keep the newest ``maxlen``; returns the list."""
        return self._update("append", key, self._made(key, updates.appending, item, maxlen), [], durability)

    def merge(self, key: str, mapping: Mapping[str, Any], *, durability: str | None = None) -> Any:
        """JSON Merge Patch (RFC 7386): set these members, recursively; ``None`` removes one. Returns the new value."""
        return self._update("merge", key, self._made(key, updates.merging, mapping), {}, durability)

    def patch(self, key: str, operations: Sequence[Mapping[str, Any]], *, durability: str | None = None) -> Any:
        """JSON Patch (RFC 6902): all operations or none; returns the new value.

        Raises `NotFound`, `InvalidValue` for what cannot be applied, and `Conflict` for a ``test`` that fails.
        """
        return self._update("patch", key, self._made(key, updates.patching, operations), MISSING, durability)

    def set_default(self, key: str, value: Any, *, ttl: float | None = None, durability: str | None = None) -> Any:
        """The value of ``key``; if there is none, ``value`` is stored first, with a ``ttl`` as in `set`."""
        raw = self._encode(value, "", key)
        found = MISSING

        def change(old: Any) -> bytes | Verdict:
            nonlocal found
            found = old
            return raw if old is MISSING else Verdict.KEEP

        self._commit("set_default", [Update(self.name, key, change, self._end(ttl))], key=key, durability=durability)
        return values.decode(raw) if found is MISSING else found

    def pop(self, key: str, default: Any = MISSING, *, durability: str | None = None) -> Any:
        """Remove ``key`` and return its value. Without one: ``default``, or `NotFound` if none is given."""
        found = MISSING

        def change(old: Any) -> bytes | Verdict:
            nonlocal found
            found = old
            return Verdict.REMOVE

        self._commit("pop", [Update(self.name, key, change)], key=key, durability=durability)
        if found is not MISSING:
            return found
        if default is MISSING:
            raise self._not_found(key)
        return default

    def _update(self, verb: str, key: str, fn: Callable[[Any], Any], default: Any, durability: str | None) -> Any:
        raw = b""

        def change(old: Any) -> bytes | Verdict:
            nonlocal raw
            if old is MISSING:
                if default is MISSING:
                    raise self._not_found(key)
                old = default if default is None else values.decode(self._encode(default, "the default of ", key))
            try:
                new = fn(old)
            except (UnsupportedType, InvalidValue, Conflict) as error:
                raise self._about(error, key) from None
            raw = self._encode(new, "", key)
            return raw

        self._commit(verb, [Update(self.name, key, change, self._end(None))], key=key, durability=durability)
        return values.decode(raw)

    def _made(self, key: str, make: Callable[..., updates.Change], *args: Any) -> updates.Change:
        """A change of that key's value; what is wrong with it is said of the key."""
        try:
            return make(*args)
        except (UnsupportedType, InvalidValue) as error:
            raise self._about(error, key) from None

    def _about(self, error: StoreError, key: str) -> StoreError:
        """The same error, with the key named."""
        fields = {**error.__dict__, **({"namespace": self.name, "key": key} if isinstance(error, Conflict) else {})}
        if isinstance(error, Conflict) and error.key:
            return error
        return type(error)(f"key {key!r} of namespace {self.name!r} was not changed: {error}", **fields)

    # -- several keys ------------------------------------------------------------------------------

    def use_namespace(self, namespace: str, *, ttl: float | None = None) -> Handle:
        """A handle on another namespace; nothing is created before its first write.

        ``ttl`` is how many seconds a key lasts that is set through it, where the call says nothing else.
        """
        return Handle(self._engine, namespace, agent=self.agent, run=self.run_id, ops=self._ops, ttl=ttl)

    def set_many(
        self,
        items: Mapping[str, Any],
        metadata: Mapping[str, Any] | None = None,
        *,
        ttl: float | None = None,
        durability: str | None = None,
    ) -> int:
        """Store all items, or none; how many there were. ``ttl`` as in `set`."""
        end = self._end(ttl)
        puts = [self._put(key, value, metadata, end=end) for key, value in _pairs(items)]
        return len(self._commit("set_many", puts, durability=durability))

    def delete_many(self, keys: Iterable[str], *, durability: str | None = None) -> int:
        """Remove these keys, all or none; how many were really there."""
        deletes = [Delete(self.name, key) for key in dict.fromkeys(key_list(keys))]
        return self._commit("delete_many", deletes, durability=durability).count(Outcome.DELETED)

    def clear(self, *, durability: str | None = None) -> int:
        """Remove every key; how many there were. The namespace is then no longer listed."""
        return self._delete_all("clear", "", durability)

    def delete_prefix(self, prefix: str, *, durability: str | None = None) -> int:
        """Remove all keys that start with ``prefix``; how many there were. Raises `InvalidName` for an empty one."""
        if not prefix:
            raise InvalidName("delete_prefix() needs a prefix; clear() removes everything", name="", reason="empty")
        return self._delete_all("delete_prefix", prefix, durability)

    def replace_all(self, items: Mapping[str, Any], *, durability: str | None = None) -> Replaced:
        """Make the namespace hold exactly these items; what that added, changed, removed and left as it was."""
        end = self._end(None)
        puts = [self._put(key, value, None, end=end) for key, value in _pairs(items)]
        ops, outcomes = self._commit_listed("replace_all", "", puts, {put.key for put in puts}, durability)
        done: dict[Outcome, list[str]] = {outcome: [] for outcome in Outcome}
        for op, outcome in zip(ops, outcomes, strict=True):
            done[outcome].append(op.key)
        return Replaced(
            added=sorted(done[Outcome.CREATED]),
            changed=sorted(done[Outcome.UPDATED]),
            removed=sorted(done[Outcome.DELETED]),
            unchanged=sorted(done[Outcome.UNCHANGED]),
        )

    def copy(
        self,
        source: str,
        target: str,
        *,
        namespace: str | None = None,
        overwrite: bool = False,
        durability: str | None = None,
    ) -> None:
        """Store the value of ``source`` under ``target``, here or in another namespace, with its metadata.

        What the target had of metadata stays beside it, as with `set`.
        Raises `NotFound`, and `Conflict` if the target exists and is not to be overwritten.
        """
        self._commit_duplicate("copy", source, target, namespace, overwrite=overwrite, durability=durability)

    def move(
        self,
        source: str,
        target: str,
        *,
        namespace: str | None = None,
        overwrite: bool = False,
        durability: str | None = None,
    ) -> None:
        """Like `copy`, and the source is gone. To move a key onto itself is nothing."""
        self._commit_duplicate("move", source, target, namespace, overwrite=overwrite, durability=durability)

    def _commit_duplicate(
        self, verb: str, source: str, target: str, namespace: str | None, *, overwrite: bool, durability: str | None
    ) -> None:
        """One commit that stores the source, as it is at that instant, under the target."""
        for left in reversed(range(_ATTEMPTS)):
            put, record = self._duplicate(source, target, namespace, overwrite=overwrite)
            if (put.namespace, put.key) == (self.name, source):
                self._tell(verb, source, found=True)
                return
            ops: list[Op] = [put, Check(self.name, source, record.revision, record.metadata)]
            if verb == "move":
                ops.append(Delete(self.name, source, record.revision))
            try:
                self._commit(verb, ops, key=source, found=True, durability=durability)
            except Conflict as error:  # the source was changed after it was read
                if not left or (error.namespace, error.key) != (self.name, source):
                    raise
            else:
                return

    def __setitem__(self, key: str, value: Any) -> None:
        self.set(key, value)

    def __delitem__(self, key: str) -> None:
        if not self.delete(key):
            raise self._not_found(key)

    def mapping(self) -> MutableMapping[str, Any]:
        """A live view of the namespace as a mutable mapping, for code that wants a ``dict``."""
        from fsstore.views import MappingView

        return MappingView(self)

    def _put(
        self, key: str, value: Any, metadata: Any, expect: Expect | str = Expect.ANYTHING, end: float | None = None
    ) -> Put:
        raw = self._encode(value, "", key)
        if metadata is None:
            return Put(self.name, key, raw, None, expect, expires=end)
        if not isinstance(metadata, Mapping):
            what = type(metadata).__name__
            raise UnsupportedType(f"the metadata of key {key!r} is a dict, not {what}", json_path="$", type_name=what)
        given = values.decode(self._encode(dict(metadata), "the metadata of ", key))
        return Put(self.name, key, raw, given, expect, expires=end)

    def _encode(self, value: Any, what: str, key: str) -> bytes:
        try:
            return values.encode(value)
        except (UnsupportedType, InvalidValue) as error:
            message = f"{what}key {key!r} of namespace {self.name!r} was not set: {error}"
            raise type(error)(message, **error.__dict__) from None

    def _duplicate(self, source: str, target: str, namespace: str | None, *, overwrite: bool) -> tuple[Put, Record]:
        record = self._engine.record(self.name, source)
        if record is None:
            raise self._not_found(source)
        name = self.name if namespace is None else namespace
        itself = (name, target) == (self.name, source)
        expect = Expect.ANYTHING if overwrite or itself else Expect.ABSENT
        end = None if record.expires_at is None else seconds_of(record.expires_at)
        raw, metadata = values.encode(record.value), record.metadata or None
        return Put(name, target, raw, metadata, expect, expires=end), record

    def _delete_all(self, verb: str, prefix: str, durability: str | None) -> int:
        return self._commit_listed(verb, text_or_all(prefix), [], (), durability)[1].count(Outcome.DELETED)

    def _commit_listed(
        self, verb: str, prefix: str, puts: list[Put], kept: Collection[str], durability: str | None
    ) -> tuple[list[Put | Delete], list[Outcome]]:
        """Commit the puts, and delete all other keys with that prefix: those that there are at that instant."""
        for left in reversed(range(_ATTEMPTS)):
            names = self._engine.keys(self.name, prefix)
            ops: list[Put | Delete] = [*puts, *(Delete(self.name, key) for key in names if key not in kept)]
            check = CheckScan(self.name, prefix, tuple(names))
            try:
                outcomes = self._commit(verb, [*ops, check], key=prefix or None, durability=durability)[:-1]
            except Conflict:  # a key came or went after they were listed
                if not left:
                    raise
            except OSError as error:
                if error.errno not in _SCARCE:
                    raise
                # The check takes the locks of all keys, for which there may be no room. Deletes must work without.
                return ops, self._commit(verb, ops, key=prefix or None, durability=durability)
            else:
                return ops, outcomes
        raise AssertionError("unreachable")

    def _commit(
        self,
        verb: str,
        ops: Sequence[Op],
        key: str | None = None,
        value: Any = MISSING,
        found: bool | None = None,
        lease: Lock | None = None,
        durability: str | None = None,
        checked: bool = True,
    ) -> list[Outcome]:
        capabilities = self._engine.capabilities
        if capabilities.read_only:
            reason = capabilities.read_only
            raise ReadOnly(f"{verb}() on namespace {self.name!r} of a read-only store: {reason}.", reason=reason)
        if durability is not None:
            capabilities.require_durability(durability)
        claim = None if lease is None else lease.claim
        if checked:
            ops = guarded(self._engine, ops)
        outcomes = self._engine.commit(ops, self._writer, durability=durability, claim=claim)
        if self._ops is not None:
            if len(ops) == 1 and found is None:
                found = outcomes[0] not in (Outcome.CREATED, Outcome.MISSING)
            count = sum(outcome not in (Outcome.MISSING, Outcome.HELD) for outcome in outcomes)
            self._tell(verb, key, found=found, count=count, value=value)
        return outcomes


def require_lasting(ttl: float | None) -> None:
    """Raise `ValueError` for what is no time that a key can last."""
    if ttl is not None and (isinstance(ttl, bool) or not isinstance(ttl, int | float) or not ttl > 0):
        raise ValueError(f"ttl={ttl!r} is no number of seconds above 0; math.inf is for ever, None the default")


def _expected(if_match: Any) -> Expect | str:
    if if_match is None:
        return Expect.ANYTHING
    if isinstance(if_match, str):
        return if_match
    what = type(if_match).__name__
    raise UnsupportedType(
        f"if_match is a revision, a str, not {what}; info(key).revision is one", json_path="$", type_name=what
    )


def _pairs(items: Any) -> Iterable[tuple[str, Any]]:
    if not isinstance(items, Mapping):
        what = type(items).__name__
        raise UnsupportedType(f"items are a dict of keys and values, not {what}", json_path="$", type_name=what)
    return items.items()
