"""What a store tells of a key beside its value; pure data, no engine."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

# The first and the last second that a date can be.
_FIRST, _LAST = -62135596800.0, 253402300799.0


class Author(NamedTuple):
    """Who writes: an agent, in a run. Both ``None`` for a program that gave no name."""

    agent: str | None = None
    run: str | None = None
    by_hand: bool = False
    """Whether it is no program, but what a person had written, or deleted, is put back."""
    undoing: str | None = None
    """The run that is rolled back, so that what this author left is there again."""


class Run(NamedTuple):
    """One run of an agent, as it is noted while it lasts, and until its changes are in a snapshot."""

    id: str
    agent: str | None
    parent: str | None
    """The run in which it was begun."""
    since: str
    """ISO 8601, UTC."""
    status: str
    """``running``, or how it ended: ``ok``, ``failed``, ``rolled back``; a run whose process died was ``killed``."""
    input: str | None
    """A digest of what it was given."""
    undoable: bool
    """Whether what it overwrites is kept until it ends."""


class Undone(NamedTuple):
    """What became of the keys of a run that was taken back, as (namespace, key)."""

    restored: list[tuple[str, str]]
    left: list[tuple[str, str]]
    """Somebody else has written them since, so they were left as they are."""


class Record(NamedTuple):
    """A value with all that the store knows about it, taken from one read of its file."""

    namespace: str
    key: str
    value: Any
    metadata: dict[str, Any]
    """What callers of ``set`` gave; ``{}`` where none did."""
    created_at: str
    """ISO 8601, UTC."""
    updated_at: str
    """ISO 8601, UTC; for a person's edit the file's modification time."""
    created_by: str | None
    """The agent's name; ``None`` for a person, or a program that gave no name."""
    updated_by: str | None
    """The agent's name; ``None`` for a person, or a program that gave no name."""
    revision: str
    """Opaque; the same for the same bytes."""
    size: int
    """Bytes of the value's file."""
    path: str
    """Where a person finds it."""
    expires_at: str | None = None
    """When it ends by itself, ISO 8601, UTC; ``None`` if it does not."""

    def as_dict(self) -> dict[str, Any]:
        """The record as a JSON object."""
        return self._asdict()


OFF, WARN, REFUSE = POLICIES = ("off", "warn", "refuse")
"""What is done about a value that looks like a credential."""


class Rules(NamedTuple):
    """What holds for all keys of a namespace, for everybody who writes there: its tracked ``.meta/.namespace.json``."""

    members: Mapping[str, Any] = {}  # nobody changes it
    """The file's object, with what this version does not know."""

    @property
    def schema(self) -> Any:
        """The JSON Schema of its values; ``None`` if there is none."""
        return self.members.get("schema")

    @property
    def ttl(self) -> float | None:
        """Seconds that a key lasts after it was set, where the writer says nothing else; ``None``: for ever."""
        found: float | None = self.members.get("ttl")
        return found

    @property
    def expires(self) -> bool:
        """Whether any key may end by itself. Where none may, nobody looks for it."""
        return bool(self.members.get("expires")) or self.ttl is not None

    @property
    def indexed(self) -> Mapping[str, Any]:
        """What is to be indexed: ``fields``, a list of paths such as ``a.b``, and ``text``, the same for full text."""
        found: Mapping[str, Any] = self.members.get("index") or {}
        return found


NO_RULES = Rules()


class Claim:
    """A name that is locked by whoever has this object. An engine makes it, and frees the name when it is dropped."""

    __slots__ = ("__weakref__", "name", "token", "ttl", "until")

    def __init__(self, name: str, token: int, ttl: float | None, until: float | None) -> None:
        self.name = name
        self.token = token
        """Larger than that of every earlier claim of the store."""
        self.ttl = ttl
        self.until = until
        """When a lease ends, in seconds since the machine was started; ``None`` if it does not end by itself."""


class Holder(NamedTuple):
    """Who holds a name."""

    name: str
    pid: int
    host: str
    agent: str | None
    run: str | None
    since: str
    """ISO 8601, UTC."""
    token: int
    remaining: float | None
    """Seconds until a lease ends by itself; ``None`` for a lock without ``ttl``."""


class Usage(NamedTuple):
    """How much a namespace, or a store, holds."""

    namespaces: int
    keys: int
    bytes: int
    """Sum of the sizes of the values' files."""


class Replaced(NamedTuple):
    """What ``replace_all`` did, as sorted lists of keys."""

    added: list[str]
    changed: list[str]
    removed: list[str]
    unchanged: list[str]


class Report(NamedTuple):
    """A bulk read that met bad files: the good values, and one error per bad key."""

    values: dict[str, Any]
    errors: Mapping[str, Exception]


class Adoption(NamedTuple):
    """What the files of a directory are once it is a store."""

    keys: dict[str, list[str]]
    """Keys by namespace."""
    foreign: list[str]
    """Paths, relative to the directory, of files that are no records."""


class Finding(NamedTuple):
    """Something in a store that is no healthy record, as ``doctor`` reports it."""

    path: str
    """Relative to the store."""
    problem: str
    """A short, stable word for programs: ``bad-value``, ``not-canonical``, ``foreign``, ..."""
    detail: str
    """What it is and what to do, for people."""
    repair: str = ""
    """What was done about it; empty if it is as it was."""


class Backup(NamedTuple):
    """A copy of a whole store."""

    path: str
    """Where it is."""
    id: str
    """Of the copy: that of the store, unless it was to get a new one."""
    files: int
    bytes: int
    skipped: list[str]
    """Paths, relative to the store, that were not copied: git's directory, devices, pipes, sockets."""


def seconds_of(timestamp: str) -> float:
    """The reverse of `timestamp`, of any ISO 8601 time; without a zone it is UTC. Raises `ValueError`."""
    found = datetime.fromisoformat(timestamp)
    seconds = (found if found.tzinfo is not None else found.replace(tzinfo=UTC)).timestamp()
    return min(max(seconds, _FIRST), _LAST)  # a zone may be ahead of the first date or behind the last


def timestamp(seconds: float) -> str:
    """Seconds since the epoch as ISO 8601 in UTC, to the microsecond."""
    seconds = min(max(seconds, _FIRST), _LAST)  # file systems know times that dates do not reach
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="microseconds")
