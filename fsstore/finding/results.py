"""What a search gives: hits in the order of keys, and whether there are more. It searches nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Generic, NamedTuple, TypeVar

from fsstore.errors import StoreError

T = TypeVar("T")


class Hit(NamedTuple):
    """A key whose value is what was asked for, as it was when the file was read."""

    key: str
    value: Any


class Match(NamedTuple):
    """A line of a value in which a pattern was found."""

    key: str
    path: str
    """Where in the value it is: ``$.items[3].title``."""
    line: str
    """The whole line; of a number, a boolean or null its JSON."""


@dataclass(frozen=True, slots=True)
class Found(Generic[T]):
    """The hits, sorted by key. To iterate it is to iterate them; its length is their number."""

    hits: list[T]
    cut: bool
    """Whether there are more, past the limit."""
    after: str | None
    """What to give as ``after`` to go on; ``None`` if that was all."""
    scanned: bool
    """Whether every file was read for it, because no index could help."""
    errors: dict[str, StoreError] = field(default_factory=dict)
    """Files that hold no readable value, by key, among those that were looked at: nobody knows what they should hold.
    They hide no hit."""

    def __iter__(self) -> Iterator[T]:
        return iter(self.hits)

    def __len__(self) -> int:
        return len(self.hits)
