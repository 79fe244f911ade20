"""What a job is: its keys, its record, and what a worker is given of it. It knows no store."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from fsstore.keys import join
from fsstore.recipes import ulids
from fsstore.recipes.shapes import Misshapen

if TYPE_CHECKING:
    from fsstore.reading import ReadHandle

HIGHEST = 499
_MIDDLE = 500


class Job(NamedTuple):
    """One item of a queue, leased to a worker, or given for good. It may be handed to another thread or process."""

    id: str
    item: Any
    attempts: int
    """How often it was given to a worker, this time included."""
    priority: int
    put_at: str | None
    """ISO 8601, UTC; ``None`` for a job that a person put there without it."""
    key: str
    """Where its record is."""
    until: str = ""
    """When the lease ends unless it is extended: ISO 8601, UTC. Empty, as what follows, of one for good."""
    token: str = ""
    """Which lease this is; the record has it as long as no other has taken its place."""
    revision: str = ""
    """Of the record, as it was leased."""

    @property
    def has_key_of_its_own(self) -> bool:
        """Whether its id is that of its first place, where it still is: then there is no other key about it."""
        return is_own(self.key, self.id)


class DeadLetter(NamedTuple):
    """A job that was given up."""

    id: str
    item: Any
    attempts: int
    priority: int
    put_at: str | None
    died_at: str | None
    """ISO 8601, UTC."""
    error: str | None
    """What the last worker said that it failed of."""


class QueueStats(NamedTuple):
    """How many jobs of a queue there are, by what is to happen to them."""

    ready: int
    """May be taken now; those whose lease has ended are among them."""
    delayed: int
    """Not due yet."""
    leased: int
    """With a worker."""
    dead: int
    done: int
    """Results that nobody has collected."""
    broken: int
    """Files that hold no job, which are passed over: see the log of ``fsstore``."""


class Keys:
    """The keys of one queue."""

    def __init__(self, name: str) -> None:
        self.jobs = f"{name}:jobs:"
        self.dead = f"{name}:dead:"
        self.done = f"{name}:done:"
        self._ids = f"{name}:ids:"

    def job(self, priority: int, due: str, id: str | None) -> str:
        """Of a job: all keys in order are the jobs in theirs, by priority, then by when they are due."""
        leaf = due if id is None else f"{due}.{join([id])}"
        return f"{self.jobs}{_MIDDLE - priority:03d}:{leaf}"

    def letter(self, id: str) -> str:
        """Of a dead one."""
        return self.dead + join([id])

    def result(self, id: str) -> str:
        """Of what came of one."""
        return self.done + join([id])

    def marker(self, id: str) -> str:
        """Of the note that there is a job of an id that its user chose."""
        return self._ids + join([id])

    def id_of(self, key: str) -> str:
        """Which job a key is of, be it in a line, dead or done. Only in a line the time may stand before the id."""
        leaf = _leaf(key)
        is_dated = leaf[ulids.LENGTH : ulids.LENGTH + 1] == "." and ulids.is_ulid(leaf[: ulids.LENGTH])
        if is_dated and key.startswith(self.jobs):
            leaf = leaf[ulids.LENGTH + 1 :]
        return leaf.replace("%3A", ":").replace("%2F", "/").replace("%25", "%")

    def priority_of(self, key: str) -> int:
        """Of a job, by its key."""
        return _MIDDLE - int(key[len(self.jobs) :][:3])

    def listed(self, space: ReadHandle) -> list[str]:
        """The keys of all jobs, in order. What belongs to a queue that is called ``NAME:jobs`` is none of them."""
        return [key for key in space.list_keys(self.jobs) if self.is_job(key)]

    def letters(self, space: ReadHandle) -> list[str]:
        """The keys of all dead letters. What belongs to a queue that is called ``NAME:dead`` is none of them."""
        return _children(space, self.dead)

    def results(self, space: ReadHandle) -> list[str]:
        """The keys of all results. What belongs to a queue that is called ``NAME:done`` is none of them."""
        return _children(space, self.done)

    def is_job(self, key: str) -> bool:
        """Whether a key that begins as those of jobs do has the rest of one: a rank and a leaf."""
        place = key[len(self.jobs) :]
        return place[3:4] == ":" and place[:3].isdecimal() and ":" not in place[4:] and "/" not in place


def is_own(key: str, id: str) -> bool:
    """Whether the key of a job is called by its id alone, which no user chose: then no marker tells where it is."""
    return key.endswith(f":{id}")


def is_due(key: str, bound: str) -> bool:
    """Whether a job is due at the time whose first ULID begins so. What has no time in its key is due."""
    leaf = _leaf(key)
    return leaf[:10] <= bound or not ulids.is_ulid(leaf[: ulids.LENGTH])


def _children(space: ReadHandle, prefix: str) -> list[str]:
    """The keys that have one part more than this prefix."""
    return [key for key in space.list_keys(prefix) if not (":" in (rest := key[len(prefix) :]) or "/" in rest)]


def _leaf(key: str) -> str:
    return key[key.rfind(":") + 1 :]


class Record(NamedTuple):
    """The value of a job's key, taken apart: what is missing in it is as in a new one."""

    value: dict[str, Any]
    attempts: int
    until: float
    """When its lease ends, in seconds since the epoch; 0 without one."""
    token: str | None

    @classmethod
    def of(cls, value: Any) -> Record:
        """Raises `Misshapen`."""
        if not isinstance(value, dict) or "item" not in value:
            raise Misshapen('a job is an object with the member "item"')
        attempts = value.get("attempts", 0)
        if not isinstance(attempts, int) or attempts < 0:
            raise Misshapen('"attempts" is a number from 0 on')
        lease = value.get("lease")
        if lease is None:
            return cls(value, attempts, 0.0, None)
        if not isinstance(lease, dict):
            raise Misshapen('"lease" is null, or an object')
        try:
            until = datetime.fromisoformat(lease["until"])
        except (KeyError, TypeError, ValueError):
            raise Misshapen('"until" of "lease" is a time such as 2026-11-26T18:00:00+00:00') from None
        return cls(
            value, attempts, (until if until.tzinfo else until.replace(tzinfo=UTC)).timestamp(), lease.get("token")
        )
