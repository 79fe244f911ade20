"""The seam: what every place that holds records must do, and what may be asked of it. Nothing is stored here.

Values go in as the bytes that `fsstore.values.encode` made and come out decoded, a fresh object each
time. Where a stored value cannot be read, its `StoreError` comes out in its place, so that one bad
file never hides the others.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import Enum
from typing import Any, NamedTuple, Protocol

from fsstore.errors import Conflict, TooLarge
from fsstore.records import Author, Finding, Record, Usage


class Expect(Enum):
    """What a write may demand of its key beside a revision (a plain ``str``)."""

    ANYTHING = "anything"
    ABSENT = "absent"


class Put(NamedTuple):
    """Store ``raw`` under the key; ``metadata`` is merged over what the record had."""

    namespace: str
    key: str
    raw: bytes
    metadata: Mapping[str, Any] | None = None
    expect: Expect | str = Expect.ANYTHING


class Delete(NamedTuple):
    """Remove the key and its metadata."""

    namespace: str
    key: str
    expect: Expect | str = Expect.ANYTHING


Op = Put | Delete


def require_expected(op: Op, actual: str | None) -> None:
    """Raise `Conflict` unless the key's revision (``None``: no such key) is what the op expects."""
    expected = None if isinstance(op.expect, Expect) else op.expect
    if op.expect is Expect.ANYTHING or actual == expected:
        return
    found, way_out = f"has revision {actual}", "Read it again, and decide anew."
    if actual is None:
        found = "does not exist"
    elif expected is None:
        found, way_out = "exists already", "Choose another key; copy and move replace it with overwrite=True."
    raise Conflict(
        f"key {op.key!r} of namespace {op.namespace!r} {found}. {way_out}",
        namespace=op.namespace,
        key=op.key,
        expected=expected,
        actual=actual,
    )


MAX_VALUE_BYTES = 64 * 1024 * 1024
"""The largest value an engine stores unless it is told otherwise, in bytes of JSON."""


def require_size(op: Put, limit: int) -> None:
    """Raise `TooLarge` for a value of more than ``limit`` bytes."""
    if len(op.raw) > limit:
        raise too_large(len(op.raw), limit, f"key {op.key!r} of namespace {op.namespace!r}")


def too_large(size: int, limit: int, what: str) -> TooLarge:
    """The error for content that is over the limit."""
    return TooLarge(
        f"{what}: {size:,} bytes, over the store's limit of {limit:,}. Split the value over several keys, or raise "
        f'"max_value_bytes" in the settings of fsstore.json.',
        size=size,
        limit=limit,
    )


class Outcome(Enum):
    """What an op found and did."""

    CREATED = "created"
    UPDATED = "updated"
    UNCHANGED = "unchanged"
    """The value was there already; nothing was written."""
    DELETED = "deleted"
    MISSING = "missing"


class Capabilities(NamedTuple):
    """What an engine can do, as data."""

    read_only: str = ""
    """Why nothing can be written; empty if it can."""
    durability: frozenset[str] = frozenset()
    """The modes its commits can promise."""


class Reader(Protocol):
    """Anything that can be read: an engine, a past snapshot, an open transaction."""

    @property
    def capabilities(self) -> Capabilities:
        """What it can do."""
        ...

    def get(self, namespace: str, keys: Iterable[str]) -> dict[str, Any]:
        """The values of those keys that exist, or in a value's place the `StoreError` of reading it."""
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
        """What `get` of all `keys` would give, sorted by key, at the price of one pass."""
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

    def check(self) -> Iterator[Finding]:
        """All that is no healthy record."""
        ...


class Engine(Reader, Protocol):
    """A reader that can be written."""

    def commit(self, ops: Sequence[Op], author: Author) -> list[Outcome]:
        """The one way to write. Every op's key is locked, every expectation checked before the first change.

        Raises `Conflict` with nothing changed. No two ops may name the same key.
        """
        ...

    def close(self) -> None:
        """Release what the engine holds. Closing twice is nothing."""
        ...
