"""All subscriptions of one opened store: makes them, waits for them, ends them. The engine is known by its seam."""

from __future__ import annotations

import contextlib
import os
import threading
import time
import weakref
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from fsstore.errors import Closed, StoreError, WaitTimeout
from fsstore.guards import violation_in
from fsstore.keys import encode_namespace
from fsstore.reading import require_plain, text_or_all
from fsstore.watching import files
from fsstore.watching.manual import ManualProgress
from fsstore.watching.pending import Pending
from fsstore.watching.progress import Progress
from fsstore.watching.subscription import Subscription
from fsstore.watching.waiters import Waiters
from fsstore.watching.worker import is_callback

if TYPE_CHECKING:
    from fsstore.engine import Cursor, Engine, Feed
    from fsstore.events import Event, Told, WatchStatus
    from fsstore.watching.worker import Callback

Since = str | os.PathLike[str] | None
"""A file made by `Subscription.save`, or a revision of the history."""


class Options(NamedTuple):
    """How a subscription is to be."""

    callback: Callback | None = None
    replay: bool = False
    own: bool = True
    debounce: float = 0.0
    max_pending: int = 100_000
    name: str | None = None
    since: Since = None
    manual: bool = False

    def require_sound(self) -> None:
        """Raise `ValueError` or `UnsupportedType` for what cannot be."""
        if self.callback is not None:
            if not callable(self.callback):
                raise TypeError(f"callback={self.callback!r} is no function of one event")
            require_plain(self.callback)
            if self.manual:
                raise ValueError("manual=True is for an iterator; what a callback has returned from is handled")
        if not self.debounce >= 0:
            raise ValueError(f"debounce={self.debounce} is no number of seconds")
        if self.max_pending < 1:
            raise ValueError(f"max_pending={self.max_pending}: at least one event has to wait")


