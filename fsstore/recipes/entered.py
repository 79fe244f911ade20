"""What is entered by a ``with`` or an ``async with``, by many at once, or put around a function. It takes nothing."""

from __future__ import annotations

import functools
import sys
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from fsstore.recipes.recipe import Recipe
from fsstore.steps import Steps, arun, is_async, run, to_its_end
from fsstore.views import AsyncEntered

if TYPE_CHECKING:
    from fsstore.recipes.doors import Recipes

T = TypeVar("T")
_F = TypeVar("_F", bound=Callable[..., Any])


class Entered(Recipe, ABC, Generic[T]):
    """One object may be shared: each thread and each task leaves what it has entered itself, the last first."""

    __slots__ = ("_inside",)

    def __init__(self, space: Recipes, name: str) -> None:
        super().__init__(space, name)
        self._inside: dict[object, tuple[object, T]] = {}
        """In order, with who has entered. No lock: a signal handler or a forked child could wait for it for ever."""

    @abstractmethod
    def _take(self) -> Steps[T]:
        """Wait for what is taken on entering."""

    @abstractmethod
    def _give_back(self, taken: T) -> None:
        """What leaving does."""

    @property
    def aio(self) -> AsyncEntered:
        """The same verbs, to be awaited."""
        return AsyncEntered(self)

    def __enter__(self) -> T:
        return self._entered(run(self._take()))

    def __exit__(self, *exc: object) -> None:
        self._give_back(self._left())

    async def __aenter__(self) -> T:
        return self._entered(await arun(self._take()))

    async def __aexit__(self, *exc: object) -> None:
        await to_its_end(functools.partial(self._give_back, self._left()))

    def __call__(self, fn: _F) -> _F:
        """The same function, plain or to be awaited, each call of which enters and leaves."""
        if is_async(fn):

            @functools.wraps(fn)
            async def awaited(*args: Any, **kwargs: Any) -> Any:
                async with self:
                    return await fn(*args, **kwargs)

            return awaited  # type: ignore[return-value]

        @functools.wraps(fn)
        def called(*args: Any, **kwargs: Any) -> Any:
            with self:
                return fn(*args, **kwargs)

        return called  # type: ignore[return-value]

    def _entered(self, taken: T) -> T:
        self._inside[object()] = _caller(), taken
        return taken

    def _left(self) -> T:
        caller = _caller()
        while True:
            inside = list(self._inside.items())
            own = [key for key, (who, _) in inside if who == caller]
            key = own[-1] if own else inside[-1][0]  # left in another task than it was entered in
            found = self._inside.pop(key, None)
            if found is not None:  # else such another task has left it meanwhile
                return found[1]


def _caller() -> object:
    """The task that is running in this thread, or the thread."""
    if asyncio := sys.modules.get("asyncio"):
        try:
            task: object = asyncio.current_task()
        except RuntimeError:  # no loop runs here
            task = None
        if task is not None:
            return task
    return threading.get_ident()
