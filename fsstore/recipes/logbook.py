"""A log with a file for each entry, so that many write and git merges them without a conflict. It keeps no index.

An entry's key is ``NAME:YYYY-MM-DD:ULID``: the day, in UTC, is a directory, which people find and which stays small.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from fsstore.errors import BadValues, InvalidName
from fsstore.recipes import ulids
from fsstore.recipes.recipe import Recipe
from fsstore.records import seconds_of, timestamp

if TYPE_CHECKING:
    from fsstore.watching.subscription import Subscription

_CHUNK = 256
"""Entries that are read, or deleted, in one call."""
_END = re.compile(rf"\d{{4}}-\d\d-\d\d:({ulids.PATTERN.pattern})")


class LogEntry(NamedTuple):
    """One entry of a logbook."""

    id: str
    """A ULID: those of one process are in the order in which it appended, all are in the order of their time."""
    time: str
    """When it was appended: ISO 8601, UTC, to the millisecond."""
    value: Any


class Logbook(Recipe):
    """Entries in the order of their time. What else lies under its name is none of them, and is left alone."""

    __slots__ = ()

    def append(self, entry: Any) -> str:
        """Add an entry, any JSON value; its id. Nobody waits for anybody, and no two ids are the same.

        One write: afterwards it is there, whatever dies.
        """
        made = ulids.make()
        self._space.create(self._key(made), entry)
        return made

    def get(self, id: str) -> LogEntry:
        """One entry. Raises `NotFound`, and `InvalidName` for what is no id."""
        return _entry(_require_id(id), self._space[self._key(id)])

    def entries(
        self,
        after: str | None = None,
        limit: int | None = None,
        *,
        reverse: bool = False,
        errors: Literal["raise", "skip"] = "raise",
    ) -> Iterator[LogEntry]:
        """The entries one after the other, each read when its turn comes: the oldest first, or with ``reverse`` last.

        At most ``limit``, and those past the id ``after``, in that direction: so one goes on where one has stopped.
        Memory holds the names of one day, with ``reverse`` those of all. Files that hold no value are passed over, and
        raised at the end as `BadValues`; ``errors="skip"`` only passes over them.
        """
        if limit is not None and limit < 0:
            raise ValueError(f"limit={limit} is negative; None is no limit")
        past = None if after is None else self._key(_require_id(after))
        found = self._backwards(past, errors) if reverse else self._forwards(past, errors)
        return islice(found, limit)

    def count(self) -> int:
        """How many entries there are. None is read."""
        return len(self._keys())

    def trim(self, keep: int | None = None, before: str | datetime | None = None) -> int:
        """Delete the oldest entries: all but the newest ``keep``, those from ``before`` a time, or both; how many.

        The time is a ``datetime``, or ISO 8601; without a zone it is UTC, as the days are. The oldest go first,
        some hundred in a step: who is killed in the middle has trimmed less. Raises `ValueError` without any limit.
        """
        if keep is None and before is None:
            raise ValueError("trim() needs keep= or before=; delete_prefix() removes everything")
        if keep is not None and keep < 0:
            raise ValueError(f"keep={keep} is negative; 0 keeps nothing")
        keys = self._keys()
        surplus = 0 if keep is None else max(0, len(keys) - keep)
        end = "" if before is None else self._key(ulids.first_of(_seconds(before)))
        old = [key for index, key in enumerate(keys) if index < surplus or key < end]
        chunks = (old[start : start + _CHUNK] for start in range(0, len(old), _CHUNK))
        return sum(self._space.delete_many(chunk) for chunk in chunks)

    def follow(
        self,
        *,
        callback: Callable[[Any], object] | None = None,
        replay: bool = False,
        name: str | None = None,
        manual: bool = False,
    ) -> Subscription:
        """New entries as they come, as events of `watch`: ``event.value`` is the entry.

        Each is told at least once, also those that came in quick succession, as each has a key of its own. ``replay``
        begins with those that are there, ``name`` goes on where the watcher of that name was.
        """
        return self._space.watch(f"{self.name}:", callback=callback, replay=replay, name=name, manual=manual)

    def _key(self, id: str) -> str:
        return f"{self.name}:{timestamp(ulids.seconds_of(id))[:10]}:{id}"

    def _id(self, key: str) -> str | None:
        """The id of an entry's key; ``None`` for a key that is no entry's."""
        found = _END.fullmatch(key, len(self.name) + 1)
        return found and found[1]

    def _keys(self) -> list[str]:
        return [key for key in self._space.list_keys(f"{self.name}:") if self._id(key) is not None]

    def _forwards(self, past: str | None, errors: Literal["raise", "skip"]) -> Iterator[LogEntry]:
        bad: list[str] = []
        try:
            for key, value in self._space.scan(f"{self.name}:", after=past, errors=errors):
                if (id := self._id(key)) is not None:
                    yield _entry(id, value)
        except BadValues as error:
            bad = [key for key in error.errors if self._id(key) is not None]
        self._space.get_many(bad)  # says what is wrong with them

    def _backwards(self, past: str | None, errors: Literal["raise", "skip"]) -> Iterator[LogEntry]:
        keys = [key for key in reversed(self._keys()) if past is None or key < past]
        bad: dict[str, Exception] = {}
        for start in range(0, len(keys), _CHUNK):
            chunk = keys[start : start + _CHUNK]
            report = self._space.get_many(chunk, errors="report")
            bad.update(report.errors)
            for key in chunk:
                if key in report.values and (id := self._id(key)) is not None:
                    yield _entry(id, report.values[key])
        if errors == "raise":
            self._space.get_many(bad)  # says what is wrong with them


def _entry(id: str, value: Any) -> LogEntry:
    return LogEntry(id, timestamp(ulids.seconds_of(id)), value)


def _require_id(id: str) -> str:
    if not isinstance(id, str) or ulids.PATTERN.fullmatch(id) is None:
        raise InvalidName(
            f"{id!r} is no id of an entry, which has 26 digits and letters; append() and entries() tell them",
            name=str(id),
            reason="no ULID",
        )
    return id


def _seconds(when: str | datetime) -> float:
    return seconds_of(when if isinstance(when, str) else when.isoformat())
