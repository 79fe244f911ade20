"""The verbs of named locks, the same for every engine that has some locks to hand them to. It locks nothing itself."""

from __future__ import annotations

from abc import ABC, abstractmethod
from contextlib import AbstractContextManager
from typing import Protocol

from fsstore.engine import nested
from fsstore.errors import Closed
from fsstore.records import Author, Claim, Holder


class Locks(Protocol):
    """What holds the names of one store."""

    def acquire(self, name: str, timeout: float, ttl: float | None, author: Author) -> Claim:
        """Lock a name."""
        ...

    def release(self, claim: Claim) -> None:
        """Unlock."""
        ...

    def renew(self, claim: Claim, ttl: float | None = None) -> Claim:
        """Hold a lease longer."""
        ...

    def holder(self, name: str) -> Holder | None:
        """Who holds a name."""
        ...

    def fenced(self, claim: Claim) -> AbstractContextManager[None]:
        """Nobody else gets the name in the body."""
        ...


class Claiming(ABC):
    """An engine's half of `fsstore.engine.Engine` that is about names."""

    _locks: Locks

    @abstractmethod
    def _require_open(self) -> None:
        """Raise `Closed` after the engine was closed."""

    @abstractmethod
    def _is_writing(self) -> bool:
        """Whether this thread is inside a write."""

    def acquire(self, name: str, timeout: float, ttl: float | None, author: Author) -> Claim:
        """Lock a name, for ``ttl`` seconds if given. Raises `LockTimeout` after ``timeout`` seconds, `Closed`."""
        self._require_open()
        if self._is_writing():
            raise nested(f"the lock {name!r}")
        claim = self._locks.acquire(name, timeout, ttl, author)
        try:
            self._require_open()  # it may have been closed while this thread waited
        except Closed:
            self._locks.release(claim)
            raise
        return claim

    def release(self, claim: Claim) -> None:
        """Unlock. Nothing, if it is lost already."""
        self._locks.release(claim)

    def renew(self, claim: Claim, ttl: float | None = None) -> Claim:
        """Hold a lease for ``ttl`` seconds from now. Raises `LeaseLost`."""
        self._require_open()
        return self._locks.renew(claim, ttl)

    def holder(self, name: str) -> Holder | None:
        """Who holds a name."""
        self._require_open()
        return self._locks.holder(name)

    def fenced(self, claim: Claim) -> AbstractContextManager[None]:
        """Nobody else gets the name in the body. Raises `LeaseLost`."""
        self._require_open()
        return self._locks.fenced(claim)
