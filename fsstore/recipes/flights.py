"""One computation at a time for a name, among all threads, tasks and processes. It knows neither values nor times."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Iterator
from contextvars import Context, ContextVar, copy_context
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary, WeakValueDictionary

from fsstore.errors import LockTimeout, NestedWrite, ReadOnly
from fsstore.steps import Call

if TYPE_CHECKING:
    import asyncio

    from fsstore.locks import Lock
    from fsstore.recipes.doors import Recipes

_PATIENCE = 1e8
"""Seconds that one waits for somebody else's computation: years. How long it may take is its author's to say."""
_NESTED_PATIENCE = 600.0
"""The same for who is in a computation of their own: somebody may wait for that, and so for ever."""

_around: ContextVar[tuple[Lock, ...]] = ContextVar("fsstore_computing", default=())
"""The locks of the computations that the calling code is in, also where those began its task."""

_Gates = WeakValueDictionary[tuple[int, str], "asyncio.Lock"]
_gates: WeakKeyDictionary[asyncio.AbstractEventLoop, _Gates] = WeakKeyDictionary()


class Flight:
    """The right to compute what a key is to hold. A process that dies gives it back."""

    __slots__ = ("_key", "_space", "name")

    def __init__(self, space: Recipes, key: str) -> None:
        self._space = space
        self._key = key
        self.name = space.key("cached", space.name, key)
        """That of the store's lock: whoever asks `locked_by` for it learns who computes."""

    def lock(self) -> Lock:
        """A lock that waits until nobody else computes. Within another computation `LockTimeout` ends that some day."""
        return self._space.lock(self.name, timeout=_NESTED_PATIENCE if _around.get() else _PATIENCE)

    def tried(self) -> Lock | None:
        """A lock that is held; ``None`` where somebody computes, or nobody may write."""
        try:
            return self._space.lock(self.name, timeout=0).__enter__()
        except (LockTimeout, ReadOnly):
            return None

    async def tried_awaited(self) -> Lock | None:
        """The same, awaited."""
        try:
            return await self._space.lock(self.name, timeout=0).__aenter__()
        except (LockTimeout, ReadOnly):
            return None

    def is_inside(self) -> bool:
        """Whether the calling code is a part of this very computation, and would wait for itself."""
        mine = [lock.token for lock in _around.get() if lock.name == self.name]
        if not mine:
            return False
        holder = self._space.locked_by(self.name)
        return holder is not None and holder.token in mine

    def require_outside(self) -> None:
        """Raise `NestedWrite` for a computation that asks for what it is about to give."""
        if self.is_inside():
            raise NestedWrite(
                f"key {self._key!r} of namespace {self._space.name!r} is being computed by the very function that asks "
                f"for it, and would wait for itself. Call the function itself, or use another key."
            )

    @contextlib.asynccontextmanager
    async def in_turn(self) -> AsyncIterator[None]:
        """One task of this event loop after the other, so that one alone asks for the lock again and again.

        A task that is in a computation already does not wait here: its turn came before.
        """
        if _around.get():
            yield
            return
        async with _gate(id(self._space.store), self.name):
            yield


class Computing(Call):
    """A call of a function of the user's that knows in which computation it is."""

    def __init__(self, lock: Lock | None, fn: Any) -> None:
        super().__init__(fn)
        self._lock = lock

    def block(self) -> Any:
        """Call it."""
        with _inside(self._lock):
            return super().block()

    async def suspend(self) -> Any:
        """Await it, or call it in a thread."""
        with _inside(self._lock):
            return await super().suspend()


def outside() -> Context:
    """The context of the calling code for work that nobody waits for: it is a part of no computation."""
    context = copy_context()
    context.run(_around.set, ())
    return context


@contextlib.contextmanager
def _inside(lock: Lock | None) -> Iterator[None]:
    before = _around.set(_around.get() if lock is None else (*_around.get(), lock))
    try:
        yield
    finally:
        _around.reset(before)


def _gate(store: int, name: str) -> asyncio.Lock:
    """The gate of a name for the tasks of this loop, there as long as one of them is at it."""
    import asyncio

    gates = _gates.setdefault(asyncio.get_running_loop(), WeakValueDictionary())
    gate = gates.get((store, name))
    if gate is None:
        gates[store, name] = gate = asyncio.Lock()
    return gate
