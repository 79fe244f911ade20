"""How a command that goes on until it is told to stop is told: by signals, or by a reader that leaves.

It knows no store and no verb. What is to be done is done in a thread of its own, so that it may take locks.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from queue import SimpleQueue
from types import FrameType

from fsstore.cli import exits

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Ending:
    """Whether the command is to end, and with which exit status."""

    def __init__(self, again: Callable[[int], None]) -> None:
        """``again`` is called with 1 when it is to end, with 2 at the second signal, and so on."""
        self.status = exits.OK
        """What the shell is to be told: 130 after SIGINT, as if it had died of it; 0 if it ended by itself."""
        self._again = again
        self._told: SimpleQueue[int | None] = SimpleQueue()

    def _listen(self) -> None:
        signals = 0
        while (status := self._told.get()) is not None:
            self.status = self.status or status
            signals += status != exits.BROKEN_PIPE  # a terminal that goes is a signal and a reader that leaves
            self._again(max(1, signals))

    def _signalled(self, number: int, frame: FrameType | None) -> None:
        self._told.put(exits.SIGNALLED + number)  # the one thing that a handler may do whatever it interrupts

    @contextlib.contextmanager
    def listening(self, *, signals: bool = True) -> Iterator[None]:
        """Be told in the block when the reader of standard output has gone, and of signals if they are not others'."""
        with contextlib.ExitStack() as stack:
            listener = threading.Thread(target=self._listen, daemon=True)
            listener.start()
            stack.callback(listener.join)
            stack.callback(self._told.put, None)
            stack.enter_context(self._looking())
            if signals:
                stack.enter_context(_handling(self._signalled))
            yield

    @contextlib.contextmanager
    def _looking(self) -> Iterator[None]:
        try:
            fd = os.dup(sys.stdout.fileno())  # whatever becomes of the number meanwhile
        except (OSError, ValueError):  # it is none of the operating system's
            yield
            return
        stopped, stop = os.pipe()
        thread = threading.Thread(target=self._look_at_the_reader, args=(fd, stopped), daemon=True)
        thread.start()
        try:
            yield
        finally:
            os.close(stop)
            thread.join()
            os.close(stopped)
            os.close(fd)

    def _look_at_the_reader(self, fd: int, stopped: int) -> None:
        """Wait until nobody can read what is written to ``fd`` any more; nothing is written to find out."""
        poll = select.poll()
        poll.register(stopped, select.POLLIN)
        poll.register(fd, 0)  # errors and hang-ups are always told
        if all(found != stopped for found, _ in poll.poll()):
            self._told.put(exits.BROKEN_PIPE)


@contextlib.contextmanager
def _handling(handler: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    """Let a function handle the signals that ask a program to end, but for those that are ignored already."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in _SIGNALS}
    for number, was in before.items():
        if was is not signal.SIG_IGN:
            signal.signal(number, handler)
    try:
        yield
    finally:
        for number, was in before.items():
            signal.signal(number, was)
