"""Whose a job is: how a worker takes one, keeps it, and gives it back. It knows one record at a time, and no store."""

from __future__ import annotations

import os
import time
from typing import Any

from fsstore.errors import LeaseLost
from fsstore.recipes.jobs import Job, Record
from fsstore.records import timestamp


class Passed(Exception):
    """Inside of a queue: this job is not to be had before ``until``, in seconds since the epoch."""

    def __init__(self, until: float) -> None:
        super().__init__()
        self.until = until


class Spent(Exception):
    """Inside of a queue: this job was given to as many workers as it may be."""


def available(value: Any, max_attempts: int, now: float) -> Record:
    """The record of a job that is to be had now. Raises `Passed`, `Spent` or `Misshapen`."""
    if value is None:  # done by another worker; or a person's null, which is nothing either
        raise Passed(now + 1)
    record = Record.of(value)
    if record.until > now:
        raise Passed(record.until)
    if record.attempts >= max_attempts:
        raise Spent
    return record


class Claiming:
    """The change of a record by which somebody takes the job. What became of it is known afterwards."""

    def __init__(self, agent: str | None, seconds: float, max_attempts: int) -> None:
        self._agent = agent
        self._seconds = seconds
        self._max_attempts = max_attempts
        self.token = os.urandom(6).hex()
        self.ends = 0.0
        self.until = ""

    def __call__(self, value: Any) -> dict[str, Any]:
        """The record with the lease in it. Raises `Passed`, `Spent` or `Misshapen`, and nothing is changed."""
        now = time.time()
        record = available(value, self._max_attempts, now)
        self.ends = now + self._seconds
        self.until = timestamp(self.ends)
        lease = {"until": self.until, "agent": self._agent, "token": self.token}
        return {**record.value, "attempts": record.attempts + 1, "lease": lease}


def owned(value: Any, name: str, job: Job) -> Record:
    """The record of a job, if its lease is still the one of this worker. Raises `LeaseLost`, or `Misshapen`."""
    if value is None:
        raise _lost(f"job {job.id!r} of queue {name!r} is not there any more", job, None)
    record = Record.of(value)
    if record.token != job.token:
        what = f"the lease on job {job.id!r} of queue {name!r} ended"
        if record.attempts > job.attempts:
            what += ", and another worker was given the job"
        raise _lost(what, job, record.attempts if record.token else None)
    return record


def _lost(what: str, job: Job, current: int | None) -> LeaseLost:
    return LeaseLost(
        f"{what}. Nothing was changed, but it may be done twice. Take a longer lease, or extend it in time.",
        name=job.key,
        token=job.attempts,
        current=current,
    )
