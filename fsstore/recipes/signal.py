"""One thing that has happened, told by a key that is there. It knows neither who tells nor who waits."""

from __future__ import annotations

from typing import Any

from fsstore.recipes.recipe import Recipe
from fsstore.steps import Steps, waiting


class Signal(Recipe):
    """A key that is waited for; made by ``store.signal``. Its value is the key's, so anybody may set it by hand."""

    __slots__ = ()

    def set(self, value: Any = True) -> None:
        """Let all who wait, and who ever will, go on with this value. Setting it again replaces the value."""
        self._space.set(self.name, value)

    def is_set(self) -> bool:
        """Whether the key is there."""
        return self._space.exists(self.name)

    def clear(self) -> bool:
        """Remove the key, so that it is waited for again; whether it was there."""
        return self._space.delete(self.name)

    @waiting
    def wait(self, timeout: float | None = None) -> Steps[Any]:
        """The value, as soon as it is set. Raises `WaitTimeout` after ``timeout`` seconds."""
        return (yield self._arrival(None, timeout))
