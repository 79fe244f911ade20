"""The data_store handle: every verb of a namespace, written once on the seam. It knows no file and no engine."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, MutableMapping, Sequence
from typing import Any

from fsstore import values
from fsstore.engine import Delete, Engine, Expect, Op, Outcome, Put
from fsstore.errors import InvalidName, InvalidValue, ReadOnly, UnsupportedType
from fsstore.reading import MISSING, ReadHandle, key_list, text_or_all
from fsstore.records import Replaced


class Handle(ReadHandle):
    """The records of one namespace, for one agent.

    Handles are cheap, hold no lock, are safe to share between threads, are always true and compare by
    identity. Values are copied both ways: what a call returns is the caller's own.

    Every call may raise `StoreError`, every write `LockTimeout` after 30 seconds. Writes are atomic per key: a
    reader sees the old value or the new one, and a write that has returned survives the end of the process.
    Where several keys are written in one call, all are checked before the first is changed, but they are
    changed one after the other, while the locks of all are held.
    """

    __slots__ = ()
    _engine: Engine

    def set(self, key: str, value: Any, metadata: Mapping[str, Any] | None = None) -> None:
        """Store ``value``; ``metadata`` is merged over what the record had.

        The value is replaced in one step, before it the metadata in another; an equal value is not written
        again. Survives the end of the process, not a power loss. Raises `UnsupportedType` or `InvalidValue`, with the
        place in the value, for what JSON could not give back; the old value stays.
        """
        self._commit("set", [self._put(key, value, metadata)], key=key, value=value)

    def delete(self, key: str) -> bool:
        """Remove ``key``, then its metadata; was it there? Works on a full disk."""
        return self._commit("delete", [Delete(self.name, key)], key=key) == [Outcome.DELETED]

    def use_namespace(self, namespace: str) -> Handle:
        """A handle on another namespace; nothing is created before its first write."""
        return Handle(self._engine, namespace, agent=self.agent, run=self.run, ops=self._ops)

    def set_many(self, items: Mapping[str, Any], metadata: Mapping[str, Any] | None = None) -> int:
        """Store all items; how many there were. Nothing is written if any value cannot be stored."""
        puts = [self._put(key, value, metadata) for key, value in _pairs(items)]
        return len(self._commit("set_many", puts))

    def delete_many(self, keys: Iterable[str]) -> int:
        """Remove these keys; how many were really there."""
        wanted = dict.fromkeys(key_list(keys))
        return self._commit("delete_many", [Delete(self.name, key) for key in wanted]).count(Outcome.DELETED)

    def clear(self) -> int:
        """Remove every key; how many there were. The namespace is then no longer listed."""
        return self._delete_all("clear", "")

    def delete_prefix(self, prefix: str) -> int:
        """Remove all keys that start with ``prefix``; how many there were. Raises `InvalidName` for an empty one."""
        if not prefix:
            raise InvalidName("delete_prefix() needs a prefix; clear() removes everything", name="", reason="empty")
        return self._delete_all("delete_prefix", prefix)

    def replace_all(self, items: Mapping[str, Any]) -> Replaced:
        """Make the namespace hold exactly these items; what that added, changed, removed and left as it was."""
        puts: list[Op] = [self._put(key, value, None) for key, value in _pairs(items)]
        deletes: list[Op] = [Delete(self.name, key) for key in self._engine.keys(self.name) if key not in items]
        ops = puts + deletes
        outcomes = self._commit("replace_all", ops)
        done: dict[Outcome, list[str]] = {outcome: [] for outcome in Outcome}
        for op, outcome in zip(ops, outcomes, strict=True):
            done[outcome].append(op.key)
        return Replaced(
            added=sorted(done[Outcome.CREATED]),
            changed=sorted(done[Outcome.UPDATED]),
            removed=sorted(done[Outcome.DELETED]),
            unchanged=sorted(done[Outcome.UNCHANGED]),
        )

    def copy(self, source: str, target: str, *, namespace: str | None = None, overwrite: bool = False) -> None:
        """Store the value of ``source`` under ``target``, here or in another namespace, with its metadata.

        What the target had of metadata stays beside it, as with `set`.
        Raises `NotFound`, and `Conflict` if the target exists and is not to be overwritten.
        """
        put, _ = self._duplicate(source, target, namespace, overwrite=overwrite)
        self._commit("copy", [put], key=source, found=True)

    def move(self, source: str, target: str, *, namespace: str | None = None, overwrite: bool = False) -> None:
        """Like `copy`, and the source is gone. To move a key onto itself is nothing."""
        put, revision = self._duplicate(source, target, namespace, overwrite=overwrite)
        if (put.namespace, put.key) == (self.name, source):
            self._tell("move", source, found=True)
        else:
            self._commit("move", [put, Delete(self.name, source, revision)], key=source, found=True)

    def __setitem__(self, key: str, value: Any) -> None:
        self.set(key, value)

    def __delitem__(self, key: str) -> None:
        if not self.delete(key):
            raise self._not_found(key)

    def mapping(self) -> MutableMapping[str, Any]:
        """A live view of the namespace as a mutable mapping, for code that wants a ``dict``."""
        from fsstore.views import MappingView

        return MappingView(self)

    def _put(self, key: str, value: Any, metadata: Any) -> Put:
        raw = self._encode(value, "", key)
        if metadata is None:
            return Put(self.name, key, raw)
        if not isinstance(metadata, Mapping):
            what = type(metadata).__name__
            raise UnsupportedType(f"the metadata of key {key!r} is a dict, not {what}", json_path="$", type_name=what)
        return Put(self.name, key, raw, values.decode(self._encode(dict(metadata), "the metadata of ", key)))

    def _encode(self, value: Any, what: str, key: str) -> bytes:
        try:
            return values.encode(value)
        except (UnsupportedType, InvalidValue) as error:
            message = f"{what}key {key!r} of namespace {self.name!r} was not set: {error}"
            raise type(error)(message, **error.__dict__) from None

    def _duplicate(self, source: str, target: str, namespace: str | None, *, overwrite: bool) -> tuple[Put, str]:
        record = self._engine.record(self.name, source)
        if record is None:
            raise self._not_found(source)
        name = self.name if namespace is None else namespace
        itself = (name, target) == (self.name, source)
        expect = Expect.ANYTHING if overwrite or itself else Expect.ABSENT
        return Put(name, target, values.encode(record.value), record.metadata or None, expect), record.revision

    def _delete_all(self, verb: str, prefix: str) -> int:
        deletes = [Delete(self.name, key) for key in self._engine.keys(self.name, text_or_all(prefix))]
        return self._commit(verb, deletes, key=prefix or None).count(Outcome.DELETED)

    def _commit(
        self,
        verb: str,
        ops: Sequence[Op],
        key: str | None = None,
        value: Any = MISSING,
        found: bool | None = None,
    ) -> list[Outcome]:
        if reason := self._engine.capabilities.read_only:
            raise ReadOnly(f"{verb}() on namespace {self.name!r} of a read-only store: {reason}.", reason=reason)
        outcomes = self._engine.commit(ops, self._author)
        if self._ops is not None:
            if verb in ("set", "delete"):
                found = outcomes[0] not in (Outcome.CREATED, Outcome.MISSING)
            self._tell(verb, key, found=found, count=len(outcomes) - outcomes.count(Outcome.MISSING), value=value)
        return outcomes


def _pairs(items: Any) -> Iterable[tuple[str, Any]]:
    if not isinstance(items, Mapping):
        what = type(items).__name__
        raise UnsupportedType(f"items are a dict of keys and values, not {what}", json_path="$", type_name=what)
    return items.items()
