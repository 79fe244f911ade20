"""What all who use a recipe of one name have to agree on, kept in its key. It knows no recipe."""

from __future__ import annotations

import contextlib
import math
from typing import TYPE_CHECKING, Any

from fsstore.errors import Conflict, InvalidValue

if TYPE_CHECKING:
    from fsstore.recipes.doors import Recipes
    from fsstore.recipes.recipe import Recipe


def begin(space: Recipes, name: str, value: dict[str, Any]) -> None:
    """Let the key be there, for ever, with this value if there was none."""
    if not space.exists(name):
        with contextlib.suppress(Conflict):  # somebody else was the first just now
            space.create(name, value, ttl=math.inf)


def require_agreement(recipe: Recipe, namespace: str, value: Any, **said: float) -> None:
    """Raise `Conflict` unless the value of the recipe's key says the same numbers, `InvalidValue` if it says none."""
    kind = type(recipe).__name__.lower()
    for name, number in said.items():
        noted = value.get(name) if isinstance(value, dict) else None
        if isinstance(noted, bool) or not isinstance(noted, int | float):
            raise misshapen(recipe, namespace, f"has no number {name!r}")
        if noted != number:
            raise Conflict(
                f"{kind} {recipe.name!r} of namespace {namespace!r} has {name} {noted:g}, not {number:g}: all who use "
                f"it must say the same. To change it, stop them, and edit or delete key {recipe.name!r}.",
                namespace=namespace,
                key=recipe.name,
                expected=None,
                actual=None,
            )


def misshapen(recipe: Recipe, namespace: str, reason: str) -> InvalidValue:
    """The error for a key that holds something else than what the recipe keeps there."""
    kind = type(recipe).__name__.lower()
    return InvalidValue(
        f"key {recipe.name!r} of namespace {namespace!r} is no {kind}: it {reason}. Mend it, delete it, or use another "
        f"name.",
        json_path="$",
        namespace=namespace,
        key=recipe.name,
    )


def require_count(number: int, what: str) -> None:
    """Raise `ValueError` for what is no number of things, 1 or more."""
    if isinstance(number, bool) or not isinstance(number, int) or number < 1:
        raise ValueError(f"{what}={number!r} is no whole number above 0")
