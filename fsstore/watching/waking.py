"""Waking a coroutine from any thread. It knows no events."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio

Wake = Callable[[], None]


class Alarm:
    """A future that is settled by `wake` from any thread, by `ring` from the loop's own."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self.ready: asyncio.Future[None] = loop.create_future()

    def ring(self) -> None:
        """Settle the future. Twice is nothing."""
        if not self.ready.done():
            self.ready.set_result(None)

    def wake(self) -> None:
        """Let the loop ring."""
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits
            self._loop.call_soon_threadsafe(self.ring)
