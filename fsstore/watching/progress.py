"""How far a subscription has come: what its subscriber has handled of what it was told. It hands nothing on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from fsstore.errors import Closed
from fsstore.events import UNKNOWN, Event, Told

if TYPE_CHECKING:
    from fsstore.engine import Cursor
    from fsstore.watching.entries import Entry, Name
    from fsstore.watching.pending import Pending


class Progress:
    """What was handled, noted in a cursor if there is one. Not for several consumers at once."""

    def __init__(self, pending: Pending, cursor: Cursor | None) -> None:
        self._pending = pending
        self._cursor = cursor
        self._failed: dict[Name, bytes] = {}
        """What was handled before of the keys whose event was not; empty if they were not there."""

    def handled(self, entry: Entry) -> None:
        """The subscriber is done with this."""
        event, told = entry[0], entry[4]
        if self._cursor is None and not self._failed and event.kind != "resync":
            self._pending.in_hand = None
            return
        self._pending.handled(entry)
        if event.kind == "resync":
            self._failed.clear()
            if self._cursor is not None and told is not None:
                self._cursor.reset(told)
        elif event.namespace:
            self._failed.pop((event.namespace, event.key), None)
            if self._cursor is not None:
                self._cursor.note(event.namespace, event.key, event.mark)

    def failed(self, entry: Entry) -> None:
        """The subscriber could not handle this; whoever resumes is told of it again."""
        event = entry[0]
        if event.namespace:
            self._failed.setdefault((event.namespace, event.key), _before(entry[2]))
            self._pending.handled(entry)

    def advance(self) -> None:
        """The subscriber is done with what it was given last."""
        entry = self._pending.in_hand
        if entry is not None:
            self.handled(entry)

    def caught_up(self, told: Callable[[], Told]) -> None:
        """All has been handed on that a cursor did not know; ``told`` says what is there now, or raises `Closed`."""
        if self._cursor is None:
            return
        try:
            handled = self.saved(told(), in_hand=True)
        except Closed:  # what was noted one by one is enough
            return
        if handled is not None and not self._pending.is_over:  # else it was asked of what watches no more
            self._cursor.reset(handled)

    def saved(self, told: Told, *, in_hand: bool) -> Told | None:
        """Of ``told``, what was handled; ``None`` if nobody knows, as events were dropped and it was not read anew.

        ``told`` is asked for before this is called: what is told meanwhile is told again to whoever resumes.
        ``in_hand``: what was handed on last is handled.
        """
        unhandled = self._pending.unhandled(in_hand=not in_hand)
        return None if self._pending.is_lost else self._without(told, unhandled)

    def _without(self, told: Told, entries: Sequence[Entry]) -> Told:
        """As it was before these events, and before those that failed; the given one is changed."""
        firsts = [entry[2] for entry in reversed(entries)]  # of the events of a key the oldest counts
        marks = {(event.namespace, event.key): _before(event) for event in firsts if event.namespace}
        for (namespace, key), mark in {**marks, **self._failed}.items():
            put_mark(told, namespace, key, mark)
        return told

    def close(self) -> None:
        """Free the name of the cursor."""
        if self._cursor is not None:
            self._cursor.close()


def put_mark(told: Told, namespace: str, key: str, mark: bytes) -> None:
    """Change what is told of a key; an empty mark: it is gone."""
    if mark:
        told.setdefault(namespace, {})[key] = mark
    else:
        told.get(namespace, {}).pop(key, None)


def _before(event: Event) -> bytes:
    """The mark of what a subscriber knew of a key before an event."""
    return event.old_mark or (b"" if event.kind == "created" else UNKNOWN)
