"""How far a subscription has come whose owner says which events are handled, in any order. It hands nothing on."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from fsstore.events import Event, Told
from fsstore.watching.progress import Progress, put_mark

if TYPE_CHECKING:
    from fsstore.engine import Cursor
    from fsstore.watching.entries import Entry, Name
    from fsstore.watching.pending import Pending


class ManualProgress(Progress):
    """What the owner of a subscription said to be handled. For several threads.

    What was handed on counts as failed, so that it comes again to whoever resumes, until it is said to be handled.
    """

    def __init__(self, pending: Pending, cursor: Cursor | None) -> None:
        super().__init__(pending, cursor)
        self._lock = threading.RLock()
        self._newest: dict[Name, bytes] = {}
        """Of keys with an event that is not handled: the mark of the newest one that was handed on."""
        self._resync: Entry | None = None
        self._noted: dict[Name, bytes] = {}
        """What was handled since that was handed on: it is newer than the state that is noted with it."""
        self._is_closed = False

    def advance(self) -> None:
        """Put what was handed on last aside."""
        with self._lock:
            entry = self._pending.in_hand
            if entry is None:
                return
            event = entry[0]
            if event.namespace:
                self._newest[event.namespace, event.key] = event.mark
                self.failed(entry)
            elif event.kind == "resync":
                self._resync, self._noted = entry, {}
            else:
                self._pending.handled(entry)

    def settle(self, event: Event) -> None:
        """The event is handled, and so are the earlier ones of its key. Nothing, after the end."""
        with self._lock:
            self.advance()
            if self._is_closed:
                return
            if event.namespace:
                self._settle_key((event.namespace, event.key), event.mark)
            elif event.kind == "resync" and self._resync is not None:
                entry, self._resync = self._resync, None
                self._pending.handled(entry)
                if self._cursor is not None and entry[4] is not None:
                    told = self._without(entry[4], ())
                    for (namespace, key), mark in self._noted.items():
                        put_mark(told, namespace, key, mark)
                    self._cursor.reset(told)

    def _settle_key(self, name: Name, mark: bytes) -> None:
        if self._newest.get(name, mark) == mark:
            self._newest.pop(name, None)
            self._failed.pop(name, None)
        else:
            self._failed[name] = mark  # there is a newer one, before which this was
        if self._resync is not None:
            self._noted[name] = mark
        if self._cursor is not None:
            self._cursor.note(*name, mark)

    def caught_up(self, told: Callable[[], Told | None]) -> None:
        """All that a cursor did not know has been handed on; what of it is not handled is not noted."""
        with self._lock:
            self.advance()
            super().caught_up(told)

    def saved(self, told: Told, *, in_hand: bool) -> Told | None:
        """Of ``told``, what was said to be handled."""
        with self._lock:
            self.advance()
            return super().saved(told, in_hand=in_hand)

    def close(self) -> None:
        """Free the name of the cursor."""
        with self._lock:
            self._is_closed = True
            super().close()
