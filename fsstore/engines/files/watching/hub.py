"""The one thread of a process that observes a store: it waits for hints, compares, and tells all sinks.

Other threads ask it to do things between two rounds, so that what it knows is touched by nobody else.
"""

from __future__ import annotations

import contextlib
import logging
import select
import threading
import time
from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

from fsstore.engine import Sink
from fsstore.engines.files.atomic import Tree
from fsstore.engines.files.journal import Journal
from fsstore.engines.files.watching.audience import Audience
from fsstore.engines.files.watching.authors import Writers
from fsstore.engines.files.watching.calls import Call, Calls
from fsstore.engines.files.watching.catchup import CatchUp, Lines
from fsstore.engines.files.watching.learning import Learning
from fsstore.engines.files.watching.polling import Polling
from fsstore.engines.files.watching.reconcile import Reconciler
from fsstore.engines.files.watching.syncs import Syncs
from fsstore.engines.files.watching.touched import Edited
from fsstore.engines.files.watching.ways import notifier_for
from fsstore.errors import Closed, StorageFailure, StoreError, WaitTimeout
from fsstore.events import Told, WatchStatus

_log = logging.getLogger("fsstore")
_T = TypeVar("_T")

_SOON = 1_000_000  # nanoseconds: what ends within them is waited for
_BACK = 0.05  # seconds between two looks whether the store is back


class Watched(NamedTuple):
    """The store that is watched."""

    tree: Tree
    limit: int
    """The largest size of a value's file, in bytes."""
    settings: dict[str, Any]
    journal: Journal
    stripe: Callable[[str], int]
    """The journal that a path of a key's file has its lines in."""
    lines: Lines