class Watches:
    """The subscriptions of one store."""

    def __init__(self, engine: Engine, past: Callable[[str], Told]) -> None:
        """``past`` says what was there at a revision."""
        self._engine = engine
        self._past = past
        self.waiters = Waiters(engine.feed)
        self._start_over()
        _everywhere.add(self)

    def _start_over(self) -> None:
        self._lock = threading.RLock()
        self._attached: dict[Pending, weakref.ref[Subscription]] = {}
        self._called: set[Subscription] = set()
        """Those with a callback: they go on though nobody holds them."""

    def watch(self, namespace: str | None, prefix: str | None, options: Options) -> Subscription:
        """Make a subscription; see `Store.watch`."""
        options.require_sound()
        text_or_all(prefix)
        if namespace is not None:
            encode_namespace(namespace)
        self._sweep()
        cursor = None if options.name is None else self._engine.cursor(options.name)
        try:
            return self._made(namespace, prefix, options, cursor)
        except BaseException:
            if cursor is not None:
                cursor.close()
            raise

    def _made(self, namespace: str | None, prefix: str | None, options: Options, cursor: Cursor | None) -> Subscription:
        known = None if cursor is None else cursor.load()
        is_new = known is None
        is_lost = False
        if known is None and options.since is not None:
            known = self._known(options.since)
            is_lost = known is None
        elif known is None and options.replay:
            known = {}
        if cursor is not None and is_new and known is not None:
            cursor.reset(known)
        elsewhere: Told = {}  # is kept as it is, for whoever comes back to watch it
        if known is not None and namespace is not None:
            elsewhere = {name: marks for name, marks in known.items() if name != namespace}
            known = {namespace: known.get(namespace, {})}
        feed = self._engine.feed()
        told_now = partial(_told, feed, namespace, elsewhere)
        pending = Pending(
            prefix=text_or_all(prefix),
            own=options.own,
            debounce=options.debounce,
            bound=options.max_pending,
            gathers=known is not None,
            told=None if cursor is None else told_now,
            note=None if cursor is None else cursor.note,
            inspect=self._inspected,
        )
        progress = (ManualProgress if options.manual else Progress)(pending, cursor)
        try:
            told = feed.attach(pending, namespace, known, tell=cursor is not None and known is None)
            if is_lost:
                pending.lose(told)
            elif cursor is not None and known is None:
                cursor.reset(told or {})
            follows = cursor is not None and known is not None and (is_new or pending.has_had_any)
            pending.settle(partial(progress.caught_up, told_now) if follows else None, ready=options.replay)
            with self._lock:  # its callback may close it at once
                made = Subscription(
                    pending, progress, options.callback, told=told_now, save=self._save, leave=self._leave
                )
                self._attached[pending] = weakref.ref(made)
                if options.callback is not None:
                    self._called.add(made)
        except BaseException:
            feed.detach(pending)
            raise
        return made

    def _inspected(self, event: Event) -> Event:
        """An event whose value the schema of its namespace does not allow is told as ``invalid``, with the value."""
        error = violation_in(self._engine, event.namespace, event.key, event.value)
        return event if error is None else event._replace(kind="invalid", error=error)

    def _known(self, since: str | os.PathLike[str]) -> Told | None:
        """What is known at a revision, or by a file; ``None`` if the file says that it is not known."""
        path = os.fspath(since)
        if not isinstance(since, str) or os.path.isfile(path):
            return files.load(path, self._engine.identity)
        try:
            return self._past(since)
        except StoreError as error:
            error.add_note(f"There is no file {since!r} either.")
            raise

    def _save(self, path: str, told: Told | None) -> None:
        files.save(path, told, self._engine.identity)

    def changes(self, since: str | os.PathLike[str], namespace: str | None, prefix: str | None) -> list[Event]:
        """All that differs now; see `Store.changes`."""
        self._sweep()
        known = self._known(since)
        if known is not None and namespace is not None:
            known = {namespace: known.get(namespace, {})}
        pending = Pending(prefix=text_or_all(prefix), gathers=True, inspect=self._inspected)
        feed = self._engine.feed()
        try:
            feed.attach(pending, namespace, known)
        finally:
            feed.detach(pending)
        if known is None:
            pending.lose(None)
        return pending.drain()

    def sync(self, timeout: float) -> None:
        """Return when all that was complete before is told; see `Store.sync`."""
        self._sweep()
        deadline = time.monotonic() + timeout
        self._engine.feed().sync(timeout)
        if is_callback():
            return  # two callbacks that wait for each other would wait for ever
        with self._lock:
            gates = [(subscription, subscription.barrier()) for subscription in self._called]
        for subscription, gate in gates:
            left = min(max(0.0, deadline - time.monotonic()), threading.TIMEOUT_MAX)
            if gate is not None and not gate.acquire(timeout=left):
                raise WaitTimeout(
                    f"{subscription!r} has not handled within {timeout:g} s what it was told before. Is its callback "
                    f"waiting for something?",
                    seconds=timeout,
                )

    def status(self) -> WatchStatus:
        """How the watching goes."""
        self._sweep()
        return self._engine.feed().status()

    def close(self) -> None:
        """End all subscriptions, and all waiting."""
        with self._lock:
            found = [subscription for each in self._attached.values() if (subscription := each()) is not None]
        for subscription in found:
            subscription.close()
        self._sweep()
        self.waiters.end(None)

    def _leave(self, subscription: Subscription, pending: Pending) -> None:
        with self._lock:
            self._called.discard(subscription)
            self._detach(pending)

    def _sweep(self) -> None:
        """Detach those that nobody holds any more. They cannot do so themselves, as they are dropped anywhere."""
        with self._lock:
            for pending, subscription in list(self._attached.items()):
                if subscription() is None:
                    self._detach(pending)

    def _detach(self, pending: Pending) -> None:
        if self._attached.pop(pending, None) is not None:
            with contextlib.suppress(Closed):
                self._engine.feed().detach(pending)

    def start_over(self) -> None:
        """In a forked child: what it inherits is its parent's."""
        for pending in self._attached:
            pending.start_over(
                Closed("this subscription is that of the parent process. Call watch() in the child to watch there.")
            )
        self.waiters.start_over()
        self._start_over()


def _told(feed: Feed, namespace: str | None, elsewhere: Told) -> Told | None:
    """What is there now, and what is to be kept as it is; ``None`` if it is not known any more."""
    try:
        return {**elsewhere, **feed.told(namespace)}
    except Closed:  # the watching has ended, which the subscription may have yet to hear
        return None


_everywhere: weakref.WeakSet[Watches] = weakref.WeakSet()


def _after_fork_in_child() -> None:
    for watches in list(_everywhere):
        watches.start_over()


os.register_at_fork(after_in_child=_after_fork_in_child)
