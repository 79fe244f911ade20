"""The doing of a job by a function of the user's, while its lease is kept. It knows no key and no record."""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from fsstore.errors import LeaseLost, StoreError
from fsstore.steps import Call

if TYPE_CHECKING:
    from fsstore.recipes.jobs import Job
    from fsstore.recipes.queue import Queue

log = logging.getLogger("fsstore")
_PARTS = 3
"""How often the lease is extended in the time that it takes."""
_LONGEST_TOLD = 2000


class Kept(Call):
    """The end of ``fn(job.item)``; meanwhile the job's lease is extended again and again."""

    def __init__(self, queue: Queue, job: Job, seconds: float, fn: Callable[[Any], Any]) -> None:
        super().__init__(fn, job.item)
        self._queue, self._job, self._seconds = queue, job, seconds

    def block(self) -> Any:
        """Call it here, with a thread beside it that keeps the lease."""
        is_over = threading.Event()
        keeper = threading.Thread(target=self._keep, args=(is_over,), name="fsstore-lease", daemon=True)
        keeper.start()
        try:
            return super().block()
        finally:
            is_over.set()
            keeper.join()

    async def suspend(self) -> Any:
        """Await it, with a task beside it that keeps the lease."""
        import asyncio

        keeper = asyncio.ensure_future(self._keep_async())
        try:
            return await super().suspend()
        finally:
            keeper.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.wait([keeper])

    def _keep(self, is_over: threading.Event) -> None:
        while not is_over.wait(self._seconds / _PARTS):
            if not self._extend():
                return

    async def _keep_async(self) -> None:
        import asyncio

        is_kept = True
        while is_kept:
            await asyncio.sleep(self._seconds / _PARTS)
            is_kept = await asyncio.shield(asyncio.to_thread(self._extend))

    def _extend(self) -> bool:
        """Whether there is anything left to keep."""
        try:
            self._queue.extend(self._job, self._seconds)
        except LeaseLost:  # which is said when the job is to be acknowledged
            return False
        except StoreError as error:
            log.warning("the lease on job %r could not be extended, and is tried again: %s", self._job.id, error)
        return True


def failure(error: Exception) -> str:
    """What is noted of a function that failed."""
    told = f"{type(error).__name__}: {error}"
    return told if len(told) <= _LONGEST_TOLD else told[:_LONGEST_TOLD] + "..."
