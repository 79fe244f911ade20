"""A child that is stopped (SIGSTOP) right after its system calls, in the middle of what it does."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from .traced import CHANGING, Call, Child, Ended


class Stopped:
    """A child at the end of one of its system calls, which is done, while the next one is not begun."""

    def __init__(self, act: Callable[[], Any], inject: str) -> None:
        self._child = Child(act, inject)
        self.pid = self._child.pid
        self._is_over = False
        self._child.begin()

    def wait(self) -> bool:
        """Wait until it is stopped; false if it has ended instead."""
        options = os.WSTOPPED | os.WEXITED
        state = os.waitid(os.P_PID, self.pid, options | os.WNOWAIT)
        assert state is not None
        if state.si_code not in (os.CLD_STOPPED, os.CLD_TRAPPED):
            return False
        os.waitid(os.P_PID, self.pid, os.WSTOPPED)
        return True

    def go_on(self) -> None:
        """Let it run again."""
        os.kill(self.pid, signal.SIGCONT)

    def end(self) -> Ended:
        """Let it run to its end."""
        self.go_on()
        self._is_over = True
        return self._child.end()

    def kill(self) -> Ended:
        """End it where it is; nothing, if it is over."""
        if self._is_over:
            return Ended(0, "", [])
        os.kill(self.pid, signal.SIGKILL)
        self._is_over = True
        return self._child.end()


@contextmanager
def stopped_after(act: Callable[[], Any], call: Call) -> Iterator[Stopped]:
    """A child that is stopped after one of its system calls."""
    child = Stopped(act, f"{call.name}:signal=STOP:when={call.nth}")
    try:
        assert child.wait(), f"it never came to {call}"
        yield child
    finally:
        child.kill()


def steps(act: Callable[[], Any]) -> Iterator[Stopped]:
    """The same child after each of its system calls, until it has acted to its end."""
    child = Stopped(act, f"{CHANGING}:signal=STOP")
    try:
        while child.wait():
            yield child
            child.go_on()
        ended = child.end()
        assert ended.answer == "ok", ended
    finally:
        child.kill()
