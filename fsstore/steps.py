"""Work that waits, written once: run by a plain call, or awaited. It knows no store.

The work is a generator: what it does between two ``yield`` never waits, and each `Wait` that it yields says for what
it waits, once in each way. A plain call runs it in its own thread. Awaited, each stretch of work runs in a thread of
the event loop's pool and the waiting in the loop, so that however many wait, no thread is kept from those that could
end the wait.

What the work may rely on, in both forms: it is always brought to its end. Each stretch that was begun is finished,
then the work is told of what has ended it, a cancellation or Ctrl-C too, by an exception where it waits; it may clean
up, and even wait for that. Where nobody runs the loop any more it is closed (`GeneratorExit`), and must not wait. A
stretch sees the context variables of whoever awaits it; what it sets in them is gone at its end.
"""

from __future__ import annotations

import contextvars
import functools
import threading
from collections.abc import Callable, Coroutine, Generator
from types import MethodType
from typing import TYPE_CHECKING, Any, Concatenate, Generic, ParamSpec, TypeVar, overload

from fsstore.waits import Call, Deadline, Done, Entering, Failed, Giving, Pause, Wait, Waiting, finished, is_async

if TYPE_CHECKING:
    import asyncio

__all__ = [
    "Bound",
    "Call",
    "Deadline",
    "Entering",
    "Giving",
    "Pause",
    "Steps",
    "Wait",
    "Waiting",
    "arun",
    "given",
    "is_async",
    "run",
    "to_its_end",
    "waiting",
]

T = TypeVar("T")
S = TypeVar("S")
P = ParamSpec("P")

Steps = Generator[Wait, Any, T]
"""Work that gives a ``T`` at its end."""


class _Work:
    """Work under way: one stretch at a time, in whichever thread."""

    def __init__(self, steps: Steps[Any]) -> None:
        self._steps = steps
        self._is_over = False
        self._mutex = threading.RLock()

    def go_on(self, found: Any = None, error: BaseException | None = None) -> Wait | Done | Failed:
        """Go on to the next wait, or to the end."""
        with self._mutex:
            try:
                return self._steps.send(found) if error is None else self._steps.throw(error)
            except StopIteration as done:
                self._is_over = True
                return Done(done.value)
            except BaseException as raised:
                self._is_over = True
                return Failed(raised)

    def end(self) -> None:
        """Close what was left, after the stretch that is under way.

        Called by the collector of garbage it may have interrupted that very stretch: then whoever runs that stretch
        is the last to hold the work, and closes it by letting go.
        """
        with self._mutex:
            if not self._is_over and not getattr(self._steps, "gi_running", False):
                self._is_over = True
                self._steps.close()


def given(taken: T, give_back: Callable[[T], object]) -> Steps[T]:
    """The end of work that takes something for its caller, who alone could give it back; nothing may come after it.

    ``return (yield from given(taken, give_back))``: a caller who is cancelled does not get it.
    """
    try:
        yield Giving()
    except BaseException:
        give_back(taken)
        raise
    return taken


def run(steps: Steps[T]) -> T:
    """Do the work in this thread; what it gives."""
    work = _Work(steps)
    try:
        turn = work.go_on()
        while isinstance(turn, Wait):
            try:
                found = turn.block()
            except BaseException as error:
                turn = work.go_on(error=error)
            else:
                turn = work.go_on(found)
        result: T = _result(turn)
        return result
    finally:
        work.end()


async def arun(steps: Steps[T]) -> T:
    """Do the work with the waiting in this coroutine; what it gives.

    The first stretch is done whatever happens; so is the one under way when this is cancelled. Then the work is told,
    and when it has cleaned up the cancellation is raised, unless the work took it upon itself to give a result.
    """
    work = _Work(steps)
    try:
        turn, cancelled = await _stretch(work.go_on)
        while isinstance(turn, Wait):
            if isinstance(turn, Giving) and cancelled is None:
                turn = work.go_on()  # here: whoever is cancelled after this has what was given
                continue
            found, error = await _suspended(turn) if cancelled is None else (None, cancelled)
            turn, cancelled = await _stretch(functools.partial(work.go_on, found, error))
            error = None  # it would hold this frame, and this frame it
        if cancelled is not None:
            raise cancelled from (turn.taken() if isinstance(turn, Failed) else None)
        result: T = _result(turn)
        return result
    finally:
        work.end()


async def to_its_end(fn: Callable[[], T]) -> T:
    """Call in a thread of the loop's pool what never waits; who is cancelled meanwhile goes on when it has ended."""
    return await arun(_only(fn))


def _only(fn: Callable[[], T]) -> Steps[T]:
    yield from ()
    return fn()


def _result(turn: Done | Failed) -> Any:
    if isinstance(turn, Failed):
        raise turn.taken()
    return turn.result


async def _suspended(wait: Wait) -> tuple[Any, BaseException | None]:
    """What came of a wait, or what it raised. Whoever closes this coroutine closes `arun` too, whatever this gives."""
    try:
        return await wait.suspend(), None
    except BaseException as error:
        return None, error


async def _stretch(work: Callable[[], Wait | Done | Failed]) -> tuple[Any, asyncio.CancelledError | None]:
    """Do a stretch of work in a thread of the loop's pool, to its end; and whether this was cancelled meanwhile."""
    import asyncio

    context = contextvars.copy_context()
    return await finished(asyncio.get_running_loop().run_in_executor(None, context.run, work))


class Bound(Generic[P, T]):
    """A method that does work of this kind: call it, or await ``awaited(...)``; ``aio.NAME`` is the latter."""

    def __init__(self, steps: Callable[P, Steps[T]]) -> None:
        self._steps = self.__wrapped__ = steps  # for whoever asks for its arguments
        self.__doc__ = steps.__doc__
        self.__name__ = steps.__name__

    def __repr__(self) -> str:
        return f"<waiting {self._steps!r}>"

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> T:
        """Do it in this thread."""
        return run(self._steps(*args, **kwargs))

    def awaited(self, *args: P.args, **kwargs: P.kwargs) -> Coroutine[Any, Any, T]:
        """The same for ``await``."""
        return arun(self._steps(*args, **kwargs))

    def steps(self, *args: P.args, **kwargs: P.kwargs) -> Steps[T]:
        """The work itself, to be a part of other work: ``yield from``."""
        return self._steps(*args, **kwargs)


class waiting(Generic[S, P, T]):  # noqa: N801  # a decorator
    """Make a generator method one that may be called and may be awaited."""

    def __init__(self, steps: Callable[Concatenate[S, P], Steps[T]]) -> None:
        self._steps = steps
        self.__doc__ = steps.__doc__

    @overload
    def __get__(self, instance: None, owner: type) -> waiting[S, P, T]: ...
    @overload
    def __get__(self, instance: S, owner: type) -> Bound[P, T]: ...
    def __get__(self, instance: S | None, owner: type) -> waiting[S, P, T] | Bound[P, T]:
        if instance is None:
            return self
        method: Callable[P, Steps[T]] = MethodType(self._steps, instance)
        return Bound(method)
