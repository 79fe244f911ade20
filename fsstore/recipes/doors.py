"""The verbs by which handles give recipes. What they do is done elsewhere, and imported when it is first wanted."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from fsstore.finding.doors import Searchable
from fsstore.steps import Steps, waiting

if TYPE_CHECKING:
    from fsstore.recipes.barrier import Barrier
    from fsstore.recipes.checkpoint import Checkpoint
    from fsstore.recipes.logbook import Logbook
    from fsstore.recipes.memoizing import Memoizing
    from fsstore.recipes.queue import Queue
    from fsstore.recipes.semaphore import Semaphore
    from fsstore.recipes.signal import Signal
    from fsstore.recipes.state_machine import StateMachine
    from fsstore.recipes.statistics import Statistics
    from fsstore.recipes.throttle import Throttle


class Recipes(Searchable, ABC):
    """What a handle of one namespace has: one line for each pattern that agents write by hand."""

    __slots__ = ()

    @property
    @abstractmethod
    def store(self) -> Recipes:
        """The store of this namespace."""

    # -- caching -----------------------------------------------------------------------------------

    @waiting
    def cached(self, key: str, fn: Callable[[], Any], *, ttl: float | None = None, stale: float = 0.0) -> Steps[Any]:
        """The value of ``key``; where it is missing, what ``fn()`` gives, which is stored first.

        Every value that is there is a hit: ``None``, 0 and "" too. However many threads, tasks and processes want the
        key at once, one of them calls ``fn``; the others wait for its end, however long it takes (ten minutes
        where ``fn`` itself asks for another key: then it is computed twice), and get that value.
        What ``fn`` raises is raised, nothing is stored, and one of those that waited calls it next; so if its process
        dies. Who stores a value meanwhile by another verb is right: it is given instead.

        ``ttl``: seconds until it is too old and missing again. For ``stale`` seconds more it is given all the same,
        at once, while one thread (awaited: one task) of this program calls ``fn`` in the background; if that fails, the
        logger ``fsstore`` hears of it, and the value stays until its end. ``fn`` may be a coroutine function where
        ``aio.cached`` is awaited.

        Raises `NestedWrite` if ``fn`` asks for the key that it computes, `UnsupportedType` for what is no JSON value,
        `BadValue` for a file that holds none (``delete`` the key, and it is computed anew), `ValueError` for times
        that make no sense.
        """
        from fsstore.recipes.caching import Cached, Terms

        return (yield from Cached(self, key, Terms.of(ttl, stale)).value(fn))

    def memoize(
        self,
        ttl: float | None = None,
        *,
        stale: float = 0.0,
        key: Callable[..., Any] | None = None,
        ignore: Collection[str] = (),
        name: str | None = None,
    ) -> Memoizing:
        """A decorator: the function's results are kept here, as `cached` does, for each set of arguments.

        The key is ``NAME:HASH``: the name is module and qualified name (of a script or an agent: its file's), or
        ``name``; the hash is that of the arguments' canonical JSON, the same however they are passed, with defaults
        filled in. 1, 1.0, "1" and True are different, a tuple is a list. ``ignore`` names parameters that make no
        difference, such as ``self``. ``key`` is a function of the same arguments that says what makes one: text is
        used as it is, anything else as a hash.

        For ``def`` and ``async def``. The function has ``.key``, ``.bypass``, ``.invalidate`` and ``.invalidate_all``:
        see `Memoized`. A call raises `UnsupportedType` for an argument that is no JSON value, and what `cached` raises.
        Raises `ValueError` for a function without a name of its own, and for parameters it does not have.
        """
        from fsstore.recipes.caching import Terms
        from fsstore.recipes.memoizing import Memoizing, require_called

        require_called(ttl)
        return Memoizing(self, Terms.of(ttl, stale), key, ignore, name)

    # -- accumulating ------------------------------------------------------------------------------

    def statistics(self, key: str) -> Statistics:
        """Count, sum, extremes, mean and variance of numbers that many add, in one small object under ``key``."""
        from fsstore.recipes.statistics import Statistics

        return Statistics(self, key)

    def logbook(self, name: str) -> Logbook:
        """A log that many write: a key for each entry, ``NAME:DAY:ULID``, in the order of their time."""
        from fsstore.recipes.logbook import Logbook

        return Logbook(self, name)

    # -- coordinating ------------------------------------------------------------------------------

    @waiting
    def wait_all(self, keys: Iterable[str], timeout: float | None = None) -> Steps[dict[str, Any]]:
        """Wait until all these keys are there; their values, as they were at one instant.

        A file that cannot be read is waited for. Raises `WaitTimeout` after ``timeout`` seconds: ``missing`` are the
        keys that had not come. Raises `Closed` if the store is closed meanwhile.
        """
        from fsstore.recipes.arrivals import all_there

        return (yield from all_there(self, keys, timeout))

    def signal(self, name: str) -> Signal:
        """Something that has happened, once ``set()`` was called or the key written by hand; it can be waited for."""
        from fsstore.recipes.signal import Signal

        return Signal(self, name)

    def semaphore(self, name: str, n: int, *, timeout: float | None = None, ttl: float | None = None) -> Semaphore:
        """``with store.semaphore("api", 3):`` is entered by at most ``n`` at once, in all processes.

        Waits up to ``timeout`` seconds (30 by default, 0 tries once), then raises `LockTimeout`, which names the
        holders. With ``ttl`` a slot is a lease, as with `lock`. A holder's slot is free at once when its process ends.
        """
        from fsstore.recipes.semaphore import Semaphore

        return Semaphore(self, name, n, timeout=timeout, ttl=ttl)

    def throttle(self, name: str, count: int, seconds: float) -> Throttle:
        """``with store.throttle("api", 5, 1.0):`` is entered at most ``count`` times in any ``seconds``.

        Waits as long as it takes; ``acquire(timeout)`` does not.
        """
        from fsstore.recipes.throttle import Throttle

        return Throttle(self, name, count, seconds)

    def barrier(self, name: str, parties: int) -> Barrier:
        """Where ``parties`` wait for one another: ``wait()`` returns to all of them when the last has come."""
        from fsstore.recipes.barrier import Barrier

        return Barrier(self, name, parties)

    # -- work --------------------------------------------------------------------------------------

    def queue(self, name: str, *, max_attempts: int = 5, lease: float = 60.0) -> Queue:
        """Jobs for any number of workers, each done at least once: see `Queue`. Its keys begin with ``NAME:``.

        A worker has a job for ``lease`` seconds; after ``max_attempts`` it is a dead letter.
        """
        from fsstore.recipes.queue import Queue

        return Queue(self, name, max_attempts=max_attempts, lease=lease)

    def checkpoint(self, key: str, items: Iterable[Any]) -> Checkpoint:
        """``items``, beginning where the last process stopped: see `Checkpoint`. How far it came is in ``key``."""
        from fsstore.recipes.checkpoint import Checkpoint

        return Checkpoint(self, key, items)

    def state_machine(
        self, key: str, transitions: Mapping[str, Sequence[str]], initial: str | None = None, *, maxlen: int = 100
    ) -> StateMachine:
        """A state in ``key`` that goes only where ``transitions`` says: see `StateMachine`.

        Without ``initial`` it begins with the first state that is named; its history keeps the newest ``maxlen`` moves.
        """
        from fsstore.recipes.state_machine import StateMachine

        return StateMachine(self, key, transitions, initial, maxlen=maxlen)
