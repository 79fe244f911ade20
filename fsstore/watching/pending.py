"""What a subscription has been told and has not handed on: by key the newest event, in order. It calls no handler.

A `fsstore.engine.Sink`. A put takes a lock for an instant and wakes a consumer only if one waits: with nothing to hand
on. The same thread may take the lock again: a signal handler may close what its own thread is just looking at.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from functools import partial

from fsstore.errors import Closed, StoreError
from fsstore.events import GONE, Event, Told
from fsstore.watching.entries import Action, Entry, Name, entry_of, handed_on

ENDED = -1.0
"""Instead of seconds to wait: nothing more will come."""
FOREVER = float("inf")

# No namespace is empty, so these are no keys.
_READY, _RESYNC, _CAUGHT_UP = ("", "ready"), ("", "resync"), ("", "caught up")


class Pending:
    """The events that wait for one subscription."""

    def __init__(
        self,
        *,
        prefix: str = "",
        own: bool = True,
        debounce: float = 0.0,
        bound: int = 100_000,
        gathers: bool = False,
        told: Callable[[], Told] | None = None,
        note: Callable[[str, str, bytes], None] | None = None,
        inspect: Callable[[Event], Event] | None = None,
    ) -> None:
        """An empty queue, whose initial state is still to come.

        ``gathers``: the subscriber knows of keys from its events alone, so that it need not be told that one has
        come and gone. ``told`` is asked what is known when too many events wait; ``note`` is to be told of own writes
        that are not handed on. ``inspect`` may make another event of one with a value, when it is handed on.
        """
        self._prefix = prefix
        self._own = own
        self._debounce = debounce
        self._bound = bound
        self._gathers = gathers
        self._told = told
        self._note = note
        self._inspect = inspect
        self._entries: OrderedDict[Name, Entry | Action] = OrderedDict()
        self._limit = sys.maxsize
        """How many may wait. What an initial state leaves to be handed on is allowed on top of the bound."""
        self._attaching = True
        self._hurried = 0.0
        self._waiters: list[Action] = []
        self._lock = threading.RLock()
        self._barriers = 0
        self._process = os.getpid()
        self.has_had_any = False
        """Whether it was told of anything, left out or not."""
        self.is_over = False
        self.error: StoreError | None = None
        self.in_hand: Entry | None = None
        """What was handed on last, until it is said to be handled."""
        self.is_lost = False
        """Whether events were dropped, and the subscriber has not read anew yet."""

    # -- what comes --------------------------------------------------------------------------------

    def put(self, event: Event) -> None:
        """Take an event."""
        self.has_had_any = True
        key = event.key
        if self._prefix and not key.startswith(self._prefix):
            return
        name = event.namespace, key
        with self._lock:
            if self.is_over:
                return
            entries = self._entries
            if event.own and not self._own:
                self._pass_over(name, event.mark)
                return
            old = entries.get(name)
            if isinstance(old, tuple):
                self._merge(name, old, event)
                return
            due = time.monotonic() + self._debounce if self._debounce and not self._attaching else 0.0
            entries[name] = event, due, event, 0, None
            if len(entries) > self._limit:
                self._drop(self._known())
            elif len(entries) > 1 or not self._waiters:
                return  # whoever waits knows until when
            waiters, self._waiters = self._waiters, []
        for wake in waiters:
            wake()

    def _known(self) -> Told | None:
        """What whoever reads anew knows, to be noted then; ``None`` if it is noted nowhere, or known no more."""
        with contextlib.suppress(Closed):  # the store is being closed; what was noted before stays, and is enough
            return None if self._told is None else self._told()
        return None

    def _merge(self, name: Name, old: Entry, event: Event) -> None:
        """The newest event of a key takes the place of one that was not handed on; what it comes to is said then."""
        self._entries[name] = (event, old[1], old[2], old[3] + old[0].merged + 1, None)

    def _is_nothing(self, entry: Entry) -> bool:
        """Whether a key has come and gone, for somebody who did not know of it."""
        return self._gathers and entry[0].kind in GONE and entry[2].kind == "created"

    def _pass_over(self, name: Name, mark: bytes) -> None:
        """A process knows what it wrote itself, and that what waits of the key is over."""
        self._entries.pop(name, None)
        note = self._note
        if note is not None:
            self._insert(name, lambda: note(*name, mark))

    def end(self, error: StoreError | None) -> None:
        """Nothing more will come; what waits is handed on first."""
        if os.getpid() != self._process:
            return  # the lock may be held by a thread that is not here
        with self._lock:
            if not self.is_over:
                self.error = error
                self._insert(("", "end"), self.close)

    # -- marks in the order ------------------------------------------------------------------------

    def settle(self, caught_up: Action | None, *, ready: bool) -> None:
        """The initial state is complete: the bound counts from now on."""
        with self._lock:
            if caught_up is not None:
                self._insert(_CAUGHT_UP, caught_up)
            if ready:
                self._insert(_READY, entry_of(Event("ready", at=time.time())))
            self._limit = self._bound + len(self._entries)
            self._attaching = False

    def lose(self, told: Told | None) -> None:
        """Tell the subscriber to read anew, as more has changed than can be told."""
        with self._lock:
            self._drop(told)
            self._wake()

    def _drop(self, told: Told | None) -> None:
        kept = [
            (name, found) for name, found in self._entries.items() if not name[0] and name not in (_RESYNC, _CAUGHT_UP)
        ]
        before = self._entries.pop(_RESYNC, None)
        dropped = len(self._entries) - len(kept) + (before[0].merged if isinstance(before, tuple) else 0)
        event = Event("resync", at=time.time(), merged=dropped)
        self._entries.clear()
        self._entries[_RESYNC] = entry_of(event, told)
        self._entries.update(kept)
        self._limit = self._bound + len(self._entries)
        self._gathers = False  # whoever reads anew sees keys that it was not told of
        self.is_lost = True

    def is_idle(self) -> bool:
        """Whether nothing waits, and whoever gets the events waits for more."""
        with self._lock:
            return not self._entries and bool(self._waiters)

    def barrier(self, action: Action) -> None:
        """Call ``action`` when all that waits now was handled; at once if that is so, or nothing more is handed on."""
        with self._lock:
            if not self.is_over and (self._entries or self.in_hand is not None):
                self._hurried = time.monotonic()
                self._barriers += 1
                self._insert(("", f"barrier {self._barriers}"), action)
                self._wake()
                return
        action()

    def _insert(self, name: Name, found: Entry | Action) -> None:
        self._entries[name] = found
        self._wake()

    def _wake(self) -> None:
        waiters, self._waiters = self._waiters, []
        for wake in waiters:
            wake()

    # -- what goes ---------------------------------------------------------------------------------

    def poll(self, wake: Action | None = None) -> Entry | Action | float:
        """The next to be handed on, or to be called; else the seconds until it is due (`FOREVER`, `ENDED`).

        Then ``wake`` is called, in whatever thread, as soon as it is worth asking again; or earlier.
        """
        with self._lock:
            if self.is_over:
                return ENDED
            while True:
                if not self._entries or self._debounce:
                    seconds = self._seconds()
                    if seconds > 0.0:
                        if wake is not None:
                            self._waiters.append(wake)
                        return seconds
                name, found = self._entries.popitem(last=False)
                if self._limit > self._bound:
                    self._limit -= 1
                if not isinstance(found, tuple):
                    return found
                if not self._is_nothing(found):
                    break
                if self._note is not None:  # a whole state that was noted meanwhile may have it
                    return partial(self._note, *name, b"")
            self.in_hand = found
        entry = self._handed_on(found)  # without the lock, as this takes its time
        self.in_hand = entry
        return entry

    def _handed_on(self, found: Entry) -> Entry:
        entry = handed_on(found)
        if self._inspect is None or entry[0].kind not in ("created", "updated"):
            return entry
        return self._inspect(entry[0]), *entry[1:]

    def _seconds(self) -> float:
        if not self._entries:
            return FOREVER
        found = next(iter(self._entries.values()))
        if not isinstance(found, tuple) or found[1] <= self._hurried + self._debounce:
            return 0.0
        return found[1] - time.monotonic()

    def forget(self, wake: Action) -> None:
        """Whoever waited does not any more."""
        with self._lock:
            if wake in self._waiters:
                self._waiters.remove(wake)

    def next(self, deadline: float | None) -> Entry | Action | None:
        """Wait for the next, until ``deadline`` on the monotonic clock. ``None``: it did not come, or none will."""
        found = self.poll()
        while isinstance(found, float):
            gate = threading.Lock()
            gate.acquire()
            found = self.poll(gate.release)
            if isinstance(found, float):
                if found == ENDED or not self._wait(gate, found, deadline):
                    return None
                found = self.poll()
        return found

    def _wait(self, gate: threading.Lock, seconds: float, deadline: float | None) -> bool:
        """Wait so long to be woken; whether there is time left to ask again."""
        woken = False
        left = FOREVER if deadline is None else deadline - time.monotonic()
        try:
            if seconds == left == FOREVER:
                woken = gate.acquire()
            elif left > 0.0:
                woken = gate.acquire(timeout=min(seconds, left, threading.TIMEOUT_MAX))
        finally:
            if not woken:
                self.forget(gate.release)
        return woken or seconds < left

    def drain(self) -> list[Event]:
        """All that waits, due or not."""
        with self._lock:
            waiting = [each for each in self._entries.values() if isinstance(each, tuple)]
            found = [self._handed_on(each)[0] for each in waiting if not self._is_nothing(each)]
            self._entries.clear()
            return found

    # -- looking on --------------------------------------------------------------------------------

    def count(self) -> int:
        """How many events wait."""
        waiting = list(self._entries.values())
        return sum(1 for found in waiting if isinstance(found, tuple) and not self._is_nothing(found))

    def unhandled(self, *, in_hand: bool) -> list[Entry]:
        """What waits, and before it what is in hand, if wanted."""
        with self._lock:
            waiting = [found for found in self._entries.values() if isinstance(found, tuple)]
            return [self.in_hand, *waiting] if in_hand and self.in_hand is not None else waiting

    def handled(self, entry: Entry) -> None:
        """It is not in hand any more; after a ``resync`` nothing is lost, unless there was another one."""
        with self._lock:
            if self.in_hand is entry:
                self.in_hand = None
            if entry[0].kind == "resync" and _RESYNC not in self._entries:
                self.is_lost = False

    def close(self) -> None:
        """Hand nothing on any more. Twice is nothing."""
        with self._lock:
            self.is_over = True
            waiting, self._entries = self._entries, OrderedDict()
            self._wake()
        for name, found in waiting.items():
            if not name[0] and name[1].startswith("barrier") and not isinstance(found, tuple):
                found()

    def abandon(self) -> None:
        """Nobody is left to hand it to. Takes no lock: it is called wherever an object is dropped."""
        self.is_over = True
        self._entries = OrderedDict()  # one of them may know who notes what was handled, and a cursor is free again

    def start_over(self, error: StoreError) -> None:
        """In a forked child: the thread that had the lock may not be here, and nobody puts anything."""
        self._lock = threading.RLock()
        self._waiters = []
        self._entries = OrderedDict()
        self.error = error
        self.is_over = True
