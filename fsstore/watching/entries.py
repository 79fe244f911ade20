"""One event that waits for its subscriber, and what several of one key come to. It knows no queue."""

from __future__ import annotations

from collections.abc import Callable

from fsstore.events import Content, Event, Told, merged

Name = tuple[str, str]
Action = Callable[[], None]
Entry = tuple[Event, float, Event, int, Told | None]
"""The newest event of a key; when it is due, on the monotonic clock; the first event that is merged in it, and how
many are. Of a ``resync``: what is known of the keys, if that was asked for."""


def entry_of(event: Event, told: Told | None = None) -> Entry:
    """An event that is due at once."""
    return event, 0.0, event, 0, told


def handed_on(entry: Entry) -> Entry:
    """Say what the events of a key come to, for somebody who was told of none of them; with the value decoded."""
    event, due, first, count, told = entry
    if count:
        event = merged(first, event, count)
    if event.value.__class__ is Content:
        event = event.value.of(event)
    return event, due, first, count, told
