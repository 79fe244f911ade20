"""At most so many at once: a semaphore's slots, each a named lock of the store. Who asks first is not known."""

from __future__ import annotations

import contextlib
import random
from typing import TYPE_CHECKING, Any

from fsstore import leases
from fsstore.errors import LockTimeout
from fsstore.ops import MISSING
from fsstore.recipes.agreed import Agreed, require_count
from fsstore.recipes.entered import Entered
from fsstore.steps import Deadline, Entering, Steps, given, waiting

if TYPE_CHECKING:
    from fsstore.locks import Lock
    from fsstore.recipes.doors import Recipes
    from fsstore.records import Holder

_FIRST_TURN, _LONGEST_TURN = 0.002, 0.05  # seconds to wait for one slot before all are tried again


class Semaphore(Agreed, Entered["Lock"]):
    """``n`` slots that threads, tasks and processes hold one at a time; made by ``store.semaphore``.

    Hold one with ``with`` or ``async with``, or around a function as a decorator. What ``as`` gives is the `Lock` of
    the slot: ``slot.renew()``, and ``lease=slot`` for a semaphore with a ``ttl``. A slot is free at once when its
    holder's process ends. The key holds ``{"limit": n}``, the slots are locks: ``semaphore:NAMESPACE:NAME:NUMBER``.
    """

    __slots__ = ("_timeout", "_ttl", "limit")

    _kind = "semaphore"

    def __init__(
        self, space: Recipes, name: str, n: int, *, timeout: float | None = None, ttl: float | None = None
    ) -> None:
        super().__init__(space, name)
        require_count(n, "n")
        leases.require_ttl(ttl)
        leases.require_waiting(timeout)
        self.limit = n
        """How many may hold it at once."""
        self._timeout, self._ttl = timeout, ttl

    @waiting
    def acquire(self, timeout: float | None = None) -> Steps[Lock]:
        """Wait for a slot up to ``timeout`` seconds, or as long as the semaphore says; to be left by ``release()``.

        0 tries each slot once. Raises `LockTimeout`, which names the holders, and `Conflict` if the semaphore of this
        name has another limit. Nobody's turn is promised; a slot that becomes free while others wait goes to one of
        them within 0.05 s.
        """
        self._agree()
        seconds = leases.require_waiting(self._timeout if timeout is None else timeout)
        deadline = Deadline(seconds)
        turn = _FIRST_TURN
        while (slot := self._try_all()) is None:
            left = deadline.left
            if not left:
                raise self._timed_out(seconds)
            chosen = self._slot(random.randrange(self.limit), min(left, turn))  # noqa: S311
            with contextlib.suppress(LockTimeout):
                slot = yield Entering(chosen)
                break
            turn = min(2 * turn, _LONGEST_TURN)
        return (yield from given(slot, self._give_back))

    def holders(self) -> list[Holder]:
        """Who holds a slot now; others may before this returns."""
        held = (self._space.locked_by(self._lock_name(number)) for number in range(self.limit))
        return [holder for holder in held if holder is not None]

    def _take(self) -> Steps[Lock]:
        return self.acquire.steps()

    def _give_back(self, taken: Lock) -> None:
        taken.release()

    def _agree(self) -> None:
        """Note the limit, or see that it is the one that is noted."""
        found: Any = MISSING
        while found is MISSING:  # or somebody removed it just now
            self._begin({"limit": self.limit})
            found = self._space.get(self.name, MISSING)
        self._require_agreement(found, limit=self.limit)

    def _try_all(self) -> Lock | None:
        """Any slot that is free now. They are tried from one of them on, so that not all ask for the same."""
        first = random.randrange(self.limit)  # noqa: S311
        for number in range(first, first + self.limit):
            slot = self._slot(number % self.limit, 0)
            with contextlib.suppress(LockTimeout):
                slot.__enter__()
                return slot
        return None

    def _slot(self, number: int, timeout: float) -> Lock:
        return self._space.lock(self._lock_name(number), timeout=timeout, ttl=self._ttl)

    def _timed_out(self, seconds: float) -> LockTimeout:
        holders = self.holders()
        who = "; ".join(
            f"process {holder.pid}{'' if holder.agent is None else f' (agent {holder.agent!r})'} since {holder.since}"
            for holder in holders
        )
        now = f"now by {who}" if holders else "and nobody holds them now"
        first = holders[0] if holders else None
        return LockTimeout(
            f"all {self.limit} slots of {self._called} were held for "
            f"{seconds:g} s, {now}. Try again, or see whether those processes hang.",
            seconds=seconds,
            name=self.name,
            pid=first and first.pid,
            agent=first and first.agent,
            since=first and first.since,
        )
