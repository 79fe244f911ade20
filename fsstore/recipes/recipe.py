"""What all recipes are: a name in a namespace. Everything a recipe keeps is in keys that begin with that name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fsstore.views import AsyncView

if TYPE_CHECKING:
    from fsstore.recipes.doors import Recipes


class Recipe:
    """A recipe of a namespace. Cheap to make, touches nothing before its first verb, safe to share between threads."""

    __slots__ = ("_space", "name")

    def __init__(self, space: Recipes, name: str) -> None:
        self._space = space
        self.name = name
        """The key that it keeps its state in, or that all its keys begin with."""

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name!r} of {self._space.name!r}>"

    @property
    def aio(self) -> AsyncView:
        """The same verbs, to be awaited."""
        return AsyncView(self)
