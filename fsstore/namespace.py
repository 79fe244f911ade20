"""The data_store handle: updates, several keys, copies, written once on the seam. It knows no file and no engine."""

from __future__ import annotations

import errno
from collections.abc import Callable, Collection, Iterable, Mapping, MutableMapping, Sequence
from typing import Any

from fsstore import updates, values
from fsstore.errors import Conflict, InvalidName, InvalidValue, StoreError, UnsupportedType
from fsstore.ops import MISSING, Check, CheckScan, Delete, Expect, Op, Outcome, Put, Update, Verdict
from fsstore.reading import key_list, require_plain, text_or_all
from fsstore.records import Record, Replaced, seconds_of
from fsstore.writing import WriteHandle

_SCARCE = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EMFILE, errno.ENFILE})
_ATTEMPTS = 100
"""How often a call that first reads begins again because what it read was changed."""


class Handle(WriteHandle):
    """The records of one namespace, for one agent.

    Handles are cheap, hold no lock, are safe to share between threads, are always true and compare by
    identity. Values are copied both ways: what a call returns is the caller's own.

    Every call may raise `StoreError`, every write `LockTimeout` after 30 seconds. Each call that writes is one
    commit: all or nothing, whatever dies in the middle, and seen so by `get_many`, `get_all` and transactions. A write
    that has returned survives the end of the process; with ``durability="power"``, here or of the store, a loss
    of power too.
    """

    __slots__ = ()

    # -- atomic updates ----------------------------------------------------------------------------

    def update(self, key: str, fn: Callable[[Any], Any], default: Any = None, *, durability: str | None = None) -> Any:
        """Replace the value by what ``fn`` makes of it, or of ``default``; returns the new value.

        If ``fn`` returns `fsstore.REMOVE`, the key is removed, and ``None`` returned. The key is locked meanwhile: no
        update is lost. ``fn`` may read; a write or lock inside it raises `NestedWrite`. What it raises is raised, and
        nothing changes. If a person edits the file at the same time, ``fn`` is called again with the new content.
        Raises `BadValue` for a file that holds no JSON.
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

        rules = self._engine.rules(self.name)
        op = Update(self.name, key, change, self._end(ttl, rules))
        self._commit("set_default", [op], key=key, durability=durability, rules=rules)
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
            if new is Verdict.REMOVE:
                raw = b""
                return Verdict.REMOVE
            raw = self._encode(new, "", key)
            return raw

        rules = self._engine.rules(self.name)
        op = Update(self.name, key, change, self._end(None, rules))
        self._commit(verb, [op], key=key, durability=durability, rules=rules)
        return values.decode(raw) if raw else None

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
        rules = self._engine.rules(self.name)
        end = self._end(ttl, rules)
        puts = [self._put(key, value, metadata, end=end) for key, value in _pairs(items)]
        return len(self._commit("set_many", puts, durability=durability, rules=rules))

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
        end = self._end(None, self._engine.rules(self.name))
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
            ops: list[Op] = [
                put,
                Check(self.name, source, record.revision, record.metadata, ends=True, expires=put.expires),
            ]
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


def _pairs(items: Any) -> Iterable[tuple[str, Any]]:
    if not isinstance(items, Mapping):
        what = type(items).__name__
        raise UnsupportedType(f"items are a dict of keys and values, not {what}", json_path="$", type_name=what)
    return items.items()
