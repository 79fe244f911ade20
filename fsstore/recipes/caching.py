"""A value that is computed where it is missing, by one for all. It knows nothing of the arguments of functions.

What is kept is the plain value in the key's file, nothing else. How old it is is told by its expiry: with ``ttl`` and
``stale`` the key ends after both, and is fresh until ``stale`` seconds before its end.
"""

from __future__ import annotations

import contextlib
import logging
import math
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from fsstore.errors import Closed, Conflict, LockTimeout, NotFound, StoreError
from fsstore.recipes.flights import Computing, Flight, outside
from fsstore.records import seconds_of
from fsstore.steps import Entering, Steps, Waiting, arun, run
from fsstore.writing import require_lasting

if TYPE_CHECKING:
    from fsstore.locks import Lock
    from fsstore.recipes.doors import Recipes
    from fsstore.records import Record

ABSENT = object()
"""In place of a value that is missing: whatever JSON can say is a value."""

_log = logging.getLogger("fsstore")
_tasks: set[Any] = set()
"""Computations in the background that a loop alone would forget."""


class Terms(NamedTuple):
    """How long a value is good, in seconds."""

    ttl: float | None
    """Until it is stale; ``None``: as long as the namespace says, else for ever."""
    stale: float
    """How long after that it is still given while somebody computes a new one."""

    @classmethod
    def of(cls, ttl: float | None, stale: float) -> Terms:
        """The same, checked: what is wrong is said before anything is computed. Raises `ValueError`."""
        require_lasting(ttl)
        if isinstance(stale, bool) or not isinstance(stale, int | float) or not 0 <= stale < math.inf:
            raise ValueError(f"stale={stale!r} is no number of seconds; 0 gives nothing that is older than ttl")
        if stale and ttl is None:
            raise ValueError(f"stale={stale!r} counts from the end of ttl; give one")
        return cls(ttl, stale)

    @property
    def kept(self) -> float | None:
        """How long the store keeps it."""
        return None if self.ttl is None else self.ttl + self.stale

    def is_fresh(self, record: Record) -> bool:
        """Whether a value needs no successor yet."""
        return record.expires_at is None or time.time() < seconds_of(record.expires_at) - self.stale


class Cached:
    """A key whose value is what a function gives."""

    __slots__ = ("_key", "_space", "_terms")

    def __init__(self, space: Recipes, key: str, terms: Terms) -> None:
        self._space = space
        self._key = key
        self._terms = terms

    @property
    def _flight(self) -> Flight:
        """Made where something has to be computed: what is there is given without."""
        return Flight(self._space, self._key)

    def value(self, fn: Callable[[], Any]) -> Steps[Any]:
        """The value; computed if it is missing, and in the background if it is stale."""
        found, is_fresh = self._look()
        if found is ABSENT:
            self._flight.require_outside()
            return (yield Waiting(lambda: run(self._first(fn)), lambda: self._first_in_turn(fn)))
        if not is_fresh:
            yield Waiting(lambda: self._renew_in_thread(fn), lambda: self._renew_in_task(fn))
        return found

    def forget(self) -> Steps[bool]:
        """Remove the value; was there one? A computation that began before leaves nothing: its end is waited for."""
        was_there = self._space.delete(self._key)
        if self._space.locked_by(self._flight.name) is not None and not self._flight.is_inside():
            lock = self._flight.lock()
            yield Entering(lock)
            try:
                self._space.delete(self._key)
            finally:
                lock.release()
        return was_there

    def _look(self) -> tuple[Any, bool]:
        """The value that is there, and whether it is fresh. One read."""
        if not self._terms.stale:
            return self._space.get(self._key, ABSENT), True
        record = self._record()
        return (ABSENT, False) if record is None else (record.value, self._terms.is_fresh(record))

    def _record(self) -> Record | None:
        try:
            return self._space.info(self._key)
        except NotFound:
            return None

    # -- the first value ---------------------------------------------------------------------------

    def _first(self, fn: Callable[[], Any]) -> Steps[Any]:
        """Compute it, unless somebody else has meanwhile. Who is first to store a value is right."""
        lock = self._flight.lock()
        try:
            yield Entering(lock)
        except LockTimeout as error:
            _log.warning("%s It may wait for what is computed here, so the key is computed here as well.", error)
            return (yield from self._computed(None, fn))
        try:
            return (yield from self._computed(lock, fn))
        finally:
            lock.release()

    def _computed(self, lock: Lock | None, fn: Callable[[], Any]) -> Steps[Any]:
        found, _ = self._look()
        if found is not ABSENT:
            return found
        value = yield Computing(lock, fn)
        return self._space.set_default(self._key, value, ttl=self._terms.kept)

    async def _first_in_turn(self, fn: Callable[[], Any]) -> Any:
        """The same for a task, after the other tasks that want it."""
        async with self._flight.in_turn():
            return await arun(self._looked_first(fn))

    def _looked_first(self, fn: Callable[[], Any]) -> Steps[Any]:
        found, _ = self._look()
        return found if found is not ABSENT else (yield from self._first(fn))

    # -- the next value ----------------------------------------------------------------------------

    def _renew_in_thread(self, fn: Callable[[], Any]) -> None:
        """Let a thread compute it, unless somebody does. The thread ends with the program."""
        import threading

        with self._told():
            if (lock := self._flight.tried()) is None:
                return
            work = (self._renew_told, lock, fn)
            thread = threading.Thread(target=outside().run, args=work, name="fsstore-cached", daemon=True)
            try:
                thread.start()
            except RuntimeError:  # no thread to be had
                lock.release()
                raise

    def _renew_told(self, lock: Lock, fn: Callable[[], Any]) -> None:
        with self._told():
            run(self._renewed(lock, fn))

    async def _renew_in_task(self, fn: Callable[[], Any]) -> None:
        """Let a task of this loop compute it, unless somebody does."""
        import asyncio

        with self._told():
            if (lock := await self._flight.tried_awaited()) is None:
                return
            task = asyncio.create_task(self._renew_awaited(lock, fn), context=outside())
            _tasks.add(task)
            task.add_done_callback(_tasks.discard)
            task.add_done_callback(lambda _: lock.release())  # also where it was cancelled before it began

    async def _renew_awaited(self, lock: Lock, fn: Callable[[], Any]) -> None:
        with self._told():
            await arun(self._renewed(lock, fn))

    def _renewed(self, lock: Lock, fn: Callable[[], Any]) -> Steps[None]:
        """Compute and store it, if it is stale still."""
        try:
            record = self._record()
            if record is not None and not self._terms.is_fresh(record):
                self._replace(record, (yield Computing(lock, fn)))
        finally:
            lock.release()

    def _replace(self, old: Record, value: Any) -> None:
        """Store what was computed. What somebody else set or removed meanwhile stays so; what just ended does not."""
        try:
            self._space.set(self._key, value, if_match=old.revision, ttl=self._terms.kept)
        except Conflict:
            if old.expires_at is not None and time.time() >= seconds_of(old.expires_at):
                self._space.set_default(self._key, value, ttl=self._terms.kept)

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        """In the background nobody hears what is raised: it is told to the logger, and the stale value stays."""
        try:
            yield
        except Closed:  # then nobody wants it any more
            pass
        except Exception as error:
            _log.warning(
                "key %r of namespace %r could not be computed anew, and stays as it is until its end: %s: %s",
                self._key,
                self._space.name,
                type(error).__name__,
                error,
                exc_info=None if isinstance(error, StoreError) else error,
            )
