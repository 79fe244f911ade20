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
            self._result.append(self._do())
        except BaseException as error:
            self._error = error
        self._done.set()

    def fail(self, error: BaseException) -> None:
        """It will not be done."""
        self._error = error
        self._done.set()

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
        self.fd, self._waker = _descriptors()

    def send(self, do: Callable[[], _T]) -> Call[_T]:
        """Ask for something, without waiting for it."""
        call = Call(do)
        self._waiting.append(call)
        self.wake()
        return call

    def wake(self) -> None:
        """Let the thread look what there is to do."""
        with contextlib.suppress(OSError):  # it is full of wakings already, or all is over
            os.write(self._waker, b"\0\0\0\0\0\0\0\1")

    def take(self) -> list[Call[Any]]:
        """In the thread, once ``fd`` is readable: what was asked for until now, in order."""
        os.read(self.fd, 65536)
        return [self._waiting.popleft() for _ in range(len(self._waiting))]

    def refuse(self, error: BaseException) -> None:
        """None of what waits will be done."""
        while self._waiting:
            self._waiting.popleft().fail(error)

    def close(self) -> None:
        """Close the descriptors."""
        for fd in {self.fd, self._waker}:
            with contextlib.suppress(OSError):
                os.close(fd)


def _descriptors() -> tuple[int, int]:
    """Two descriptors, or twice the same: what is written to the second makes the first readable."""
    if hasattr(os, "eventfd"):
        fd = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        return fd, fd
    fd, waker = os.pipe()
    os.set_blocking(fd, False)
    os.set_blocking(waker, False)
    return fd, waker
