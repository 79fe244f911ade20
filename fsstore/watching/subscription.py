"""A subscription as its owner holds it: an iterator, an async iterator, or what a callback gets. It knows no engine."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Self

from fsstore.errors import Closed
from fsstore.watching.manual import ManualProgress
from fsstore.watching.pending import ENDED, FOREVER
from fsstore.watching.waking import Alarm
from fsstore.watching.worker import Worker

if TYPE_CHECKING:
    import asyncio

    from fsstore.events import Event, Told
    from fsstore.watching.entries import Action, Entry
    from fsstore.watching.pending import Pending
    from fsstore.watching.progress import Progress
    from fsstore.watching.worker import Callback

_PATIENCE = 5.0  # seconds


class Subscription:
    """The changes of a store's keys, told to one subscriber. Made by ``watch``.

    Without a callback it is an iterator and an async iterator, on any event loop, and ``get`` waits for one event.
    With one, the callback is called in a thread of the subscription, event by event; what it raises is logged.
    It ends when it or its store is closed: an iteration stops, ``get`` returns ``None``. In a forked child it is over,
    and raises `Closed`.

    An event is handled when the callback has returned, or the next one is asked for, or the ``with`` block ends
    without an error; what was not handled comes again to a watcher with a name, or after `save`. So such a watcher
    takes its events one at a time, in one place.
    """

    def __init__(
        self,
        pending: Pending,
        progress: Progress,
        callback: Callback | None,
        *,
        told: Callable[[], Told],
        save: Callable[[str, Told | None], None],
        leave: Callable[[Subscription, Pending], None],
    ) -> None:
        self._pending = pending
        self._progress = progress
        self._told = told
        self._save = save
        self._leave = leave
        self._callback = callback
        self._worker = None if callback is None else Worker(pending, progress, callback)
        if self._worker is not None:
            self._worker.start()

    def __repr__(self) -> str:
        how = "closed" if self.closed else f"{self.pending} pending"
        return f"<Subscription callback={self._callback!r} {how}>" if self._worker else f"<Subscription {how}>"

    @property
    def pending(self) -> int:
        """How many events wait to be handed on."""
        return self._pending.count()

    @property
    def closed(self) -> bool:
        """Whether it is over."""
        return self._pending.is_over

    def get(self, timeout: float | None = None) -> Event | None:
        """The next event; ``None`` if none came within ``timeout`` seconds, or the subscription has ended."""
        self._require_iterator()
        self._progress.advance()
        deadline = None if timeout is None else time.monotonic() + timeout
        while (found := self._pending.next(deadline)) is not None:
            if isinstance(found, tuple):
                return found[0]
            found()
        if self._pending.is_over and self._pending.error is not None:
            raise self._pending.error
        return None

    def handled(self, event: Event) -> None:
        """Say that an event, with all earlier ones of its key, need not come again; after the end it is nothing.

        For subscriptions with ``manual=True``, and from any thread.
        """
        if not isinstance(self._progress, ManualProgress):
            raise TypeError("this subscription knows by itself what is handled; watch(manual=True) is told")
        self._progress.settle(event)

    def __iter__(self) -> Self:
        self._require_iterator()
        return self

    def __next__(self) -> Event:
        event = self.get()
        if event is None:
            raise StopIteration
        return event

    def __aiter__(self) -> Self:
        self._require_iterator()
        return self

    async def __anext__(self) -> Event:
        import asyncio

        self._require_iterator()
        self._progress.advance()
        loop = asyncio.get_running_loop()
        found: Entry | Action | float = self._pending.poll()
        while not isinstance(found, tuple):
            if not isinstance(found, float):
                found()
                found = self._pending.poll()
            elif found == ENDED:
                if self._pending.error is not None:
                    raise self._pending.error
                raise StopAsyncIteration
            else:
                found = await self._poll_later(loop)
        return found[0]

    async def _poll_later(self, loop: asyncio.AbstractEventLoop) -> Entry | Action | float:
        """Ask again when it is worth it. Nothing is taken before that, so being cancelled loses nothing."""
        alarm = Alarm(loop)
        found = self._pending.poll(alarm.wake)
        if not isinstance(found, float) or found == ENDED:
            return found
        timer = None if found == FOREVER else loop.call_later(found, alarm.ring)
        try:
            await alarm.ready
        finally:
            self._pending.forget(alarm.wake)
            if timer is not None:
                timer.cancel()
        return self._pending.poll()

    def save(self, file: str | os.PathLike[str]) -> None:
        """Write to ``file`` what was handled so far, for ``since``; the event handed out last is said to be handled.

        The file is replaced whole. Raises `StorageFailure`, and `Closed` after the end.
        """
        in_hand = self._worker is None or self._worker is threading.current_thread()
        try:
            saved = self._progress.saved(self._told(), in_hand=in_hand)
            is_known = not self._pending.is_over  # else what is known is not kept up to date any more
        except Closed:
            is_known = False
        if not is_known:
            raise self._pending.error or Closed("the subscription has ended. Save before it does, or give it a name.")
        self._save(os.fspath(file), saved)

    def barrier(self) -> threading.Lock | None:
        """A lock that can be taken once all that waits now was handled, or the subscription has ended.

        ``None`` if nothing waits, and the callback is not being called.
        """
        if self._pending.is_idle():
            return None
        gate = threading.Lock()
        gate.acquire()
        self._pending.barrier(gate.release)
        return gate

    def close(self) -> None:
        """End it; what waits is not handed on. A callback under way is waited for, at most 5 seconds. Twice is nothing.

        Called by the callback itself, it is the last call.
        """
        self._pending.close()
        self._leave(self, self._pending)
        worker = self._worker
        if worker is not None and worker is not threading.current_thread() and worker.is_alive():
            worker.join(_PATIENCE)
        self._progress.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, *exc: object) -> None:
        try:
            if kind is None and self._worker is None:
                self._progress.advance()
        finally:
            self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: object, *exc: object) -> None:
        import asyncio

        await asyncio.to_thread(self.__exit__, kind)

    def __del__(self) -> None:
        pending = getattr(self, "_pending", None)
        if pending is not None:
            pending.abandon()

    def _require_iterator(self) -> None:
        if self._worker is not None:
            raise TypeError("this subscription has a callback, which gets the events; watch without one to iterate")
