"""Where several wait until all of them have come. Who waits is in one key; that they live, in a lock of each."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from fsstore.errors import Closed, WaitTimeout
from fsstore.recipes.agreed import Agreed, require_count
from fsstore.steps import Deadline, Giving, Steps, Waiting, waiting

if TYPE_CHECKING:
    from fsstore.locks import Lock
    from fsstore.recipes.doors import Recipes


class Barrier(Agreed):
    """``parties`` threads, tasks or processes that wait for one another, again and again; made by ``store.barrier``.

    The key holds ``{"parties": n, "waiting": [...], "released": {...}}``: who waits, in the order of their coming, and
    who was released with which index and has not noticed yet. Each holds a lock named ``barrier:NAMESPACE:NAME:WHO``
    meanwhile, which ends with its process: the dead are left out by whoever comes next.
    """

    __slots__ = ("parties",)

    _kind = "barrier"

    def __init__(self, space: Recipes, name: str, parties: int) -> None:
        super().__init__(space, name)
        require_count(parties, "parties")
        self.parties = parties
        """How many are waited for."""

    @waiting
    def wait(self, timeout: float | None = None) -> Steps[int]:
        """Wait for the others; 0 for the one who came first, and so on: each number once.

        All are released in one instant, by the last who comes; a waiter whose process ended before that does not
        count. After ``timeout`` seconds, or cancelled, one is not waited for any more, unless all were released just
        then; then `WaitTimeout` is raised, or the index returned. Raises `Conflict` if the barrier of this name has
        another number of parties. If somebody deletes the key meanwhile, who waits comes anew when it is there again.
        """
        deadline = Deadline(timeout)
        me = uuid4().hex[:12]
        with self._lock_of(me):
            try:
                index = self._come(me)
                while index is None:
                    yield self._change(me, deadline.left)
                    index = self._come(me)
                yield Giving()
            except WaitTimeout:
                index = self._go(me)
                if index is None:
                    raise self._timed_out(deadline.seconds) from None
            except BaseException:
                with contextlib.suppress(Closed):  # then the lock says that this one is gone
                    self._go(me)
                raise
        return index

    def waiting(self) -> int:
        """How many wait now; others may before this returns."""
        waiting, _ = self._parts(self._space.get(self.name, self._value([], {})))
        return sum(self._lives(each) for each in waiting)

    def _change(self, me: str, left: float) -> Waiting:
        """The end of the waiting of this one, by whatever."""

        def is_over(value: Any) -> bool:
            return not (isinstance(value, dict) and isinstance(value.get("waiting"), list) and me in value["waiting"])

        return self._arrival(is_over, left)

    def _come(self, me: str) -> int | None:
        """Take one's place, or what one was released with. Who is the last releases all."""
        found: int | None = None

        def come(value: Any) -> dict[str, Any]:
            nonlocal found
            waiting, released = self._parts(value)
            found = released.pop(me, None)
            if found is None:
                waiting = [each for each in waiting if each == me or self._lives(each)]
                waiting += [] if me in waiting else [me]
                if len(waiting) >= self.parties:
                    released |= {each: index for index, each in enumerate(waiting[: self.parties])}
                    waiting = waiting[self.parties :]
                    found = released.pop(me, None)
            return self._value(waiting, released)

        self._update_begun(self._value([], {}), come)
        return found

    def _go(self, me: str) -> int | None:
        """Be waited for no more; the index, if all were released already."""
        found: int | None = None

        def go(value: Any) -> dict[str, Any]:
            nonlocal found
            waiting, released = self._parts(value)
            found = released.pop(me, None)
            return self._value([each for each in waiting if each != me], released)

        self._space.update(self.name, go, default=self._value([], {}))
        return found

    def _value(self, waiting: list[str], released: dict[str, int]) -> dict[str, Any]:
        """What the key holds; those who were released and died before they noticed are forgotten."""
        noticing = {each: index for each, index in released.items() if self._lives(each)}
        return {"parties": self.parties, "waiting": waiting, "released": noticing}

    def _parts(self, value: Any) -> tuple[list[str], dict[str, int]]:
        self._require_agreement(value, parties=self.parties)
        waiting, released = value.get("waiting"), value.get("released")
        if not isinstance(waiting, list) or not all(isinstance(each, str) and each for each in waiting):
            raise self._misshapen("a list 'waiting' of names")
        if not isinstance(released, dict) or not all(isinstance(index, int) for index in released.values()):
            raise self._misshapen("an object 'released' of numbers")
        return waiting, released

    def _lives(self, who: str) -> bool:
        return self._space.locked_by(self._lock_name(who)) is not None

    def _lock_of(self, who: str) -> Lock:
        return self._space.lock(self._lock_name(who), timeout=0)

    def _timed_out(self, timeout: float) -> WaitTimeout:
        return WaitTimeout(
            f"{self._called} waits for {self.parties}, who had not all come within {timeout:g} s. Are they alive?",
            seconds=timeout,
        )
