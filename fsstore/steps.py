"""Work that waits, written once: run by a plain call, or awaited. It knows no store.

The work is a generator: what it does between two ``yield`` never waits, and each `Wait` that it yields says for what
it waits, once in each way. A plain call runs it in its own thread. Awaited, each stretch of work runs in a thread of
the event loop's pool and the waiting in the loop, so that however many wait, no thread is kept from those that could
end the wait.
"""

from __future__ import annotations

import functools
import time
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Coroutine, Generator
from typing import Any, Concatenate, Generic, NamedTuple, ParamSpec, TypeVar, overload

from fsstore.errors import UnsupportedType

T = TypeVar("T")
S = TypeVar("S")
P = ParamSpec("P")

Steps = Generator["Wait", Any, T]
"""Work that gives a ``T`` at its end."""


class Wait(ABC):
    """Something to wait for; what came of it is sent into the work, what it raised is raised there."""

    @abstractmethod
    def block(self) -> Any:
        """Wait in this thread."""

    @abstractmethod
    async def suspend(self) -> Any:
        """Wait in this coroutine, without a thread."""


class Pause(Wait):
    """So many seconds."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    def block(self) -> None:
        """Sleep."""
        time.sleep(self._seconds)

    async def suspend(self) -> None:
        """Sleep in the loop."""
        import asyncio

        await asyncio.sleep(self._seconds)


class Call(Wait):
    """The end of a function of the user's, a plain one or, where the work is awaited, a coroutine function."""

    def __init__(self, fn: Callable[..., Any], *args: Any) -> None:
        self._fn, self._args = fn, args

    def block(self) -> Any:
        """Call it. Raises `UnsupportedType` if it has to be awaited."""
        if is_async(self._fn):
            raise _cannot_await(self._fn)
        found = self._fn(*self._args)
        if hasattr(found, "__await__"):
            if hasattr(found, "close"):
                found.close()  # so that nothing warns of a coroutine that was never awaited
            raise _cannot_await(self._fn)
        return found

    async def suspend(self) -> Any:
        """Await it; a plain function is called in a thread."""
        import asyncio

        if is_async(self._fn):
            return await self._fn(*self._args)
        found = await asyncio.to_thread(self._fn, *self._args)
        return await found if hasattr(found, "__await__") else found


class Entering(Wait):
    """The entering of something that is both a context manager and an async one, such as a lock."""

    def __init__(self, entered: Any) -> None:
        self._entered = entered

    def block(self) -> Any:
        """Enter it."""
        return self._entered.__enter__()

    async def suspend(self) -> Any:
        """The same in the loop."""
        return await self._entered.__aenter__()


class Waiting(Wait):
    """What a method does that is there in both forms: a plain verb, and the same name in a view to be awaited."""

    def __init__(self, plain: Callable[[], Any], awaited: Callable[[], Awaitable[Any]]) -> None:
        self._plain, self._awaited = plain, awaited

    def block(self) -> Any:
        """Call the plain one."""
        return self._plain()

    async def suspend(self) -> Any:
        """Await the other one."""
        return await self._awaited()


def run(steps: Steps[T]) -> T:
    """Do the work in this thread; what it gives."""
    turn = _next(steps)
    while not isinstance(turn, _Done):
        try:
            found = turn.block()
        except BaseException as error:
            turn = _next(steps, error=error)
        else:
            turn = _next(steps, found)
    result: T = turn.result
    return result


async def arun(steps: Steps[T]) -> T:
    """Do the work with the waiting in this coroutine; what it gives.

    Who is cancelled waits for the stretch of work that is under way; then the work is told by the same error.
    """
    turn = await _in_thread(functools.partial(_next, steps), steps)
    while not isinstance(turn, _Done):
        try:
            found = await turn.suspend()
        except BaseException as error:
            turn = await _in_thread(functools.partial(_next, steps, error=error), steps)
        else:
            turn = await _in_thread(functools.partial(_next, steps, found), steps)
    result: T = turn.result
    return result


class _Done(NamedTuple):
    result: Any


def _next(steps: Steps[Any], found: Any = None, error: BaseException | None = None) -> Wait | _Done:
    """Go on to the next wait, or to the end."""
    try:
        return steps.send(found) if error is None else steps.throw(error)
    except StopIteration as done:  # which no future could carry
        return _Done(done.value)


async def _in_thread(stretch: Callable[[], Wait | _Done], steps: Steps[Any]) -> Wait | _Done:
    import asyncio

    task = asyncio.ensure_future(asyncio.to_thread(stretch))
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError as cancelled:
        while not task.done():  # nobody can stop a thread; what it does is short
            try:
                await asyncio.wait([task])
            except asyncio.CancelledError:
                continue
        if not task.cancelled() and task.exception() is None and not isinstance(task.result(), _Done):
            ending = asyncio.ensure_future(asyncio.to_thread(_tell_cancelled, steps, cancelled))
            await asyncio.wait([ending])
        raise


def _tell_cancelled(steps: Steps[Any], cancelled: BaseException) -> None:
    """Let the work clean up. It does not wait any more."""
    try:
        steps.throw(cancelled)
    except BaseException:  # noqa: S110  # the cancellation itself is raised by whoever calls this
        pass
    finally:
        steps.close()


class Bound(Generic[P, T]):
    """A method that does work of this kind: call it, or await ``awaited(...)``; ``aio.NAME`` is the latter."""

    def __init__(self, steps: Callable[P, Steps[T]]) -> None:
        self._steps = steps

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
        bound: Callable[P, Steps[T]] = functools.partial(self._steps, instance)
        made = Bound(bound)
        functools.update_wrapper(made, self._steps)
        return made


def is_async(fn: Any) -> bool:
    """Whether what it gives has to be awaited, as far as can be told without a call."""
    import inspect

    return inspect.iscoroutinefunction(fn) or inspect.iscoroutinefunction(getattr(fn, "__call__", None))  # noqa: B004


def _cannot_await(fn: Callable[..., Any]) -> UnsupportedType:
    name = getattr(fn, "__name__", repr(fn))
    return UnsupportedType(
        f"{name} is a coroutine function, which a plain call cannot wait for; await the same verb of .aio",
        json_path="$",
        type_name="coroutine",
    )
