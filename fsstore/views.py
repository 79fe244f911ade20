"""A handle seen as something else: a mutable mapping, or an object to be awaited. They hold nothing of their own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Generator, Iterator, MutableMapping
from typing import Any, Protocol

from fsstore.steps import Bound

_CHUNK = 256


class _Verbs(Protocol):
    """What a mapping asks of a handle."""

    def __getitem__(self, key: str) -> Any: ...
    def __setitem__(self, key: str, value: Any) -> None: ...
    def __delitem__(self, key: str) -> None: ...
    def __iter__(self) -> Iterator[str]: ...
    def __contains__(self, key: object) -> bool: ...
    def count(self) -> int: ...
    def clear(self) -> int: ...


class MappingView(MutableMapping[str, Any]):
    """A namespace as a mapping: sorted by key, equal to a ``dict`` of the same items, false when empty."""

    def __init__(self, handle: _Verbs) -> None:
        self._handle = handle

    def __repr__(self) -> str:
        return repr(dict(self))

    def __getitem__(self, key: str) -> Any:
        return self._handle[key]

    def __setitem__(self, key: str, value: Any) -> None:
        self._handle[key] = value

    def __delitem__(self, key: str) -> None:
        del self._handle[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._handle)

    def __len__(self) -> int:
        return self._handle.count()

    def __contains__(self, key: object) -> bool:
        return key in self._handle

    def clear(self) -> None:
        """Remove every key."""
        self._handle.clear()


class AsyncView:
    """The verbs of a handle, each run in a thread of the event loop's pool.

    A verb gives a coroutine, a stream (``items``, ``scan``) an async iterator, another handle its own async
    view, and what is no method is passed through. ``wait_for`` needs no thread while it waits; ``watch`` gives what is
    for ``await``, ``async with`` or ``async for``.
    """

    __slots__ = ("_handle",)

    def __init__(self, handle: object) -> None:
        self._handle = handle

    def __repr__(self) -> str:
        return f"{self._handle!r}.aio"

    def __aiter__(self) -> AsyncIterator[Any]:
        if not hasattr(self._handle, "__aiter__"):
            raise TypeError(f"{self!r} is nothing to iterate over; its streams and subscriptions are")
        iterator: AsyncIterator[Any] = self._handle.__aiter__()
        return iterator

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        found = getattr(self._handle, name)
        if name in _AWAITABLE:
            return found
        if isinstance(found, Bound):
            return found.awaited
        if name in _STREAMS:
            return _streamed(found)
        if name in _NATIVE:
            return getattr(self._handle, f"_{name}_async")
        if name in _OPENED:
            return lambda *args, **kwargs: Opening(_threaded(found), args, kwargs)
        if name in _ENTERED:
            return lambda *args, **kwargs: AsyncEntered(found(*args, **kwargs))
        if name in _IMMEDIATE:
            return lambda *args, **kwargs: AsyncView(found(*args, **kwargs))
        return _threaded(found) if callable(found) else found


_AWAITABLE = frozenset({"lock", "memoize"})
"""What it gives is for ``async with``, or is a decorator."""
_ENTERED = frozenset({"semaphore", "throttle"})
"""The same, and it has verbs of its own."""
_STREAMS = frozenset({"doctor", "entries", "items", "scan"})
_NATIVE = frozenset({"wait_for"})
"""The handle has a coroutine function for it."""
_OPENED = frozenset({"follow", "watch"})
"""What it gives is used after it was waited for."""
_IMMEDIATE = frozenset(
    {
        "barrier",
        "checkpoint",
        "handle",
        "logbook",
        "queue",
        "signal",
        "state_machine",
        "statistics",
        "use_namespace",
    }
)
"""It does no input or output."""


class AsyncEntered(AsyncView):
    """The verbs of something that is for ``async with``, and for functions as a decorator."""

    __slots__ = ()

    def __call__(self, fn: Any) -> Any:
        """Put it around a function."""
        found: Any = self._handle
        return found(fn)

    async def __aenter__(self) -> Any:
        found: Any = self._handle
        return await found.__aenter__()

    async def __aexit__(self, *exc: object) -> None:
        found: Any = self._handle
        await found.__aexit__(*exc)


class Opening:
    """Something that is opened in a thread and then iterated: to be awaited, or for ``async with`` or ``async for``."""

    def __init__(self, verb: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self._verb, self._args, self._kwargs = verb, args, kwargs
        self._opened: Any = None

    def __await__(self) -> Generator[Any, None, Any]:
        return self._open().__await__()

    async def _open(self) -> Any:
        """Open it. Who is cancelled meanwhile leaves nothing open behind."""
        import asyncio

        opening = asyncio.ensure_future(self._verb(*self._args, **self._kwargs))
        try:
            return await asyncio.shield(opening)
        except asyncio.CancelledError:
            opening.add_done_callback(_close_opened)
            raise

    async def __aenter__(self) -> Any:
        self._opened = await self._open()
        return await self._opened.__aenter__()

    async def __aexit__(self, *exc: object) -> None:
        await self._opened.__aexit__(*exc)

    async def __aiter__(self) -> AsyncIterator[Any]:
        async with self as opened:
            async for each in opened:
                yield each


def _close_opened(opening: Any) -> None:
    if not opening.cancelled() and opening.exception() is None:
        opening.result().close()


def _threaded(verb: Callable[..., Any]) -> Callable[..., Any]:
    async def call(*args: Any, **kwargs: Any) -> Any:
        import asyncio

        return await asyncio.to_thread(verb, *args, **kwargs)

    return call


def _streamed(verb: Callable[..., Iterator[Any]]) -> Callable[..., AsyncIterator[Any]]:
    """Fetch a stream in pieces, so that a thread is not called for each item."""

    async def stream(*args: Any, **kwargs: Any) -> AsyncIterator[Any]:
        import asyncio
        from itertools import islice

        source = verb(*args, **kwargs)
        while True:
            # An error in the stream comes after the items before it.
            piece, error = await asyncio.to_thread(_take, islice(source, _CHUNK))
            for item in piece:
                yield item
            if error is not None:
                raise error
            if not piece:
                return

    return stream


def _take(source: Iterator[Any]) -> tuple[list[Any], Exception | None]:
    piece: list[Any] = []
    try:
        piece.extend(source)
    except Exception as error:  # handed over, and raised where the stream is awaited
        return piece, error
    return piece, None
