"""Locks with names between the threads of one process, for an engine without files. They know no keys."""

from __future__ import annotations

import contextlib
import threading
import time
import weakref
from collections.abc import Iterator
from typing import NamedTuple

from fsstore import leases
from fsstore.keys import require_text
from fsstore.leases import Holding
from fsstore.records import Author, Claim, Holder

_SLOWEST = 0.05  # seconds between looks: nobody says so when a claim is dropped
_INSTANT = 0.05  # seconds: who looks at the names keeps others out for less, unless a fenced write is under way


class _Held(NamedTuple):
    holding: Holding
    claim: weakref.ref[Claim]


class MemoryLocks:
    """The named locks of one store. A forked child holds none of its parent's."""

    def __init__(self) -> None:
        self._held: dict[str, _Held] = {}
        self._token = 0
        self.start_over()

    def start_over(self) -> None:
        """In a forked child: the parent's threads are not here to release anything."""
        self._changed = threading.Condition(threading.RLock())
        self._held.clear()

    def acquire(self, name: str, timeout: float, ttl: float | None, author: Author) -> Claim:
        """Lock a name, for at most ``ttl`` seconds if given. Raises `LockTimeout` after ``timeout`` seconds."""
        _require(name)
        end = time.monotonic() + timeout
        with self._within(timeout) as entered:
            while entered and (current := self._current(name)) is not None:
                left = end - time.monotonic()
                if left <= 0:
                    raise leases.timed_out(name, timeout, current.holder())
                ends = left if current.until is None else max(0.0, current.until - leases.boot_seconds())
                self._changed.wait(min(left, ends, _SLOWEST))
            if not entered:
                raise leases.timed_out(name, timeout, None)
            self._token = leases.next_token(self._token)
            claim = Claim(name, self._token, ttl, leases.end_of(ttl))
            self._held[name] = _Held(Holding.begun(claim, author), weakref.ref(claim))
            return claim

    def release(self, claim: Claim) -> None:
        """Unlock. Nothing, if the claim is lost already."""
        with self._changed:
            if self._is_noted(claim):
                del self._held[claim.name]
                self._changed.notify_all()

    def renew(self, claim: Claim, ttl: float | None = None) -> Claim:
        """Hold for ``ttl`` seconds from now, as many as before by default. Raises `LeaseLost`."""
        with self.fenced(claim):
            claim.ttl = claim.ttl if ttl is None else ttl
            claim.until = leases.end_of(claim.ttl)
            self._held[claim.name] = _Held(
                self._held[claim.name].holding._replace(until=claim.until), weakref.ref(claim)
            )
            return claim

    @contextlib.contextmanager
    def fenced(self, claim: Claim) -> Iterator[None]:
        """Nobody else gets a name in the body, even if its time passes. Raises `LeaseLost` if it is not ours."""
        with self._changed:
            current = self._current(claim.name)
            if current is None or not self._is_noted(claim):
                raise leases.lost(claim.name, claim.token, None if current is None else current.token)
            yield

    def holder(self, name: str) -> Holder | None:
        """Who holds a name."""
        _require(name)
        current = self._current(name)
        return None if current is None else current.holder()

    def close(self) -> None:
        """Release everything."""
        with self._changed:
            self._held.clear()
            self._changed.notify_all()

    def _current(self, name: str) -> Holding | None:
        held = self._held.get(name)
        return None if held is None or held.claim() is None or held.holding.is_over() else held.holding

    def _is_noted(self, claim: Claim) -> bool:
        held = self._held.get(claim.name)
        return held is not None and held.claim() is claim

    @contextlib.contextmanager
    def _within(self, timeout: float) -> Iterator[bool]:
        """Enter the condition, unless a fenced write keeps it for too long; whether that is so."""
        entered = self._changed.acquire(blocking=False) or self._changed.acquire(timeout=max(timeout, _INSTANT))
        try:
            yield entered
        finally:
            if entered:
                self._changed.release()


def _require(name: str) -> None:
    require_text(name, "name of a lock")
    leases.require_name(name)
