"""A time limit for code that must not hang, kept apart from the test runner's own. It measures nothing else."""

from __future__ import annotations

import contextlib
import signal
import time
from collections.abc import Callable, Iterator


class Hung(BaseException):
    """The code under the limit did not come back. No `Exception`, so that nothing swallows it."""


@contextlib.contextmanager
def within(seconds: float) -> Iterator[None]:
    """Raise `Hung` in the body if it takes longer; the timer and handler that were set before are set again."""

    def stop(*_: object) -> None:
        raise Hung(f"still running after {seconds} s")

    started = time.monotonic()
    handler = signal.signal(signal.SIGALRM, stop)
    remaining, interval = signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, handler)
        if remaining:
            signal.setitimer(signal.ITIMER_REAL, max(0.001, remaining - (time.monotonic() - started)), interval)


def until(condition: Callable[[], bool], seconds: float = 60.0) -> None:
    """Wait until the condition holds; it fails the test if that does not happen in time."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"did not come true within {seconds} s"
        time.sleep(0.001)
