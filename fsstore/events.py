"""What a watcher is told: changes of keys, and how the watching goes; pure data. It watches nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, NamedTuple

from fsstore import values
from fsstore.errors import StoreError
from fsstore.records import Author, timestamp

Kind = Literal["created", "updated", "deleted", "expired", "invalid", "ready", "resync"]

GONE: tuple[Kind, ...] = ("deleted", "expired")
"""Of a key that is not there any more."""

Told = dict[str, dict[str, bytes]]
"""What somebody has been told of: by namespace and key the mark of the content, as an engine made it.

The last `REVISION` bytes of a mark are the revision. What precedes them, if anything does, is the engine's own.
"""

REVISION = 20
"""Bytes of a revision in a mark: half as many as the digits that it has elsewhere."""
UNKNOWN = bytes(REVISION)
"""The revision in the mark of what has not been read."""
UNREADABLE = b"\xff" * REVISION
"""The revision in the mark of what cannot be read."""
ENDED = b"\xfe" * REVISION
"""The revision in the mark of what has ended by itself, and has a file still: it counts as not there."""


def revision_of(mark: bytes) -> str | None:
    """The revision that a mark tells, if it does; an empty one is that of nothing."""
    raw = mark[-REVISION:]
    return None if raw in (b"", UNKNOWN, UNREADABLE, ENDED) else raw.hex()


class Event(NamedTuple):
    """One observed change of one key, or of how it is watched.

    ``ready`` comes after the last event of an initial state. ``resync`` comes when there were more changed keys than
    the subscription may hold: what was to be told is dropped, and the state has to be read anew. Both are of no key.
    """

    kind: Kind
    namespace: str = ""
    key: str = ""
    value: Any = None
    """The new value; ``None`` where there is none to be told."""
    mark: bytes = b""
    """What a cursor keeps of the new content; empty where there is none."""
    old_mark: bytes = b""
    """The mark of what this watcher was told before; empty where there was nothing."""
    source: Author = Author()
    """Who made the change: agent and run, or ``by_hand`` for a person."""
    at: float = 0.0
    """When, as far as it can be known, in seconds since the epoch."""
    commit: str | None = None
    """The same for all keys that one call or transaction changed together; ``None`` for a key alone."""
    own: bool = False
    """Whether this process made the change, through fsstore."""
    error: StoreError | None = None
    """Of kind ``invalid``: why the file cannot be read, a `BadValue` with line and column if it is no JSON.

    A `SchemaViolation` if it can be, and the schema of its namespace does not allow the value; which is told then.
    """
    merged: int = 0
    """How many earlier changes of the key that were not told are in this one; of a ``resync``, how many events."""

    def __repr__(self) -> str:
        shown = (f"{name}={found!r}" for name, found in zip(self._fields, self, strict=True) if _is_told(name, found))
        return f"Event({', '.join(shown)})"

    @property
    def revision(self) -> str | None:
        """Of the new content; ``None`` where there is none."""
        return revision_of(self.mark)

    @property
    def old_revision(self) -> str | None:
        """Of the content that this watcher was told of before; ``None`` where there was none, or it is not known."""
        return revision_of(self.old_mark)

    @property
    def time(self) -> str:
        """When, as far as it can be known: ISO 8601, UTC; empty where it is not."""
        return timestamp(self.at) if self.at else ""

    def as_dict(self) -> dict[str, Any]:
        """The event as a JSON object."""
        return {
            "kind": self.kind,
            "namespace": self.namespace,
            "key": self.key,
            "value": self.value,
            "revision": self.revision,
            "old_revision": self.old_revision,
            "agent": self.source.agent,
            "run": self.source.run,
            "by_hand": self.source.by_hand,
            "time": self.time,
            "commit": self.commit,
            "own": self.own,
            "merged": self.merged,
            "error": None if self.error is None else str(self.error),
        }


def merged(older: Event, newer: Event, count: int | None = None) -> Event:
    """One event for two of a key, of which the first has not been dealt with.

    ``count``: for how many events before the newer one, if there were others between them.
    """
    kind = newer.kind
    if kind in ("created", "updated"):
        kind = "updated" if older.old_mark else "created"
    count = older.merged + 1 if count is None else count
    return newer._replace(kind=kind, old_mark=older.old_mark, merged=newer.merged + count)


def _is_told(name: str, found: Any) -> bool:
    """Whether a field of an event is for people, and other than usual."""
    return name not in ("mark", "old_mark") and found != Event._field_defaults.get(name)


class Content:
    """In an event's value: the bytes of it, which whoever hands the event on decodes, in a thread of theirs."""

    __slots__ = ("_raw", "_wrong")

    def __init__(self, raw: bytes, wrong: Callable[[Event, values.Malformed], StoreError]) -> None:
        """``wrong`` makes the error for what turns out to be no value."""
        self._raw, self._wrong = raw, wrong

    def of(self, event: Event) -> Event:
        """The event with a value that nobody else has; of kind ``invalid`` if there is none in these bytes."""
        kind, namespace, key, _, mark, old_mark, source, at, commit, own, error, merged = event
        value = None
        try:
            value = values.decode(self._raw)
        except values.Malformed as malformed:
            kind, error = "invalid", self._wrong(event, malformed)
        fields = (kind, namespace, key, value, mark, old_mark, source, at, commit, own, error, merged)
        return tuple.__new__(Event, fields)  # what `Event` itself does takes twice as long


class WatchStatus(NamedTuple):
    """How the watching of a store goes, in this process."""

    mode: Literal["off", "inotify", "polling", "memory"]
    """``off``: nobody watches. ``polling``: by looking at every file, again and again."""
    reason: str = ""
    """Why it is polled; empty if it is not."""
    keys: int = 0
    """How many are known."""
    directories: int = 0
    unwatched: tuple[str, ...] = ()
    """Directories, relative to the store, that the kernel refused to watch: they are polled."""
    overflows: int = 0
    """How often the kernel's queue was too short; each time everything was looked at anew."""
    rescans: int = 0
    held: int = 0
    """Files that are not told yet, because somebody may still be writing them, or about to put them back."""
    lag: float = 0.0
    """Seconds that the oldest change which is not told yet has waited."""
    subscriptions: int = 0
    missing: bool = False
    """Whether the store's directory is not there; nothing is told until it is back."""
