"""The seam: what every place that holds records must do, and what may be asked of it. Nothing is stored here.

Values go in as the bytes that `fsstore.values.encode` made and come out decoded, a fresh object each
time. Where a stored value cannot be read, its `StoreError` comes out in its place, so that one bad
file never hides the others.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from fsstore.errors import Conflict, NestedWrite, StoreError, Unsupported
from fsstore.ops import Op, Outcome
from fsstore.records import Author, Backup, Claim, Finding, Holder, Record, Rules, Run, Undone, Usage
from fsstore.traces import Traces

if TYPE_CHECKING:
    from fsstore.events import Event, Told, WatchStatus


def nested(what: str) -> NestedWrite:
    """The error for a write inside a write of the same thread, which would wait for itself."""
    return NestedWrite(
        f"a write or lock on {what} inside the function of an update (or a signal handler) on it, by the same thread. "
        f"Read inside, return the new value, and write other keys afterwards, or use store.transact()."
    )


def already_under_way(run: str) -> Conflict:
    """The error for a run whose id another one has."""
    return Conflict(
        f"run {run!r} is under way. Give this one an id of its own, or none.",
        namespace="",
        key=run,
        expected=None,
        actual=None,
    )


def cursor_in_use(name: str) -> Conflict:
    """The error for the cursor of a watcher that is there already."""
    return Conflict(
        f"another watcher uses the cursor {name!r} now. Close it first, or give this one a name of its own.",
        namespace="",
        key=name,
        expected=None,
        actual=None,
    )


class Content(NamedTuple):
    """The value of a key, or the `StoreError` of reading it, and the revision it was taken from."""

    value: Any
    revision: str


class Stored(NamedTuple):
    """All that is stored of a key, to the byte."""

    raw: bytes
    value: Any
    """What the bytes mean; `MISSING` where they are no JSON value."""
    metadata: dict[str, Any]
    expires: float | None
    """When the key ends by itself, in seconds since the epoch."""


UNREADABLE = "unreadable"
"""The revision of what is there and cannot be read."""


class Capabilities(NamedTuple):
    """What an engine can do, as data."""

    read_only: str = ""
    """Why nothing can be written; empty if it can."""
    durability: frozenset[str] = frozenset()
    """The modes its commits can promise."""
    credentials: str = "off"
    """What is done about a value that looks like a credential: ``off`` (nothing), ``warn`` or ``refuse``."""

    def require_durability(self, mode: str) -> None:
        """Raise `Unsupported` for a mode that is not among them."""
        if mode not in self.durability:
            raise Unsupported(f"durability is one of: {', '.join(sorted(self.durability))}; not {mode!r}", path="")


class Reader(Protocol):
    """Anything that can be read: an engine, a past snapshot, an open transaction."""

    @property
    def place(self) -> str:
        """What names the store, the same for all that read or write it."""
        ...

    @property
    def capabilities(self) -> Capabilities:
        """What it can do."""
        ...

    def get(self, namespace: str, keys: Sequence[str]) -> dict[str, Any]:
        """The values of those keys that exist, or in a value's place the `StoreError` of reading it.

        One consistent view: of a commit of several keys all is seen or nothing.
        """
        ...

    def contents(self, namespace: str, keys: Sequence[str]) -> dict[str, Content]:
        """The same as `get`, with the revisions."""
        ...

    def all_contents(self, namespace: str, prefix: str = "") -> dict[str, Content]:
        """The same as `read_all`, with the revisions."""
        ...

    def rules(self, namespace: str) -> Rules:
        """What holds for all keys of a namespace. Raises the `StoreError` of reading it."""
        ...

    def ended(self, namespace: str | None = None) -> list[tuple[str, str]]:
        """Namespaces and keys, sorted, of what has ended by itself and has not been removed yet: it is missing."""
        ...

    def moment(self) -> object:
        """Equal to an earlier one if no commit of several keys began or ended in between."""
        ...

    def has(self, namespace: str, key: str) -> bool:
        """Is the key there? Nothing is read."""
        ...

    def keys(self, namespace: str, prefix: str = "") -> list[str]:
        """All keys that start with ``prefix``, sorted by code point; the caller owns the list."""
        ...

    def scan(self, namespace: str, prefix: str = "", after: str | None = None) -> Iterator[tuple[str, Any]]:
        """Keys past ``after``, in order, each with its value (or the error of reading it).

        Memory is bounded by one directory's names, not by the number of keys.
        """
        ...

    def read_all(self, namespace: str, prefix: str = "") -> dict[str, Any]:
        """What `get` of all `keys` would give, sorted by key, at the price of one pass; one consistent view."""
        ...

    def record(self, namespace: str, key: str) -> Record | None:
        """The record of a key from one read of its file. Raises the `StoreError` of reading it."""
        ...

    def usage(self, namespace: str) -> Usage:
        """Number and size of the namespace's records."""
        ...

    def namespaces(self) -> list[str]:
        """Namespaces that hold at least one key, sorted by code point."""
        ...

    def traces(self, namespace: str) -> Traces | None:
        """What tells an index of a namespace's changes; ``None`` where nothing does, and all is to be read."""
        ...

    def check(self, *, fix: bool = False) -> Iterator[Finding]:
        """All that is no healthy record; with ``fix``, what can safely be mended is mended, and said to be."""
        ...


