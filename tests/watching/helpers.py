"""Short words for what tests of watching do all the time."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

from fsstore import Event, Store, Subscription

PATIENCE = 60.0
"""Seconds that a test waits for what has to come, on a machine that is busy with other things."""


def short(event: Event) -> str:
    """An event in one line: ``created default/a=1``; of no key only its kind."""
    if not event.namespace:
        return event.kind
    value = "" if event.value is None else f"={event.value}"
    return f"{event.kind} {event.namespace}/{event.key}{value}"


def told(store: Store, subscription: Subscription) -> list[str]:
    """All events that wait once everything until now is told."""
    store.sync(PATIENCE)
    return [short(event) for event in take(subscription)]


def take(subscription: Subscription) -> list[Event]:
    """All events that wait."""
    found: list[Event] = []
    while (event := subscription.get(timeout=0)) is not None:
        found.append(event)
    return found


def wait_until(is_so: Callable[[], object]) -> None:
    """Look again and again until it is so."""
    end = time.monotonic() + PATIENCE
    while not is_so():
        assert time.monotonic() < end, "it did not come to be so"
        time.sleep(0.002)


def last(events: Iterable[Event]) -> dict[tuple[str, str], Event]:
    """The newest event of each key."""
    return {(event.namespace, event.key): event for event in events}