class Hub:
    """The observer of one store, for all sinks of this process."""

    def __init__(self, watched: Watched) -> None:
        self.users = 0
        self._watched = watched
        self._audience = Audience()
        self._calls = Calls()
        self._syncs = Syncs()
        self._is_at_rest = False
        """Whether it sleeps, and had nothing left to do when it went to."""
        self._rounds = 0
        self._stopping = False
        self._failure: BaseException | None = None
        self._notifier, self._reason = notifier_for(watched.tree.root, watched.settings)
        journal = watched.journal
        self._noted: dict[tuple[str, float], None] = {}
        self._writers = Writers(watched.tree, journal, watched.stripe, self._noted)
        journal.own.noted = self._noted
        self._state = Reconciler(watched.tree, watched.limit, self._writers, self._audience.tell, self._notifier)
        self._learning = Learning(watched.tree, watched.limit, self._state)
        self._polling = Polling(self._state, is_all=self._notifier is None)
        self._thread = threading.Thread(target=self._run, name="fsstore-watch", daemon=True)
        self._thread.start()

    @property
    def has_ended(self) -> bool:
        """Whether it observes nothing any more."""
        return self._failure is not None or self._stopping

    # -- what other threads ask for ----------------------------------------------------------------

    def attach(self, sink: Sink, namespace: str | None, since: Told | None, *, tell: bool) -> Told | None:
        """Tell a sink what differs, and then all that comes."""

        def attach() -> Told | None:
            catch_up = self._catch_up()
            if since is not None:
                for event in catch_up.events(namespace, since):
                    sink.put(event)
            told = catch_up.told(namespace) if tell else None
            self._audience.add(sink, namespace, catch_up.strange)
            self._state.doubt(catch_up.doubtful)
            return told

        return self._ask(attach)

    def detach(self, sink: Sink) -> None:
        """Tell it nothing more."""
        with contextlib.suppress(Closed, StorageFailure):  # it has ended, and tells nobody anything
            self._ask(lambda: self._audience.remove(sink))

    def told(self, namespace: str | None) -> Told:
        """What is known now."""
        return self._ask(lambda: self._catch_up().told(namespace))

    def sync(self, timeout: float) -> None:
        """Return when all that was complete before the call has been put."""
        if threading.current_thread() is self._thread:
            raise RuntimeError("sync() within the telling of a change would wait for itself")
        if self._has_told_all():
            return
        sync = self._syncs.new()
        self._send(sync)
        if not sync.wait(timeout):
            sync.is_given_up = True
            raise WaitTimeout(
                f"{self._watched.tree.root}: not all changes could be told within {timeout:g} s. watch_status() tells "
                f"what is held back, and whether the store is there.",
                seconds=timeout,
            )
        sync.result()

    def _has_told_all(self) -> bool:
        """Whether there is nothing to be told, as can be seen without waking the thread.

        The kernel gives a hint before the call that changed something returns. So if none waits, and the thread went
        to sleep with nothing left to do and has not been awake since, it has told all that was complete before.
        """
        rounds = self._rounds
        if not self._is_at_rest or self._notifier is None or self._notifier.has_hints():
            return False
        due = self._state.endings.next_time()
        if due is not None and due <= time.monotonic_ns() + _SOON:
            return False
        return self._is_at_rest and self._rounds == rounds and not self.has_ended

    def edits(self, since: float) -> Edited | None:
        """Files with a hint since a time, or since a later one; ``None`` if not every change gives a hint here."""

        def edits() -> Edited | None:  # after a round, which has taken in all hints of what was before it
            state = self._state
            if self._notifier is None or state.unwatched or state.is_missing:
                return None
            return state.touched.edited(since)

        try:
            return self._ask(edits)
        except (Closed, StorageFailure):  # it ends just now
            return None

    def status(self, subscriptions: int) -> WatchStatus:
        """How it goes; what is read may be a moment old."""
        state = self._state
        oldest = state.held.oldest() if state.held.paths else None
        return WatchStatus(
            mode="polling" if self._notifier is None else "inotify",
            reason=self._reason,
            keys=sum(len(each.files) for each in list(state.directories.values())),
            directories=len(state.directories),
            unwatched=tuple(sorted(state.unwatched)),
            overflows=state.overflows,
            rescans=state.rescans,
            held=len(state.held.paths),
            lag=0.0 if oldest is None else (time.monotonic_ns() - oldest) / 1e9,
            subscriptions=subscriptions,
            missing=state.is_missing,
        )

    def stop(self) -> None:
        """End the thread and close what is open; in the thread itself, as soon as it comes to it."""
        self._stopping = True
        self._calls.wake()
        if threading.current_thread() is not self._thread:
            self._thread.join()

    def _ask(self, do: Callable[[], _T]) -> _T:
        """Let the thread do something between two rounds, and return what comes of it."""
        if threading.current_thread() is self._thread:
            return do()
        call = Call(do)
        self._send(call)
        return call.result()

    def _send(self, call: Call[Any]) -> None:
        """The same without waiting for it."""
        self._calls.send(call)
        if self._stopping or not self._thread.is_alive():  # else nobody may come to it
            raise self._over()

    def _over(self) -> StoreError:
        """Why nothing is observed any more."""
        if self._failure is None:
            return Closed(f"{self._watched.tree.root} is watched no more, here. Watch it anew.")
        error = StorageFailure(
            f"watching {self._watched.tree.root} failed: {self._failure!r}. Watch it anew.",
            path=self._watched.tree.root,
            reason=repr(self._failure),
        )
        error.__cause__ = self._failure
        return error

    # -- the thread --------------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            self._begin()
            while not self._stopping:
                self._round()
        except BaseException as failure:  # told to all who wait, whatever it is
            self._failure = failure
            _log.exception("watching %s failed", self._watched.tree.root)
        finally:
            self._end()

    def _begin(self) -> None:
        state = self._state
        self._writers.begin()
        state.is_root_in_doubt = True
        state.rescan()
        state.flush()
        state.is_baseline = False
        poll = self._poll = select.poll()
        poll.register(self._calls.fd, select.POLLIN)
        if self._notifier is not None:
            poll.register(self._notifier.fd, select.POLLIN)

    def _round(self) -> None:
        """Wait for something to do, and do it."""
        timeout = self._timeout()
        self._is_at_rest = self._state.is_settled
        ready = self._poll.poll(timeout)
        self._is_at_rest = False
        self._rounds += 1
        asked = self._calls.fd
        calls = self._calls.count() if any(fd == asked for fd, _ in ready) else 0
        if ready:
            self._state.drain(all_of_it=bool(calls))
        self._polling.look(now=bool(calls))
        if self._state.is_missing:
            self._state.is_root_in_doubt = True
        self._flush()
        if calls:
            self._calls.run(calls)
            self._flush()
        self._syncs.finish(self._state.held, is_missing=self._state.is_missing)
        if not ready and self._learning.goes_on:
            self._learning.step()

    def _timeout(self) -> float | None:
        """Milliseconds until there is something to do without a hint."""
        state = self._state
        if self._learning.goes_on:
            return 0
        if state.is_missing:
            return _BACK * 1000
        times = [self._polling.next_time(), state.held.next_time(), state.endings.next_time()]
        if known := [each for each in times if each is not None]:
            return max(0.0, (min(known) - time.monotonic_ns()) / 1e6)
        return None

    def _flush(self) -> None:
        """Look at all that may have changed, and tell what did."""
        self._state.flush()
        self._audience.hand_over()

    def _catch_up(self) -> CatchUp:
        watched = self._watched
        return CatchUp(watched.tree, watched.limit, self._state.directories, watched.lines)

    def _end(self) -> None:
        if self._notifier is not None:
            self._notifier.close()
        self._writers.close()
        self._note_no_more()
        self._stopping = True
        over = self._over()
        self._calls.refuse(over)
        self._syncs.fail(over)
        self._audience.end(over if self._failure else None)
        self._calls.close()

    def abandon(self) -> None:
        """In a forked child: the thread is the parent's, and so is what it reads."""
        if self._notifier is not None:
            self._notifier.close()
        self._writers.close()
        self._note_no_more()
        self._calls.abandon()
        self._audience.end(self._over())

    def _note_no_more(self) -> None:
        own = self._watched.journal.own
        if own.noted is self._noted:  # else it is another observer's, which has begun since
            own.noted = None
