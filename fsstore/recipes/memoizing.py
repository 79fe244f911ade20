"""A function that keeps its results in the store. How a result is computed once for all is known elsewhere."""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection, Coroutine
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, Protocol, Self, TypeVar, cast, overload

from fsstore.errors import UnsupportedType
from fsstore.recipes.arguments import Arguments, digest_of, name_of
from fsstore.recipes.caching import ABSENT, Cached, Terms
from fsstore.steps import arun, is_async, run

if TYPE_CHECKING:
    from fsstore.recipes.doors import Recipes

P = ParamSpec("P")
Q = ParamSpec("Q")
S = TypeVar("S")
T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class Memoized(Protocol[P, T_co]):
    """A function whose results are kept in the store; to be called as the function itself."""

    __name__: str
    __wrapped__: Callable[..., Any]

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> T_co:
        """The result for these arguments: that in the store, or what the function gives, which is stored."""
        ...

    def bypass(self, *args: P.args, **kwargs: P.kwargs) -> T_co:
        """Call the function itself: nothing is looked up, nothing is stored."""
        ...

    def key(self, *args: P.args, **kwargs: P.kwargs) -> str:
        """The key of the result for these arguments, for every other verb of the namespace."""
        ...

    def invalidate(self, *args: P.args, **kwargs: P.kwargs) -> bool:
        """Forget the result for these arguments; was there one?

        Afterwards there is none that was begun before: a call that computes it just now is waited for.
        """
        ...

    def invalidate_all(self) -> int:
        """Forget all results, in one step; how many there were. Calls under way store theirs later.

        That is every key that begins with the function's name and a colon: let no other have such a name.
        """
        ...

    @overload
    def __get__(self, instance: None, owner: type) -> Self: ...
    @overload
    def __get__(self: Memoized[Concatenate[S, Q], T], instance: S, owner: type) -> Callable[Q, T]: ...


class AsyncMemoized(Memoized[P, Coroutine[Any, Any, T_co]], Protocol[P, T_co]):
    """The same of a coroutine function: all but `key` is to be awaited."""

    async def invalidate(self, *args: P.args, **kwargs: P.kwargs) -> bool:  # type: ignore[override]
        """Forget the result for these arguments, as `Memoized.invalidate` does."""
        ...

    async def invalidate_all(self) -> int:  # type: ignore[override]
        """Forget all results, as `Memoized.invalidate_all` does."""
        ...


class Memoizing:
    """The decorator that `Recipes.memoize` gives."""

    def __init__(
        self, space: Recipes, terms: Terms, key: Callable[..., Any] | None, ignore: Collection[str], name: str | None
    ) -> None:
        self._space = space
        self._terms = terms
        self._key = key
        self._ignore = ignore
        self._name = name

    @overload
    def __call__(self, fn: Callable[P, Coroutine[Any, Any, T]]) -> AsyncMemoized[P, T]: ...
    @overload
    def __call__(self, fn: Callable[P, T]) -> Memoized[P, T]: ...
    def __call__(self, fn: Callable[..., Any]) -> Any:
        """The function, with its results kept. Raises `ValueError` for one whose keys would be those of another."""
        prefix = f"{name_of(fn) if self._name is None else self._name}:"
        suffix = self._by_arguments(fn) if self._key is None else _given(self._key)
        make = self._awaited if is_async(fn) else self._plain
        made = make(fn, lambda args, kwargs: prefix + suffix(args, kwargs))
        made.bypass = fn
        made.key = lambda *args, **kwargs: prefix + suffix(args, kwargs)
        if is_async(fn):
            made.invalidate_all = functools.partial(self._space.aio.delete_prefix, prefix)
        else:
            made.invalidate_all = functools.partial(self._space.delete_prefix, prefix)
        return made

    def _by_arguments(self, fn: Callable[..., Any]) -> _Suffix:
        return Arguments(fn, self._ignore).digest

    def _plain(self, fn: Callable[..., Any], key_of: _Suffix) -> Any:
        space, terms, get = self._space, self._terms, self._space.get

        @functools.wraps(fn)
        def call(*args: Any, **kwargs: Any) -> Any:
            key = key_of(args, kwargs)
            if not terms.stale and (found := get(key, ABSENT)) is not ABSENT:
                return found  # at once, as most are
            return run(Cached(space, key, terms).value(functools.partial(fn, *args, **kwargs)))

        def invalidate(*args: Any, **kwargs: Any) -> bool:
            return run(Cached(space, key_of(args, kwargs), terms).forget())

        made = cast(Any, call)
        made.invalidate = invalidate
        return made

    def _awaited(self, fn: Callable[..., Any], key_of: _Suffix) -> Any:
        space, terms = self._space, self._terms

        @functools.wraps(fn)
        async def call(*args: Any, **kwargs: Any) -> Any:
            return await arun(Cached(space, key_of(args, kwargs), terms).value(functools.partial(fn, *args, **kwargs)))

        async def invalidate(*args: Any, **kwargs: Any) -> bool:
            return await arun(Cached(space, key_of(args, kwargs), terms).forget())

        made = cast(Any, call)
        made.invalidate = invalidate
        return made


def require_called(ttl: Any) -> None:
    """Raise `UnsupportedType` where the decorator was used without its parentheses."""
    if callable(ttl):
        raise UnsupportedType(
            "memoize() gives the decorator: write @data_store.memoize(), with parentheses",
            json_path="$",
            type_name=type(ttl).__name__,
        )


_Suffix = Callable[[tuple[Any, ...], dict[str, Any]], str]


def _given(key: Callable[..., Any]) -> _Suffix:
    """The end of a key as the caller's function says: text as it is, anything else as a hash."""

    def suffix(args: tuple[Any, ...], kwargs: dict[str, Any]) -> str:
        found = key(*args, **kwargs)
        return found if isinstance(found, str) else digest_of(found, lambda: "what key= gave")

    return suffix
