"""Those who wait for one key each: one sink for all of them, so that a change costs the same however many wait."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from fsstore.errors import BadValue, Closed, StoreError, WaitTimeout
from fsstore.ops import MISSING
from fsstore.waits import Deadline
from fsstore.watching.waking import Alarm, Wake

if TYPE_CHECKING:
    from fsstore.engine import Feed, Reader
    from fsstore.events import Event

Name = tuple[str, str]
Predicate = Callable[[Any], object]


class Waiters:
    """Who waits for which key. Attached to the feed while anybody does."""

    def __init__(self, feed: Callable[[], Feed]) -> None:
        self._feed = feed
        self.start_over()

    def start_over(self) -> None:
        """Nobody waits: in a forked child those who do are in the parent."""
        self._waiting: dict[Name, list[Wake]] = {}
        self._lock = threading.RLock()  # a signal handler may close the store while its own thread is in it
        self._attaching = threading.Lock()
        self._count = 0
        self._process = os.getpid()
        self._ended: StoreError | None = None

    def put(self, event: Event) -> None:
        """Wake who waits for that key; each has to ask to be woken again."""
        with self._lock:
            wakes = self._waiting.pop((event.namespace, event.key), ())
        for wake in wakes:
            wake()

    def end(self, error: StoreError | None) -> None:
        """Wake all; there is nothing more to wait for."""
        if os.getpid() != self._process:
            return  # a forked child: the lock may be held by a thread that is not here
        with self._lock:
            self._ended = error or Closed("the store was closed while somebody waited for a key.")
            wakes = [wake for each in self._waiting.values() for wake in each]
            self._waiting.clear()
        for wake in wakes:
            wake()

    def enter(self) -> None:
        """Watch, if nobody does yet. From then on no change goes unnoticed."""
        with self._attaching:
            if self._count == 0 or self._ended is not None:  # those before have yet to notice that it has ended
                self._ended = None
                self._feed().attach(self)
            self._count += 1

    def _enter_at_once(self) -> bool:
        """The same if others watch already; whether they do."""
        if not self._attaching.acquire(blocking=False):
            return False
        try:
            self._count += self._count > 0
            return self._count > 0
        finally:
            self._attaching.release()

    async def _enter_async(self) -> None:
        """The same in a thread, as to begin may take a while."""
        import asyncio

        entering = _Entering(self)
        try:
            await asyncio.to_thread(entering.enter)
        except BaseException:
            entering.give_up()
            raise

    def leave(self) -> None:
        """Watch no more, unless others do."""
        with self._attaching:
            self._count -= 1
            if self._count == 0:
                with contextlib.suppress(Closed):
                    self._feed().detach(self)

    def add(self, name: Name, wake: Wake) -> None:
        """Wake this one at the next change of the key. Raises what ended the watching, if none will come."""
        with self._lock:
            wakes = self._waiting.get(name, [])
            wakes.append(wake)
            self._waiting[name] = wakes
            ended = self._ended  # looked at last: a handler in this thread may have ended it since, and woken the rest
            if ended is not None:
                self._waiting.pop(name, None)
                raise ended

    def discard(self, name: Name, wake: Wake) -> None:
        """Whoever this would wake waits no more."""
        with self._lock:
            wakes = self._waiting.get(name, [])
            if wake in wakes:
                wakes.remove(wake)
            if not wakes:
                self._waiting.pop(name, None)

    @contextlib.contextmanager
    def _entered(self) -> Iterator[None]:
        self.enter()
        try:
            yield
        finally:
            self.leave()

    def wait(self, wanted: Wanted, timeout: float | None) -> Any:
        """Wait in this thread. Raises `WaitTimeout`."""
        deadline = Deadline(timeout)
        found = wanted.look()
        if found is not MISSING:
            return found
        with self._entered():
            while True:
                gate = threading.Lock()
                gate.acquire()
                wake = gate.release
                self.add(wanted.name, wake)
                try:
                    found = wanted.look()  # it may have come before this one was added
                    if found is not MISSING:
                        return found
                    if not gate.acquire(timeout=min(deadline.left, threading.TIMEOUT_MAX)):
                        raise wanted.timed_out(timeout)
                finally:
                    self.discard(wanted.name, wake)

    async def wait_async(self, wanted: Wanted, seconds: float | None) -> Any:
        """Wait in this coroutine: no thread waits with it. Raises `WaitTimeout`."""
        import asyncio

        deadline = Deadline(seconds)
        found = wanted.look()
        if found is not MISSING:
            return found
        loop = asyncio.get_running_loop()
        if not self._enter_at_once():
            await self._enter_async()
        try:
            while True:
                alarm = Alarm(loop)
                self.add(wanted.name, alarm.wake)
                try:
                    found = wanted.look()
                    if found is not MISSING:
                        return found
                    done, _ = await asyncio.wait([alarm.ready], timeout=min(deadline.left, threading.TIMEOUT_MAX))
                    if not done:
                        raise wanted.timed_out(seconds)
                finally:
                    self.discard(wanted.name, alarm.wake)
        finally:
            self.leave()


class _Entering:
    """Beginning to watch in a thread, for a coroutine that may be cancelled meanwhile, and its loop be gone."""

    def __init__(self, waiters: Waiters) -> None:
        self._waiters = waiters
        self._lock = threading.Lock()
        self._has_entered = self._is_given_up = False

    def enter(self) -> None:
        """In the thread: enter, and leave if nobody waits any more."""
        self._waiters.enter()
        with self._lock:
            self._has_entered = not self._is_given_up
        if not self._has_entered:
            self._waiters.leave()

    def give_up(self) -> None:
        """In the loop: nobody waits any more."""
        with self._lock:
            self._is_given_up = True
        if self._has_entered:
            self._waiters.leave()


class Wanted:
    """The key that somebody waits for, and what its value is to be."""

    def __init__(self, engine: Reader, namespace: str, key: str, predicate: Predicate | None) -> None:
        self.name = namespace, key
        self._engine = engine
        self._predicate = predicate
        self._bad: BadValue | None = None

    def look(self) -> Any:
        """The value if it is as wanted, else `MISSING`. What cannot be read is waited for: somebody may mend it."""
        namespace, key = self.name
        value = self._engine.get(namespace, (key,)).get(key, MISSING)
        self._bad = None
        if isinstance(value, BadValue):
            self._bad = value
            return MISSING
        if isinstance(value, StoreError):
            raise value
        if value is MISSING or self._predicate is None or self._predicate(value):
            return value
        return MISSING

    def timed_out(self, seconds: float | None) -> WaitTimeout:
        """The error for a wait that was too long."""
        namespace, key = self.name
        what = "there" if self._predicate is None else "what it was waited for to be"
        found = f"key {key!r} of namespace {namespace!r} was not {what} within {seconds:g} s. Is its writer alive?"
        if self._bad is not None:
            found = f"waited {seconds:g} s in vain: {self._bad}"
        error = WaitTimeout(found, seconds=seconds)
        error.__cause__ = self._bad
        return error
