"""What other threads ask of one thread that waits for something else, too. It knows no store."""

from __future__ import annotations

import collections
import contextlib
import os
import threading
from collections.abc import Callable
from typing import Any, Generic, TypeVar

_T = TypeVar("_T")


class Call(Generic[_T]):
    """Something that the thread is asked to do."""

    def __init__(self, do: Callable[[], _T]) -> None:
        self._do = do
        self._done = threading.Event()
        self._result: list[_T] = []
        self._error: BaseException | None = None

    def run(self) -> None:
        """Do it; what it raises is the caller's."""
        try:
            self.finish(self._do())
        except BaseException as error:
            self.fail(error)

    def finish(self, result: _T) -> None:
        """It is done."""
        self._result.append(result)
        self._done.set()

    def fail(self, error: BaseException) -> None:
        """It will not be done."""
        self._error = error
        self._done.set()

    def wait(self, timeout: float) -> bool:
        """Whether something comes of it within ``timeout`` seconds."""
        return self._done.wait(min(timeout, threading.TIMEOUT_MAX))

    def result(self) -> _T:
        """Wait for what comes of it."""
        self._done.wait()
        if self._error is not None:
            raise self._error
        return self._result[0]


class Calls:
    """What is still to be done. ``fd`` becomes readable when something comes."""

    def __init__(self) -> None:
        self._waiting: collections.deque[Call[Any]] = collections.deque()
        self._lock = threading.RLock()  # a signal handler may ask for something, too
        self.fd, self._waker = _descriptors()

    def send(self, call: Call[Any]) -> None:
        """Ask for something, without waiting for it."""
        self._waiting.append(call)
        self.wake()

    def wake(self) -> None:
        """Let the thread look what there is to do."""
        with self._lock:  # else the number may be that of another file by now
            if self._waker >= 0:
                with contextlib.suppress(BlockingIOError):  # it is full of wakings already
                    os.write(self._waker, b"\0\0\0\0\0\0\0\1")

    def count(self) -> int:
        """In the thread, once ``fd`` is readable: how many things were asked for until now."""
        os.read(self.fd, 65536)
        return len(self._waiting)

    def run(self, count: int) -> None:
        """In the thread: do so many of them, in order. Until then they may still be refused."""
        for _ in range(count):
            self._waiting.popleft().run()

    def refuse(self, error: BaseException) -> None:
        """None of what waits will be done."""
        while self._waiting:
            self._waiting.popleft().fail(error)

    def close(self) -> None:
        """Close the descriptors. Twice is nothing."""
        with self._lock:
            open_ones = {self.fd, self._waker} - {-1}
            self.fd = self._waker = -1
        for fd in open_ones:
            with contextlib.suppress(OSError):
                os.close(fd)

    def abandon(self) -> None:
        """The same in a forked child, where the thread that had the lock may not be."""
        self._lock = threading.RLock()
        self.close()


def _descriptors() -> tuple[int, int]:
    """Two descriptors, or twice the same: what is written to the second makes the first readable."""
    if hasattr(os, "eventfd"):
        fd = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        return fd, fd
    fd, waker = os.pipe()
    os.set_blocking(fd, False)
    os.set_blocking(waker, False)
    return fd, waker