class Sink(Protocol):
    """What a feed tells of changes, one at a time."""

    def put(self, event: Event) -> None:
        """Take an event, whose value may be a `Content` that is still to be decoded. Must not wait."""
        ...

    def end(self, error: StoreError | None) -> None:
        """Nothing more will come; with the error why, if it was not asked for."""
        ...


class Feed(Protocol):
    """The changes of what an engine holds, as this process observes them, whoever makes them."""

    def attach(
        self, sink: Sink, namespace: str | None = None, since: Told | None = None, *, tell: bool = False
    ) -> Told | None:
        """Tell a sink of every change from now on, in one namespace or in all, and begin to watch if nobody does.

        First, before this returns, it is told of all that differs from ``since`` (``{}``: of every key there is).
        Without ``since`` it is told of nothing first. Returns, if asked to ``tell``, what is there as the sink knows
        it then.
        """
        ...

    def detach(self, sink: Sink) -> None:
        """Tell it nothing more; the last one ends the watching. Nothing, if it is not attached."""
        ...

    def told(self, namespace: str | None = None) -> Told:
        """What all have been told that was there. To be called within ``put``, or it is late already.

        Raises `Closed` if it is known no more, as nobody is told any more.
        """
        ...

    def sync(self, timeout: float) -> None:
        """Return when every change that was complete before the call has been put. Raises `WaitTimeout`."""
        ...

    def status(self) -> WatchStatus:
        """How it goes."""
        ...


class Cursor(Protocol):
    """What a watcher with a name has handled, kept for the time when it comes back."""

    def load(self) -> Told | None:
        """What it had handled; ``None`` if it is new."""
        ...

    def reset(self, told: Told) -> None:
        """It has handled all of this, and nothing else."""
        ...

    def note(self, namespace: str, key: str, mark: bytes) -> None:
        """It has handled this; with an empty mark, that the key is gone."""
        ...

    def close(self) -> None:
        """Free the name for others. Twice is nothing."""
        ...


class Engine(Reader, Protocol):
    """A reader that can be written."""

    @property
    def identity(self) -> str | None:
        """The store's id, the same wherever it lies; ``None`` if it has none."""
        ...

    def stored(self, namespace: str, keys: Sequence[str]) -> dict[str, Stored | StoreError]:
        """All that is stored of those keys that exist, in their order, or the error of reading it.

        One consistent view, as in `get`. Bytes that are no JSON value are no error here.
        """
        ...

    def scan_stored(
        self, namespace: str, prefix: str = "", after: str | None = None
    ) -> Iterator[tuple[str, Stored | StoreError]]:
        """The same of all keys that start with ``prefix`` and lie past ``after``, in order, as `scan` gives them."""
        ...

    def feed(self) -> Feed:
        """The changes. Nothing is watched before somebody is attached."""
        ...

    def cursor(self, name: str) -> Cursor:
        """The cursor of this name, for one watcher at a time. Raises `Conflict` if another one has it."""
        ...

    def commit(
        self, ops: Sequence[Op], author: Author, *, durability: str | None = None, claim: Claim | None = None
    ) -> list[Outcome]:
        """The one way to write: all or nothing, whatever dies in the middle.

        Every op's key is locked and every expectation checked before the first change; raises `Conflict` with
        nothing changed. No two ops may change the same key. ``durability`` is one of the capabilities' modes, the
        engine's own by default. With a ``claim`` nothing is written unless it is still the newest of its name
        (`LeaseLost`).
        """
        ...

    def set_rules(self, namespace: str, members: Mapping[str, Any], author: Author) -> Rules:
        """Change members of a namespace's rules, ``None`` takes one away; the new ones.

        Atomic. When it returns, every process goes by them.
        """
        ...

    def acquire(self, name: str, timeout: float, ttl: float | None, author: Author) -> Claim:
        """Lock a name, for at most ``ttl`` seconds if given. Raises `LockTimeout` after ``timeout`` seconds."""
        ...

    def release(self, claim: Claim) -> None:
        """Unlock. Nothing, if it is lost already."""
        ...

    def renew(self, claim: Claim, ttl: float | None = None) -> Claim:
        """Hold a lease for ``ttl`` seconds from now. Raises `LeaseLost`."""
        ...

    def holder(self, name: str) -> Holder | None:
        """Who holds a name."""
        ...

    def fenced(self, claim: Claim) -> AbstractContextManager[None]:
        """Nobody else gets the name in the body, however long it takes. Raises `LeaseLost`."""
        ...

    def begin_run(self, run: Run) -> None:
        """Note a run that begins. Raises `Conflict` if one of its id is under way."""
        ...

    def end_run(self, run: Run) -> None:
        """Note that it has ended, and how."""
        ...

    def undo_run(self, run: Run) -> Undone:
        """Put back what the keys of an undoable run were, but for those that somebody else has written since."""
        ...

    def backup(self, directory: str, *, new_id: bool) -> Backup:
        """Copy all records, as they are at one instant, to a directory. Raises `Unsupported` if they are no files."""
        ...

    def close(self) -> None:
        """Release what the engine holds. Closing twice is nothing."""
        ...
