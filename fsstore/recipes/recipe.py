"""What all recipes are: a name in a namespace. Everything a recipe keeps is in keys that begin with that name."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

from fsstore.errors import Conflict, NotFound
from fsstore.keys import require_text
from fsstore.ops import MISSING
from fsstore.recipes.arrivals import arrival
from fsstore.recipes.shapes import Misshapen, bad_value
from fsstore.views import AsyncView

if TYPE_CHECKING:
    from fsstore.errors import BadValue
    from fsstore.recipes.doors import Recipes
    from fsstore.steps import Waiting


class Recipe:
    """A recipe of a namespace. Cheap to make, touches nothing before its first verb, safe to share between threads."""

    __slots__ = ("_space", "name")

    _kind: ClassVar[str] = "recipe"
    """What it is called in names of locks and in errors."""

    def __init__(self, space: Recipes, name: str) -> None:
        require_text(name, "name of a recipe")
        self._space = space
        self.name = name
        """The key that it keeps its state in, or that all its keys begin with."""

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name!r} of {self._space.name!r}>"

    @property
    def aio(self) -> AsyncView:
        """The same verbs, to be awaited."""
        return AsyncView(self)

    def _lock_name(self, *parts: str | int) -> str:
        """A name for a lock of the store that no other recipe has: what this is, where, and ``parts`` of one's own."""
        return self._space.key(self._kind, self._space.name, self.name, *parts)

    def _arrival(self, predicate: Callable[[Any], object] | None, timeout: float | None) -> Waiting:
        """The waiting for this recipe's own key."""
        return arrival(self._space, self.name, predicate, timeout)

    def _update_lasting(self, change: Callable[[Any], dict[str, Any]]) -> dict[str, Any]:
        """Update the key; or make it of ``change(None)``, to last, whatever ttl a handle has: a state does not end."""
        while True:
            if not self._space.exists(self.name):
                made = change(None)
                with contextlib.suppress(Conflict):  # somebody else was the first just now
                    self._space.create(self.name, made, ttl=math.inf)
                    return made
            with contextlib.suppress(NotFound):  # somebody removed it just now
                updated: dict[str, Any] = self._space.update(self.name, change, default=MISSING)
                return updated

    @property
    def _called(self) -> str:
        """How it is called in errors."""
        return f"{self._kind} {self.name!r} of namespace {self._space.name!r}"

    def _conflict(self, problem: str, expected: str | None = None, actual: str | None = None) -> Conflict:
        """The error for a key that says something else than its user does; ``problem`` goes on after its name."""
        return Conflict(
            f"{self._called}{problem}", namespace=self._space.name, key=self.name, expected=expected, actual=actual
        )

    def _bad(self, shape: Misshapen, way_out: str) -> BadValue:
        """The error for a key that somebody has given a value which this recipe cannot use."""
        return bad_value(self._space, self.name, shape, way_out)
