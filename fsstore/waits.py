"""For what work may wait, until when, and how a thread is waited for in a coroutine. It knows nothing of the work."""

from __future__ import annotations

import contextlib
import contextvars
import functools
import math
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from fsstore.errors import UnsupportedType

if TYPE_CHECKING:
    import asyncio


class Deadline:
    """The end of the patience of somebody who waits up to ``timeout`` seconds; 0 looks once, ``None`` waits for ever.

    Raises `ValueError` for what is no such number.
    """

    __slots__ = ("_end", "seconds")

    def __init__(self, timeout: float | None) -> None:
        if timeout is not None and not timeout >= 0:
            raise ValueError(f"timeout={timeout!r} is no number of seconds; 0 does not wait, None waits for ever")
        self.seconds = math.inf if timeout is None else timeout
        """How many there were in the beginning."""
        self._end = time.monotonic() + self.seconds

    @property
    def left(self) -> float:
        """The seconds that are left: 0 when it is over, infinity if there is none."""
        return max(0.0, self._end - time.monotonic())


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
    """The end of a function of the user's, a plain one or, where the work is awaited, a coroutine function.

    Nobody can stop a plain function: who is cancelled meanwhile waits for its end.
    """

    def __init__(self, fn: Callable[..., Any], *args: Any) -> None:
        self._fn, self._args = fn, args

    def block(self) -> Any:
        """Call it. Raises `UnsupportedType` if it has to be awaited."""
        if is_async(self._fn):
            raise _cannot_await(self._fn)
        found = self._fn(*self._args)
        if hasattr(found, "__await__"):
            _drop(found)
            raise _cannot_await(self._fn)
        return found

    async def suspend(self) -> Any:
        """Await it; a plain function is called in a thread of its own.

        The threads of the pool are for what never waits: the function may wait for somebody who needs one of them.
        """
        if is_async(self._fn):
            return await self._fn(*self._args)
        call = functools.partial(outcome_of, functools.partial(self._fn, *self._args))
        outcome, cancelled = await finished(_in_thread_of_its_own(call))
        if cancelled is not None:
            _drop(outcome.result if isinstance(outcome, Done) else None)
            raise cancelled
        if isinstance(outcome, Failed):
            raise outcome.taken()
        return await outcome.result if hasattr(outcome.result, "__await__") else outcome.result


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


class Giving(Wait):
    """Nothing; but who is cancelled will not get what the work is about to give, and the work is told of it here.

    The last wait of work that takes something for its caller, who alone could give it back: see `given`.
    """

    def block(self) -> None:
        """Go on."""

    async def suspend(self) -> None:
        """The same."""


class Done(NamedTuple):
    """What was given in another thread."""

    result: Any


class Failed:
    """What was raised in another thread. It is no result of a future, as that cannot be any exception."""

    def __init__(self, error: BaseException) -> None:
        self._error: BaseException | None = error

    def taken(self) -> BaseException:
        """The error, which is then not kept here: it would hold, and be held by, the frame that raises it."""
        error, self._error = self._error, None
        assert error is not None
        return error


async def finished(future: asyncio.Future[Any]) -> tuple[Any, asyncio.CancelledError | None]:
    """What came of a thread that nobody can stop; and the cancellation that came meanwhile, to be raised later."""
    import asyncio

    cancelled = None
    while not future.done():
        try:
            await asyncio.wait([future])
        except asyncio.CancelledError as error:
            cancelled = cancelled or error
    return future.result(), cancelled


def outcome_of(fn: Callable[[], Any]) -> Done | Failed:
    """What a function gives or raises."""
    try:
        return Done(fn())
    except BaseException as error:
        return Failed(error)


def _in_thread_of_its_own(fn: Callable[[], Any]) -> asyncio.Future[Any]:
    """What a function gives that raises nothing, called in a new thread."""
    import asyncio

    loop = asyncio.get_running_loop()
    future = loop.create_future()
    context = contextvars.copy_context()

    def call() -> None:
        found = context.run(fn)
        with contextlib.suppress(RuntimeError):  # the loop was closed: nobody waits any more
            loop.call_soon_threadsafe(future.set_result, found)

    threading.Thread(target=call, name="fsstore call").start()
    return future


def _drop(found: Any) -> None:
    """Close a coroutine that nobody will await, so that nothing warns of it."""
    if hasattr(found, "__await__") and hasattr(found, "close"):
        found.close()


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
