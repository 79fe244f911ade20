"""What ``store.lock(name)`` gives: a lock for a ``with`` or an ``async with``. The engine does the locking."""

from __future__ import annotations

import contextlib
import threading
import time
from typing import TYPE_CHECKING, Self

from fsstore import leases
from fsstore.errors import LockTimeout, NestedWrite, ReadOnly
from fsstore.records import Author, Claim

if TYPE_CHECKING:
    from fsstore.engine import Engine

_QUICK_POLLS = 20
_QUICK, _SLOW = 0.001, 0.01  # seconds between the tries of a coroutine


class _Try:
    """One try to get a lock, in a thread that nobody can stop: what it gets too late is given back."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._mutex = threading.Lock()
        self._wanted = True
        self._claim: Claim | None = None

    def run(self, name: str, ttl: float | None, author: Author) -> Claim:
        claim = self._engine.acquire(name, 0.0, ttl, author)
        with self._mutex:
            if self._wanted:
                self._claim = claim
                return claim
        self._engine.release(claim)
        return claim

    def forget(self) -> None:
        with self._mutex:
            self._wanted = False
            claim, self._claim = self._claim, None
        if claim is not None:
            self._engine.release(claim)


class Lock:
    """A name of the store that one holder has at a time, among all threads and processes; made by ``store.lock``.

    Hold it with ``with`` or ``async with``. It may be used again afterwards, but not twice at once: each
    holder makes its own. A holder whose process ended holds nothing. With a ``ttl`` it is a lease: others get
    it when that time has passed, even if the holder does not know, because it was stopped or slept. Then a
    write with ``lease=`` raises `LeaseLost` and changes nothing; writes without it are not stopped, by any lock.
    """

    __slots__ = ("_author", "_claim", "_engine", "_is_used", "_mutex", "_name", "_timeout", "_ttl")

    def __init__(
        self, engine: Engine, name: str, author: Author, *, timeout: float | None = None, ttl: float | None = None
    ) -> None:
        if reason := engine.capabilities.read_only:
            raise ReadOnly(f"lock({name!r}) of a read-only store: {reason}.", reason=reason)
        leases.require_ttl(ttl)
        self._timeout = leases.require_waiting(timeout)
        self._engine = engine
        self._name = name
        self._author = author
        self._ttl = ttl
        self._claim: Claim | None = None
        self._is_used = False
        self._mutex = threading.Lock()

    def __repr__(self) -> str:
        return f"<lock {self._name!r}{', held' if self._is_used and self._claim is not None else ''}>"

    @property
    def name(self) -> str:
        """What is locked."""
        return self._name

    @property
    def token(self) -> int:
        """The fencing token: larger than that of every earlier holder of any lock of the store."""
        return self.claim.token

    @property
    def claim(self) -> Claim:
        """What the engine knows this holder by, the last one after `release`. Raises `LeaseLost` before the first."""
        if self._claim is None:
            raise leases.lost(self._name, 0, None)
        return self._claim

    def renew(self, ttl: float | None = None) -> None:
        """Hold it for ``ttl`` seconds from now, as many as at first by default. Raises `LeaseLost`."""
        leases.require_ttl(ttl)
        self._engine.renew(self.claim, ttl)

    def release(self) -> None:
        """Let go of it before the end of the ``with``. Nothing, if it is lost or released already."""
        claim = self._claim
        if claim is not None and self._is_used:
            try:
                self._engine.release(claim)
            finally:
                self._is_used = False

    def __enter__(self) -> Self:
        self._begin()
        try:
            self._claim = self._engine.acquire(self._name, self._timeout, self._ttl, self._author)
        except BaseException:
            self._is_used = False
            raise
        return self

    def __exit__(self, *exc: object) -> None:
        self.release()

    async def __aenter__(self) -> Self:
        self._begin()
        try:
            self._claim = await self._wait()
        except BaseException:
            self._is_used = False
            raise
        return self

    async def __aexit__(self, *exc: object) -> None:
        import asyncio

        await asyncio.shield(asyncio.to_thread(self.release))  # it must go on if this is cancelled

    def _begin(self) -> None:
        with self._mutex:
            if self._is_used:
                raise NestedWrite(f"this lock object on {self._name!r} is in use. Make another one: store.lock(...).")
            self._is_used = True
            self._claim = None

    async def _wait(self) -> Claim:
        """Try again and again, each time in a thread; none is kept waiting, so that holders find one to release in."""
        import asyncio

        started = time.monotonic()
        polls = 0
        while True:
            attempt = _Try(self._engine)
            try:
                with contextlib.suppress(LockTimeout):
                    return await asyncio.to_thread(attempt.run, self._name, self._ttl, self._author)
            except BaseException:  # cancelled
                attempt.forget()
                raise
            waited = time.monotonic() - started
            if waited >= self._timeout:
                raise leases.timed_out(
                    self._name, self._timeout, await asyncio.to_thread(self._engine.holder, self._name)
                )
            pause = _QUICK if polls < _QUICK_POLLS else _SLOW
            await asyncio.sleep(min(pause, self._timeout - waited))
            polls += 1
