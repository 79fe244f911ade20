"""The reading half of a data_store handle, written once on the seam. It knows no file, no engine and no write."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, overload

from fsstore import keys, values
from fsstore.engine import Reader
from fsstore.errors import BadValues, InvalidName, NotFound, StoreError, UnsupportedType
from fsstore.ops import MISSING
from fsstore.records import Author, Record, Report, Usage

if TYPE_CHECKING:
    from fsstore.views import AsyncView

Errors = Literal["raise", "skip", "report"]
_PREVIEW = 200
_CO_COROUTINE = 0x80  # inspect.CO_COROUTINE, without the price of that import


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
current: ContextVar[ReadHandle] = ContextVar("fsstore_data_store")
"""The handle of the run that the calling code is in."""


class ReadHandle:
    """The records of one namespace, to be read. Whatever can be read, now or as it once was, has these verbs."""

    __slots__ = ("__weakref__", "_author", "_engine", "_ops", "name")

    def __init__(self, engine: Reader, name: str, *, agent: str | None, run: str | None, ops: OpsHook | None) -> None:
        keys.path_of(name, "")  # refuses what no key could be stored in
        if agent is not None:
            keys.require_text(agent, "agent's name")
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
    def run_id(self) -> str | None:
        """The run it writes in."""
        return self._author.run

    @property
    def _writer(self) -> Author:
        """Who writes here now: of a handle without a run, the run of this store that the calling code is in."""
        author = self._author
        running = None if author.run is not None else current.get(None)
        if running is not None and running._engine.place == self._engine.place:
            return Author(author.agent or running.agent, running.run_id)
        return author

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name!r} agent={self.agent!r}>"

    def get(self, key: str, default: Any = None) -> Any:
        """The value of ``key``, or ``default`` if there is no such key. A stored ``None`` is ``None``.

        Raises `BadValue` where the file holds no JSON value. Never waits for a writer.
        """
        value = self._engine.get(self.name, (key,)).get(key, MISSING)
        if isinstance(value, StoreError):
            raise value
        if self._ops is not None:
            self._tell("get", key, found=value is not MISSING, count=int(value is not MISSING), value=value)
        return default if value is MISSING else value

    def list_keys(self, prefix: str | None = None, *, limit: int | None = None, after: str | None = None) -> list[str]:
        """The keys that start with ``prefix``, sorted by code point; at most ``limit`` of those past ``after``."""
        found = self._engine.keys(self.name, text_or_all(prefix))
        if after is not None:
            del found[: bisect_right(found, text_or_all(after))]
        if limit is not None:
            if limit < 0:
                raise ValueError(f"limit={limit} is negative; None is no limit")
            del found[limit:]
        if self._ops is not None:
            self._tell("list_keys", prefix, count=len(found))
        return found

    def list_namespaces(self, prefix: str | None = None) -> list[str]:
        """The namespaces that hold at least one key, sorted by code point."""
        found = self._engine.namespaces()
        if prefix:
            found = [name for name in found if name.startswith(text_or_all(prefix))]
        if self._ops is not None:
            self._tell("list_namespaces", prefix, count=len(found))
        return found

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
        return self._settle("get_many", None, self._engine.get(self.name, key_list(keys)), errors)

    @overload
    def get_prefix(self, prefix: str, *, errors: Literal["raise", "skip"] = ...) -> dict[str, Any]: ...
    @overload
    def get_prefix(self, prefix: str, *, errors: Literal["report"]) -> Report: ...
    def get_prefix(self, prefix: str, *, errors: Errors = "raise") -> dict[str, Any] | Report:
        """The values of all keys that start with ``prefix``; bad files as in `get_all`."""
        return self._settle("get_prefix", prefix, self._engine.read_all(self.name, text_or_all(prefix)), errors)

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
        found = len(self._engine.keys(self.name, text_or_all(prefix)))
        self._tell("count", prefix, count=found)
        return found

    def items(self, *, errors: Literal["raise", "skip"] = "raise") -> Iterator[tuple[str, Any]]:
        """Every key with its value, in order, one at a time: see `scan`."""
        return self.scan(errors=errors)

    def scan(
        self, prefix: str | None = None, *, after: str | None = None, errors: Literal["raise", "skip"] = "raise"
    ) -> Iterator[tuple[str, Any]]:
        """Keys that start with ``prefix`` and lie past ``after``, in order, each read when its turn comes.

        Memory is bounded by the names in the largest directory. Bad files are passed over and raised at the
        end, as `BadValues` without values; ``errors="skip"`` only passes over them.
        """
        _require_choice(errors, "raise", "skip")
        return self._scan(text_or_all(prefix), None if after is None else text_or_all(after), errors)

    def _scan(self, prefix: str, after: str | None, errors: Errors) -> Iterator[tuple[str, Any]]:
        bad: dict[str, StoreError] = {}
        count = 0
        try:
            for key, value in self._engine.scan(self.name, prefix, after):
                if isinstance(value, StoreError):
                    bad[key] = value
                else:
                    count += 1
                    yield key, value
        finally:  # also where the caller has seen enough
            self._tell("scan", prefix or None, count=count)
        if bad and errors == "raise":
            raise self._bad_values({}, bad)

    def stats(self) -> Usage:
        """How many keys the namespace holds, and how many bytes they take."""
        usage = self._engine.usage(self.name)
        self._tell("stats", None, count=usage.keys)
        return usage

    def __contains__(self, key: object) -> bool:
        return isinstance(key, str) and self.exists(key)

    def __iter__(self) -> Iterator[str]:
        return iter(self.list_keys())

    def __getitem__(self, key: str) -> Any:
        value = self.get(key, MISSING)
        if value is MISSING:
            raise self._not_found(key)
        return value

    def __bool__(self) -> bool:
        return True

    @staticmethod
    def key(*parts: str | int) -> str:
        """One key of several parts joined by ``:``; a part's own separators are percent-encoded: none breaks out."""
        return keys.join(parts)

    @property
    def aio(self) -> AsyncView:
        """The same verbs to be awaited, each in a thread: ``await data_store.aio.get(key)``."""
        from fsstore.views import AsyncView

        return AsyncView(self)

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
        self, verb: str, key: str | None, *, found: bool | None = None, count: int = 0, value: Any = MISSING
    ) -> None:
        if self._ops is not None:
            preview = "" if value is MISSING else values.brief(value, _PREVIEW)
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


def key_list(wanted: Iterable[str]) -> list[str]:
    """The keys as a list. Raises `InvalidName` for a single ``str``, and for what is none."""
    if isinstance(wanted, str):
        raise InvalidName(f"a list of keys is wanted, not one str: [{wanted!r}]", name=wanted, reason="not a list")
    names = list(wanted)
    for name in names:
        keys.require_text(name, "key")
    return names


def text_or_all(prefix: str | None) -> str:
    """A prefix, where ``None`` is that of every key. Raises `InvalidName` for what is no ``str``."""
    if prefix is None:
        return ""
    keys.require_text(prefix, "prefix")
    return prefix


def require_plain(fn: Any) -> None:
    """Raise `UnsupportedType` for a coroutine function where a plain one is called in one step."""
    if getattr(getattr(fn, "__code__", None), "co_flags", 0) & _CO_COROUTINE:
        raise UnsupportedType(
            "the function is a coroutine function; it is called in one step and cannot wait: await before, and give a "
            "plain function",
            json_path="$",
            type_name="coroutine",
        )


def _require_choice(value: str, *choices: str) -> None:
    if value not in choices:
        raise ValueError(f"errors={value!r} is none of {', '.join(choices)}")
