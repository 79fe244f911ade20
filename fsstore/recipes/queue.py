"""A queue of jobs that survive whoever puts, holds or does them. It knows the verbs of a namespace, and no file.

A job is one key, and stays there while a worker has it: put, get and acknowledge are one write of one key each. The
lease is in the record, so that it ends by itself, on the clock, whatever became of the worker.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Literal

from fsstore.errors import WaitTimeout
from fsstore.recipes import settling, ulids
from fsstore.recipes.claims import owned
from fsstore.recipes.collecting import Gathered, counted, gathered
from fsstore.recipes.jobs import HIGHEST, DeadLetter, Job, Keys, QueueStats, Record
from fsstore.recipes.looks import Looks
from fsstore.recipes.recipe import Recipe
from fsstore.recipes.shapes import Misshapen, bad_value
from fsstore.recipes.taking import MEND, Taking
from fsstore.recipes.working import Kept, failure
from fsstore.records import timestamp
from fsstore.steps import Steps, given, waiting

if TYPE_CHECKING:
    from fsstore.recipes.doors import Recipes

_NO_RESULT = object()


class Queue(Recipe):
    """Jobs for any number of workers, in any processes. Made by ``data_store.queue(name)``; keep it to work with it.

    Every job is done **at least once**: it is gone only when it was acknowledged. A worker has it for the seconds of
    its lease; is it neither acknowledged nor extended by then, another one gets it. After ``max_attempts`` it is a dead
    letter. Leases and delays go by the clock of the machine, so that they hold across processes and restarts.

    The order is: the highest priority first, then who is due first, then who was put first. What another process puts
    is seen within a second at the most (50 ms, as long as the queue has fewer than a thousand jobs).
    """

    __slots__ = ("_keys", "_lease", "_max_attempts", "_taking")

    def __init__(self, space: Recipes, name: str, *, max_attempts: int = 5, lease: float = 60.0) -> None:
        if max_attempts < 1:
            raise ValueError(f"max_attempts={max_attempts} is less than 1")
        super().__init__(space, name)
        self._keys = Keys(name)
        self._max_attempts = max_attempts
        self._lease = _positive(lease, "lease")
        self._taking = Taking(space, self._keys, max_attempts)

    # -- who has work ------------------------------------------------------------------------------

    def put(self, item: Any, *, delay: float = 0, priority: int = 0, id: str | None = None) -> str:
        """Add a job, to be taken in ``delay`` seconds; its id.

        ``priority`` is from -499 to 499, higher goes first. With an ``id`` of your own a second put is nothing, as long
        as the job is waiting, with a worker, or dead, or its result is not collected. One write; with an ``id`` one
        transaction. Raises `UnsupportedType` or `InvalidValue` for an item that JSON could not give back.
        """
        if not isinstance(priority, int) or not -HIGHEST <= priority <= HIGHEST:
            raise ValueError(f"priority={priority!r} is no whole number from {-HIGHEST} to {HIGHEST}")
        if not 0 <= delay < math.inf:
            raise ValueError(f"delay={delay} is no number of seconds")
        now = time.time()
        due = ulids.make_at(now + delay)
        key = self._keys.job(priority, due, id)
        record = {"item": item, "put_at": timestamp(now), "attempts": 0, "lease": None}
        if self._add(key, record, id) and not delay:
            self._taking.line.add(key)
        return due if id is None else id

    @waiting
    def collect(
        self,
        ids: Iterable[str] | None = None,
        timeout: float | None = None,
        *,
        errors: Literal["raise", "skip"] = "raise",
    ) -> Steps[dict[str, Any]]:
        """Wait until these jobs, or all there are, are done or dead; their results by id, which are then gone.

        What was acknowledged without a result is left out. If any is a dead letter, `JobsFailed` is raised and nothing
        is gone, unless ``errors="skip"``, which leaves it out. One transaction; who is cancelled has collected nothing.
        Raises `WaitTimeout`.
        """
        if errors not in ("raise", "skip"):
            raise ValueError(f"errors={errors!r} is neither raise nor skip")
        wanted = None if ids is None else list(ids)
        looks = Looks(timeout)
        while True:
            with looks:
                left = self._pending(wanted)
                found = None if left else gathered(self._space, self._keys, wanted, skip=errors == "skip")
            if found is not None:
                return (yield from given(found, self._uncollect)).results
            if looks.are_over:
                raise WaitTimeout(
                    f"{left} jobs of queue {self.name!r} were not done within {timeout:g} s. Are there workers?",
                    seconds=timeout,
                )
            yield looks.pause()

    # -- who does it -------------------------------------------------------------------------------

    @waiting
    def get(self, timeout: float | None = 0, lease: float | None = None) -> Steps[Job | None]:
        """Take the next job, for ``lease`` seconds; ``None`` if none is there within ``timeout`` (``None``: for ever).

        One write, which counts the attempt. Who waits looks every 50 ms. Who is cancelled has taken none.
        """
        seconds = self._lease if lease is None else _positive(lease, "lease")
        return (yield from self._next(lambda: self._taking.lease(seconds), self._untake, timeout))

    @waiting
    def pull(self, timeout: float | None = 0) -> Steps[Job | None]:
        """Take the next job for good: it is gone, as if it was acknowledged, and done **at most once**.

        One conditional delete; with an id of the user's one transaction. Waits as `get` does; who is cancelled while
        one is taken puts it back.
        """
        return (yield from self._next(self._taking.pull, self._unpull, timeout))

    def ack(self, job: Job, result: Any = _NO_RESULT) -> None:
        """The job is done: it goes, and ``result``, if one is given, is kept until it is collected.

        One conditional delete; with a result, or an id of the user's, one transaction. Raises `LeaseLost`, and nothing
        is changed, if another worker has the job, or has done it. Who was late, but nobody else came, is in time.
        """
        if result is _NO_RESULT and job.has_key_of_its_own:
            settling.remove(self._space, self._owned, job)
        else:
            kept = () if result is _NO_RESULT else (result,)
            self._space.transact(lambda tx: settling.finish(tx, self._keys, self._owned, job, kept))
        self._taking.line.forget(job.key)

    def nack(self, job: Job, delay: float = 0, *, error: str | None = None) -> None:
        """The job failed: it goes to the end of its line, for ``delay`` seconds from now, with ``error`` noted.

        If that was its last attempt it is a dead letter. One transaction. Raises `LeaseLost`.
        """
        if not 0 <= delay < math.inf:
            raise ValueError(f"delay={delay} is no number of seconds")
        most = self._max_attempts
        key = self._space.transact(
            lambda tx: settling.give_back(tx, self._keys, self._owned, job, delay=delay, error=error, most=most)
        )
        self._taking.line.forget(job.key)
        if key is not None and not delay:
            self._taking.line.add(key)

    def extend(self, job: Job, seconds: float | None = None) -> None:
        """Hold the job for ``seconds`` from now, as many as the queue's lease by default. Raises `LeaseLost`."""
        until = timestamp(time.time() + (self._lease if seconds is None else _positive(seconds, "seconds")))

        def longer(value: Any) -> Any:
            record = self._owned(value, job)
            return {**record.value, "lease": {**record.value["lease"], "until": until}}

        self._space.update(job.key, longer)

    @waiting
    def work(
        self,
        fn: Callable[[Any], Any],
        *,
        limit: int | None = None,
        timeout: float | None = 0,
        lease: float | None = None,
        results: bool = False,
        delay: float = 0,
    ) -> Steps[int]:
        """Call ``fn(item)`` for one job after the other until none comes in ``timeout`` seconds; how many were done.

        The lease is extended while ``fn`` runs. What it raises is noted in the job, which is tried again ``delay``
        seconds later; an interrupt gives the job back, as if it had not been taken. ``limit``: end after so many calls.
        ``results``: keep what ``fn`` returns for `collect`. `fn` may be a coroutine function where this is awaited.
        """
        seconds = self._lease if lease is None else _positive(lease, "lease")
        calls = done = 0
        while limit is None or calls < limit:
            job = yield from self.get.steps(timeout, seconds)
            if job is None:
                break
            calls += 1
            try:
                result = yield Kept(self, job, seconds, fn)
            except Exception as error:
                with settling.noted_loss():
                    self.nack(job, delay, error=failure(error))
            except BaseException:
                self._untake(job)
                raise
            else:
                with settling.noted_loss():
                    self.ack(job, *((result,) if results else ()))
                    done += 1
        return done

    # -- who looks after it ------------------------------------------------------------------------

    def dead(self) -> list[DeadLetter]:
        """The jobs that were given up. Raises `BadValues` for files that hold no JSON."""
        found = self._space.get_many(self._keys.letters(self._space))
        return [self._letter(key, value) for key, value in found.items()]

    def retry(self, id: str) -> None:
        """Put a dead letter back, with no attempt counted. One transaction. Raises `NotFound`."""
        key = self._space.transact(lambda tx: settling.revive(tx, self._keys, id, self._letter))
        self._taking.line.add(key)

    def discard(self, id: str) -> None:
        """Remove a dead letter for good. One transaction. Raises `NotFound`."""
        self._space.transact(lambda tx: settling.discard(tx, self._keys, id))

    def stats(self) -> QueueStats:
        """How many jobs there are of each kind. Reads every job; work that goes on meanwhile may be half seen."""
        return counted(self._space, self._keys)

    # -- how ---------------------------------------------------------------------------------------

    def _next(
        self, take: Callable[[], Job | None], put_back: Callable[[Job], None], timeout: float | None
    ) -> Steps[Job | None]:
        """Look for a job again and again, until there is one."""
        looks = Looks(timeout)
        while True:
            with looks:
                job = take()
            if job is not None:
                return (yield from given(job, put_back))
            if looks.are_over:
                return None
            yield looks.pause()

    def _untake(self, job: Job) -> None:
        """Let a job be as if it had not been taken, where it was, unless it is another worker's now. One update."""

        def untaken(value: Any) -> Any:
            return {**self._owned(value, job).value, "attempts": max(0, job.attempts - 1), "lease": None}

        with settling.noted_loss():
            self._space.update(job.key, untaken)
            self._taking.line.forget(job.key)
            self._taking.line.add(job.key)

    def _unpull(self, job: Job) -> None:
        """Put a job back that was taken for good, unless its id was used again meanwhile."""
        record = {"item": job.item, "put_at": job.put_at, "attempts": max(0, job.attempts - 1), "lease": None}
        self._add(job.key, record, None if job.has_key_of_its_own else job.id)
        self._taking.line.add(job.key)

    def _uncollect(self, collected: Gathered) -> None:
        self._space.transact(lambda tx: settling.uncollect(tx, self._keys, collected.records))

    def _add(self, key: str, record: dict[str, Any], id: str | None) -> bool:
        """Add a job, unless there is one of that id; whether it was added."""
        if id is None:
            self._space.set(key, record, ttl=math.inf)
            return True
        return self._space.transact(lambda tx: settling.put_once(tx, self._space, self._keys, key, record))

    def _owned(self, value: Any, job: Job) -> Record:
        try:
            return owned(value, self.name, job)
        except Misshapen as error:
            raise bad_value(self._space, job.key, error, MEND) from None

    def _letter(self, key: str, value: Any) -> DeadLetter:
        try:
            return settling.letter(self._keys.id_of(key), value)
        except Misshapen as error:
            raise bad_value(self._space, key, error, MEND) from None

    def _pending(self, wanted: Iterable[str] | None) -> int:
        """How many of these jobs are neither done nor dead, in a listing that may be wrong about some."""
        found = self._keys.listed(self._space)
        if wanted is None or not found:
            return len(found)
        return len({self._keys.id_of(key) for key in found}.intersection(wanted))


def _positive(seconds: float, what: str) -> float:
    if not 0 < seconds < math.inf:
        raise ValueError(f"{what}={seconds} is no number of seconds")
    return seconds
