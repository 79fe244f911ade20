"""The data_store handle: every verb of a namespace, written once on the seam. It knows no file and no engine."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping, Sequence
from typing import Any, Literal, NamedTuple, overload

from fsstore import keys, values
from fsstore.engine import Delete, Engine, Expect, Op, Outcome, Put
from fsstore.errors import BadValues, InvalidName, InvalidValue, NotFound, ReadOnly, StoreError, UnsupportedType
from fsstore.records import Author, Record, Replaced, Report, Usage
from fsstore.views import AsyncView, MappingView

Errors = Literal["raise", "skip", "report"]
_PREVIEW = 200
_MISSING: Any = object()


class Operation(NamedTuple):
    """One call of a verb, as an ``ops`` hook sees it after the call."""

    op: str
    namespace: str
    key: str | None
    """The key or prefix it was about, if it was about one."""
    agent: str | None
    found: bool | None
    """Whether the key was there, for verbs on one key."""
    count: int  # type: ignore[assignment]  # it hides a method of tuple that nobody wants here
    """How many keys were read, written or deleted."""
    preview: str
    """The first 200 characters of the value as JSON; empty where there is no single value."""


OpsHook = Callable[[Operation], None]


class Handle:
    """The records of one namespace, for one agent.

    Handles are cheap, hold no lock, are safe to share between threads, are always true and compare by
    identity. Values are copied both ways: what a call returns is the caller's own.

    Every call may raise `StoreError`. Writes are atomic per key: a reader sees the old value or the new
    one, and a write that has returned survives the end of the process.
    """

    __slots__ = ("__weakref__", "_author", "_engine", "_ops", "name")

    def __init__(self, engine: Engine, name: str, *, agent: str | None, run: str | None, ops: OpsHook | None) -> None:
        keys.path_of(name, "")  # refuses what no key could be stored in
        self._engine = engine
        self._ops = ops
        self.name = name
        """The namespace's name."""
        self._author = Author(agent, run)

    @property
    def agent(self) -> str | None:
        """Who writes through this handle."""
        return self._author.agent

    @property
    def run(self) -> str | None:
        """The run it writes in."""
        return self._author.run

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name!r} agent={self.agent!r}>"

    # -- the contract ------------------------------------------------------------------------------

    def get(self, key: str, default: Any = None) -> Any:
        """The value of ``key``, or ``default`` if there is no such key. A stored ``None`` is ``None``.

        Raises `BadValue` where the file holds no JSON value. Never waits for a writer.
        """
        value = self._engine.get(self.name, (key,)).get(key, _MISSING)
        if isinstance(value, StoreError):
            raise value
        if self._ops is not None:
            self._tell("get", key, found=value is not _MISSING, count=int(value is not _MISSING), value=value)
        return default if value is _MISSING else value

    def set(self, key: str, value: Any, metadata: Mapping[str, Any] | None = None) -> None:
        """Store ``value``; ``metadata`` is merged over what the record had.

        Atomic. An equal value is not written again. Raises `UnsupportedType` or `InvalidValue`, with the
        place in the value, for what JSON could not give back; the old value stays.
        """
        self._commit("set", [self._put(key, value, metadata)], key=key, value=value)

    def delete(self, key: str) -> bool:
        """Remove ``key`` and its metadata; was it there? Works on a full disk."""
        return self._commit("delete", [Delete(self.name, key)], key=key) == [Outcome.DELETED]

    def list_keys(self, prefix: str | None = None, *, limit: int | None = None, after: str | None = None) -> list[str]:
        """The keys that start with ``prefix``, sorted by code point; at most ``limit`` of those past ``after``."""
        found = self._engine.keys(self.name, prefix or "")
        if after is not None:
            del found[: bisect_right(found, after)]
        if limit is not None:
            del found[max(0, limit) :]
        if self._ops is not None:
            self._tell("list_keys", prefix, count=len(found))
        return found

    def list_namespaces(self, prefix: str | None = None) -> list[str]:
        """The namespaces that hold at least one key, sorted by code point."""
        found = self._engine.namespaces()
        if prefix:
            found = [name for name in found if name.startswith(prefix)]
        if self._ops is not None:
            self._tell("list_namespaces", prefix, count=len(found))
        return found

    def use_namespace(self, namespace: str) -> Handle:
        """A handle on another namespace; nothing is created before its first write."""
        return Handle(self._engine, namespace, agent=self.agent, run=self.run, ops=self._ops)

    @overload
    def get_all(self, *, errors: Literal["raise", "skip"] = ...) -> dict[str, Any]: ...
    @overload
    def get_all(self, *, errors: Literal["report"]) -> Report: ...
    def get_all(self, *, errors: Errors = "raise") -> dict[str, Any] | Report:
        """All values by key, sorted.

        One bad file spoils no other: all are read, then `BadValues` is raised with the good ``.values`` and
        the ``.errors``. ``errors="skip"`` leaves the bad ones out, ``errors="report"`` returns both.
        """
        return self._settle("get_all", None, self._engine.read_all(self.name), errors)

    @overload
    def get_many(self, keys: Iterable[str], *, errors: Literal["raise", "skip"] = ...) -> dict[str, Any]: ...
    @overload
    def get_many(self, keys: Iterable[str], *, errors: Literal["report"]) -> Report: ...
    def get_many(self, keys: Iterable[str], *, errors: Errors = "raise") -> dict[str, Any] | Report:
        """The values of those keys that exist; bad files as in `get_all`."""
        found: dict[str, Any] | Report = self._settle(
            "get_many", None, self._engine.get(self.name, _key_list(keys)), errors
        )
        return found

    def set_many(self, items: Mapping[str, Any], metadata: Mapping[str, Any] | None = None) -> int:
        """Store all items; how many there were. Nothing is written if any value cannot be stored."""
        return len(self._commit("set_many", [self._put(key, value, metadata) for key, value in items.items()]))

    def delete_many(self, keys: Iterable[str]) -> int:
        """Remove these keys; how many were really there."""
        wanted = dict.fromkeys(_key_list(keys))
        return self._commit("delete_many", [Delete(self.name, key) for key in wanted]).count(Outcome.DELETED)

    def clear(self) -> int:
        """Remove every key; how many there were. The namespace is then no longer listed."""
        return self._delete_all("clear", "")

    # -- more reading ------------------------------------------------------------------------------

    def exists(self, key: str) -> bool:
        """Is there such a key? Its value is not read."""
        found = self._engine.has(self.name, key)
        if self._ops is not None:
            self._tell("exists", key, found=found, count=int(found))
        return found

    def info(self, key: str) -> Record:
        """The whole record, from one read of its file. Raises `NotFound` or `BadValue`."""
        record = self._engine.record(self.name, key)
        if self._ops is not None:
            self._tell("info", key, found=record is not None, count=int(record is not None))
        if record is None:
            raise self._not_found(key)
        return record

    def count(self, prefix: str | None = None) -> int:
        """How many keys start with ``prefix``."""
        found = len(self._engine.keys(self.name, prefix or ""))
        self._tell("count", prefix, count=found)
        return found

    def items(self, *, errors: Literal["raise", "skip"] = "raise") -> Iterator[tuple[str, Any]]:
        """Every key with its value, in order, one at a time: see `scan`."""
        return self.scan(errors=errors)

    def scan(
        self, prefix: str | None = None, *, after: str | None = None, errors: Literal["raise", "skip"] = "raise"
    ) -> Iterator[tuple[str, Any]]:
        """Keys that start with ``prefix`` and lie past ``after``, in order, each read when its turn comes.

        Memory does not grow with the number of keys. Bad files are passed over and raised at the end,
        as `BadValues` without values; ``errors="skip"`` only passes over them.
        """
        _require_choice(errors, "raise", "skip")
        bad: dict[str, StoreError] = {}
        count = 0
        for key, value in self._engine.scan(self.name, prefix or "", after):
            if isinstance(value, StoreError):
                bad[key] = value
            else:
                count += 1
                yield key, value
        if self._ops is not None:
            self._tell("scan", prefix, count=count)
        if bad and errors == "raise":
            raise self._bad_values({}, bad)

    @overload
    def get_prefix(self, prefix: str, *, errors: Literal["raise", "skip"] = ...) -> dict[str, Any]: ...
    @overload
    def get_prefix(self, prefix: str, *, errors: Literal["report"]) -> Report: ...
    def get_prefix(self, prefix: str, *, errors: Errors = "raise") -> dict[str, Any] | Report:
        """The values of all keys that start with ``prefix``; bad files as in `get_all`."""
        found: dict[str, Any] | Report = self._settle(
            "get_prefix", prefix, self._engine.read_all(self.name, prefix), errors
        )
        return found

    def stats(self) -> Usage:
        """How many keys the namespace holds, and how many bytes they take."""
        usage = self._engine.usage(self.name)
        self._tell("stats", None, count=usage.keys)
        return usage

    # -- more writing ------------------------------------------------------------------------------

    def delete_prefix(self, prefix: str) -> int:
        """Remove all keys that start with ``prefix``; how many there were. Raises `InvalidName` for an empty one."""
        if not prefix:
            raise InvalidName("delete_prefix() needs a prefix; clear() removes everything", name="", reason="empty")
        return self._delete_all("delete_prefix", prefix)

    def replace_all(self, items: Mapping[str, Any]) -> Replaced:
        """Make the namespace hold exactly these items; what that added, changed, removed and left as it was."""
        puts: list[Op] = [self._put(key, value, None) for key, value in items.items()]
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
        if (put.namespace, put.key) != (self.name, source):
            self._commit("move", [put, Delete(self.name, source, revision)], key=source, found=True)

    # -- a handle is a Python object ---------------------------------------------------------------

    def __contains__(self, key: object) -> bool:
        return isinstance(key, str) and self.exists(key)

    def __iter__(self) -> Iterator[str]:
        return iter(self.list_keys())

    def __getitem__(self, key: str) -> Any:
        value = self.get(key, _MISSING)
        if value is _MISSING:
            raise self._not_found(key)
        return value

    def __setitem__(self, key: str, value: Any) -> None:
        self.set(key, value)

    def __delitem__(self, key: str) -> None:
        if not self.delete(key):
            raise self._not_found(key)

    def __bool__(self) -> bool:
        return True

    @staticmethod
    def key(*parts: str | int) -> str:
        """One key of several parts joined by ``:``; a part's own separators are percent-encoded: none breaks out."""
        return keys.join(parts)

    def mapping(self) -> MutableMapping[str, Any]:
        """A live view of the namespace as a mutable mapping, for code that wants a ``dict``."""
        return MappingView(self)

    @property
    def aio(self) -> AsyncView:
        """The same verbs to be awaited, each in a thread: ``await data_store.aio.get(key)``."""
        return AsyncView(self)

    # -- inside ------------------------------------------------------------------------------------

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
        deletes = [Delete(self.name, key) for key in self._engine.keys(self.name, prefix)]
        return self._commit(verb, deletes, key=prefix or None).count(Outcome.DELETED)

    def _commit(
        self,
        verb: str,
        ops: Sequence[Op],
        key: str | None = None,
        value: Any = _MISSING,
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

    def _settle(self, verb: str, key: str | None, found: dict[str, Any], errors: Errors) -> dict[str, Any] | Report:
        """Part the values from the errors that came in their place."""
        _require_choice(errors, "raise", "skip", "report")
        bad = {name: value for name, value in found.items() if isinstance(value, StoreError)}
        for name in bad:
            del found[name]
        if self._ops is not None:
            self._tell(verb, key, count=len(found))
        if errors == "report":
            return Report(found, bad)
        if bad and errors == "raise":
            raise self._bad_values(found, bad)
        return found

    def _tell(
        self, verb: str, key: str | None, *, found: bool | None = None, count: int = 0, value: Any = _MISSING
    ) -> None:
        if self._ops is not None:
            preview = "" if value is _MISSING else values.brief(value, _PREVIEW)
            self._ops(Operation(verb, self.name, key, self.agent, found, count, preview))

    def _not_found(self, key: str) -> NotFound:
        return NotFound(
            f"namespace {self.name!r} has no key {key!r}. list_keys() shows those it has.", namespace=self.name, key=key
        )

    def _bad_values(self, good: dict[str, Any], bad: dict[str, StoreError]) -> BadValues:
        first = next(iter(bad.values()))
        return BadValues(
            f"{len(bad)} of the files in namespace {self.name!r} hold no readable value; the first: {first} "
            f'The good values are in .values, all errors in .errors; errors="skip" leaves the bad ones out.',
            values=good,
            errors=bad,
        )


def _key_list(wanted: Iterable[str]) -> list[str]:
    if isinstance(wanted, str):
        raise InvalidName(f"a list of keys is wanted, not one str: [{wanted!r}]", name=wanted, reason="not a list")
    names = list(wanted)
    for name in names:
        if not isinstance(name, str):
            raise InvalidName(f"a key is a str, not {type(name).__name__}: {name!r}", name=name, reason="not a str")
    return names


def _require_choice(value: str, *choices: str) -> None:
    if value not in choices:
        raise ValueError(f"errors={value!r} is none of {', '.join(choices)}")
