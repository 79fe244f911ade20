"""A watcher of one store's feed, which notes all that it is told."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator

import fsstore
from fsstore.engine import Feed
from fsstore.engines.files.watching.calls import Call
from fsstore.errors import StoreError
from fsstore.events import Content, Event, Told


class Recorder:
    """A sink, attached for as long as the store is open."""

    def __init__(self, store: fsstore.Store, since: Told | None = None, namespace: str | None = None) -> None:
        self.feed: Feed = store._engine.feed()
        self._events: list[Event] = []
        self.ended: list[StoreError | None] = []
        self.feed.attach(self, namespace, since)

    def put(self, event: Event) -> None:
        """Note it."""
        self._events.append(event.value.of(event) if isinstance(event.value, Content) else event)

    def end(self, error: StoreError | None) -> None:
        """Note that it is over."""
        self.ended.append(error)

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        """Let the observer look at nothing meanwhile."""
        begun, over = threading.Event(), threading.Event()

        def wait() -> None:
            begun.set()
            over.wait()

        self.feed._hub._send(Call(wait))  # type: ignore[attr-defined]
        begun.wait()
        try:
            yield
        finally:
            over.set()

    def learn(self) -> None:
        """Wait until all that was there first has been read: before, the same bytes in another file are a change."""
        hub = self.feed._hub  # type: ignore[attr-defined]
        end = time.monotonic() + 60
        while hub._learning.goes_on:
            assert time.monotonic() < end
            time.sleep(0.001)

    def events(self) -> list[Event]:
        """What was told since the last call, all that has happened until now included."""
        self.feed.sync(30)
        found, self._events = self._events, []
        return found

    def told(self) -> list[str]:
        """The same in short: ``created default/a 1 by tester``."""
        return [short(event) for event in self.events()]


def short(event: Event) -> str:
    """An event in one line."""
    by = "a person" if event.source.by_hand else event.source.agent
    value = "" if event.value is None else f" {event.value}"
    return f"{event.kind} {event.namespace}/{event.key}{value} by {by}"
