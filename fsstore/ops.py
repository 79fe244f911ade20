"""What a commit is made of: ops, what each expects of its key, and what it came to. Nothing is stored here."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from typing import Any, NamedTuple

from fsstore.errors import Conflict, TooLarge


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
    anew: bool = False
    """Whether the record begins anew: nothing is merged."""
    exact: bool = False
    """Whether the very bytes are wanted, though the value be the same."""
    expires: float | None = None
    """When the key ends by itself, in seconds since the epoch; ``None``: never, whatever was said of it before."""
    keeps: bool = False
    """Whether a key that is there ends when it would have; ``expires`` is for one that is not."""
    by_file: bool = False
    """Whether the expected revision is that of the file, also where its key has ended by itself."""


class Delete(NamedTuple):
    """Remove the key and its metadata."""

    namespace: str
    key: str
    expect: Expect | str = Expect.ANYTHING
    ended: bool = False
    """Whether only a key that has ended by itself is meant, so that nothing of it remains."""
    by_file: bool = False
    """As of a `Put`."""


class Verdict(Enum):
    """What an `Update` decides instead of a new content."""

    KEEP = "keep"
    REMOVE = "remove"


REMOVE = Verdict.REMOVE
"""What a function given to ``update`` returns to have the key removed."""


class Update(NamedTuple):
    """Replace the key's value by what ``change`` makes of it, in one step.

    ``change`` gets the value, or `MISSING`, while the key is locked, and returns the new content or a `Verdict`.
    What it raises is raised, and nothing changes. It is called again if a person changed the file meanwhile.
    """

    namespace: str
    key: str
    change: Callable[[Any], bytes | Verdict]
    expires: float | None = None
    """When the key ends by itself, if this makes it; one that is there ends when it would have."""


class Expire(NamedTuple):
    """Say anew when the key ends by itself, in seconds since the epoch; ``None``: never. A missing key stays so."""

    namespace: str
    key: str
    expires: float | None


class Check(NamedTuple):
    """The key must have this revision (``None``: must not exist), and this metadata if any is named."""

    namespace: str
    key: str
    revision: str | None
    metadata: Mapping[str, Any] | None = None
    ends: bool = False
    """Whether it must end by itself when ``expires`` says."""
    expires: float | None = None


class CheckScan(NamedTuple):
    """The keys that start with ``prefix`` must be these, sorted: no other may have come or gone.

    Without a namespace it is about the namespaces that hold a key.
    """

    namespace: str | None
    prefix: str
    names: tuple[str, ...]


Op = Put | Delete | Update | Expire | Check | CheckScan

Change = Put | Delete | Update | Expire

MISSING: Any = object()
"""No value, where ``None`` is one."""


def require_expected(namespace: str, key: str, expected: Expect | str | None, actual: str | None) -> None:
    """Raise `Conflict` unless the key's revision (``None``: no such key) is what is expected."""
    if expected is Expect.ANYTHING:
        return
    wanted = expected if isinstance(expected, str) else None
    if actual == wanted:
        return
    found, way_out = f"has revision {actual}", "Read it again, and decide anew."
    if actual is None:
        found = "does not exist"
    elif wanted is None:
        found, way_out = "exists already", "Choose another key; copy and move replace it with overwrite=True."
    raise Conflict(
        f"key {key!r} of namespace {namespace!r} {found}. {way_out}",
        namespace=namespace,
        key=key,
        expected=wanted,
        actual=actual,
    )


def require_metadata(check: Check, actual: Mapping[str, Any]) -> None:
    """Raise `Conflict` if the metadata beside a value is not what it was."""
    if check.metadata is not None and dict(actual) != dict(check.metadata):
        raise _changed_beside(check, "metadata")


def require_end(check: Check, actual: float | None) -> None:
    """Raise `Conflict` if a key does not end by itself when it did."""
    if check.ends and actual != check.expires:
        raise _changed_beside(check, "end")


def _changed_beside(check: Check, what: str) -> Conflict:
    return Conflict(
        f"the {what} of key {check.key!r} of namespace {check.namespace!r} was changed. Read it again, and decide "
        "anew.",
        namespace=check.namespace,
        key=check.key,
        expected=check.revision,
        actual=check.revision,
    )


def require_names(check: CheckScan, names: Sequence[str]) -> None:
    """Raise `Conflict` if the keys that start with a prefix are others than they were."""
    changed = sorted(set(names).symmetric_difference(check.names))
    if changed:
        happened = "came into being" if changed[0] in names else "went"
        what = "namespace" if check.namespace is None else f"namespace {check.namespace!r}: key"
        raise Conflict(
            f"{what} {changed[0]!r} {happened} after it was listed which there are. Read again, and decide anew.",
            namespace=check.namespace or changed[0],
            key="" if check.namespace is None else changed[0],
            expected=None,
            actual=None,
        )


MAX_VALUE_BYTES = 64 * 1024 * 1024
"""The largest value an engine stores unless it is told otherwise, in bytes of JSON."""


def require_size(namespace: str, key: str, raw: bytes, limit: int) -> None:
    """Raise `TooLarge` for a value of more than ``limit`` bytes."""
    if len(raw) > limit:
        raise too_large(len(raw), limit, f"key {key!r} of namespace {namespace!r}")


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
    HELD = "held"
    """A check: it is as it was."""
