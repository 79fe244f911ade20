"""What all who use a recipe of one name have to agree on, kept in its key. It knows no recipe."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from fsstore.errors import Conflict, NotFound
from fsstore.ops import MISSING
from fsstore.recipes.recipe import Recipe
from fsstore.recipes.shapes import Misshapen

if TYPE_CHECKING:
    from fsstore.errors import BadValue


class Agreed(Recipe):
    """A recipe whose users all say the same numbers, which are members of the value of its key."""

    __slots__ = ()

    def _begin(self, value: dict[str, Any]) -> None:
        """Let the key be there, for ever, with this value if there was none."""
        if not self._space.exists(self.name):
            with contextlib.suppress(Conflict):  # somebody else was the first just now
                self._space.create(self.name, value, ttl=math.inf)

    def _update_begun(self, value: dict[str, Any], change: Callable[[Any], dict[str, Any]]) -> None:
        """Update the key, which is there for ever, with this value to begin with."""
        while True:
            self._begin(value)
            with contextlib.suppress(NotFound):  # somebody removed it just now
                self._space.update(self.name, change, default=MISSING)
                return

    def _require_agreement(self, value: Any, **said: float) -> None:
        """Raise `Conflict` unless the value of the key says the same numbers, `BadValue` if it says none."""
        for name, number in said.items():
            noted = value.get(name) if isinstance(value, dict) else None
            if isinstance(noted, bool) or not isinstance(noted, int | float):
                raise self._misshapen(f"a number {name!r}")
            if noted != number:
                raise self._conflict(
                    f" has {name} {_brief(noted)}, not {_brief(number)}: all who use it must say the same. To change "
                    f"it, stop them, and edit or delete key {self.name!r}."
                )

    def _misshapen(self, wanted: str) -> BadValue:
        """The error for a key that holds something else than what the recipe keeps there."""
        shape = Misshapen(f"a {self._kind} is an object with {wanted}")
        return self._bad(shape, "Mend the file, or delete it, or use another name.")


def _brief(number: float) -> str:
    return f"{number:g}" if isinstance(number, float) else str(number)


def require_count(number: int, what: str) -> None:
    """Raise `ValueError` for what is no number of things, 1 or more."""
    if isinstance(number, bool) or not isinstance(number, int) or number < 1:
        raise ValueError(f"{what}={number!r} is no whole number above 0")
