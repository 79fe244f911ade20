"""The verbs of a handle that concern several keys, or several holders: transactions and locks. No file, no recipe."""

from __future__ import annotations

import contextlib
import time
from abc import ABC
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, TypeVar

from fsstore.errors import Conflict
from fsstore.namespace import Handle
from fsstore.reading import require_plain
from fsstore.watching.doors import Watchable

if TYPE_CHECKING:
    from fsstore.locks import Lock
    from fsstore.records import Holder
    from fsstore.transaction import TransactionEngine

_PAUSE = 0.001, 0.1  # seconds: the longest before the first and before any repetition of a transaction
_T = TypeVar("_T")


class Coordinated(Watchable, ABC):
    """What a handle of one namespace has."""

    __slots__ = ()

    def lock(self, name: str, timeout: float | None = None, ttl: float | None = None) -> Lock:
        """A lock with a name of the whole store, for ``with`` or ``async with``.

        Waits for it up to ``timeout`` seconds (30 by default, 0 tries once), then raises `LockTimeout`, which says
        who holds it. With ``ttl`` it is a lease that ends by itself after so many seconds. Locks are advisory:
        they stop nobody who does not ask for them.
        """
        from fsstore.locks import Lock

        return Lock(self._engine, name, self._writer, timeout=timeout, ttl=ttl)

    def locked_by(self, name: str) -> Holder | None:
        """Who holds the lock of this name now."""
        return self._engine.holder(name)

    @contextlib.contextmanager
    def transaction(self, *, durability: str | None = None) -> Iterator[Handle]:
        """Several reads and writes, in several namespaces, as one commit.

        ``with store.transaction() as tx:`` gives a handle with all verbs, which sees its own writes; nobody else does
        before the end. Then all is stored or nothing: `Conflict` is raised if anything that was read or listed is not
        as it was, or has been, in one instant. What the block raises is raised, and nothing is stored. Transactions
        are serializable, hold no lock before the end, and are not for several threads.
        """
        from fsstore.transaction import TransactionEngine

        engine = TransactionEngine(self._engine)
        try:
            yield self._within(engine)
            engine.finish(self._writer, durability)
        finally:
            engine.close()

    def transact(self, fn: Callable[[Handle], _T], retries: int = 10, *, durability: str | None = None) -> _T:
        """Call ``fn(tx)`` in a transaction, again after each conflict, at most ``retries`` times; what it returned.

        It should have no effects beside those on ``tx``. Raises the last `Conflict`.
        """
        import random

        require_plain(fn)
        from fsstore.transaction import TransactionEngine

        for attempt in range(retries + 1):
            engine = TransactionEngine(self._engine)
            try:
                result = fn(self._within(engine))
            except Exception:  # it may have seen what no longer is
                if attempt == retries or not engine.is_stale():
                    raise
            else:
                try:
                    engine.finish(self._writer, durability)
                except Conflict:
                    if attempt == retries:
                        raise
                else:
                    return result
            finally:
                engine.close()
            time.sleep(random.uniform(0, min(_PAUSE[0] * 2**attempt, _PAUSE[1])))  # noqa: S311
        raise ValueError(f"retries={retries} is negative")

    def _within(self, transaction: TransactionEngine) -> Handle:
        """The same handle in a transaction: keys last there as long as they do here."""
        return Handle(transaction, self.name, agent=self.agent, run=self.run_id, ops=self._ops, ttl=self._ttl)
