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

from fsstore.cli import exits

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Ending:
    """Whether the command is to end, and with which exit status."""

    def __init__(self, again: Callable[[int], None]) -> None:
        """``again`` is called with 1 when it is to end, with 2 at the second signal, and so on."""
        self.status = exits.OK
        """What the shell is to be told: 130 after SIGINT, as if it had died of it; 0 if it ended by itself."""
        self._again = again

    @contextlib.contextmanager
    def listening(self, *, signals: bool = True) -> Iterator[None]:
        """Be told in the block when the reader of standard output has gone, and of signals if they are not others'."""
        with contextlib.ExitStack() as stack:
            told, tell = os.pipe()
            stack.callback(os.close, told)
            output = _output()
            if output is not None:
                stack.callback(os.close, output)
            listener = threading.Thread(target=self._listen, args=(told, output), daemon=True)
            listener.start()
            stack.callback(listener.join)
            stack.callback(os.close, tell)  # which ends it
            if signals:
                stack.enter_context(_handling(tell))
            yield

    def _listen(self, told: int, output: int | None) -> None:
        """Wait for the numbers of signals, and until nobody can read the output; nothing is written to find out."""
        poll = select.poll()
        poll.register(told, select.POLLIN)
        if output is not None:
            poll.register(output, 0)  # errors and hang-ups are always told
        signals = 0
        while True:
            found = [fd for fd, _ in poll.poll()]
            if output in found:
                poll.unregister(output)
                self._end(exits.BROKEN_PIPE, max(1, signals))  # a terminal that goes is a signal and this: one of both
            if told in found:
                numbers = os.read(told, select.PIPE_BUF)
                if not numbers:
                    return
                for number in filter(_SIGNALS.__contains__, numbers):
                    signals += 1
                    self._end(exits.SIGNALLED + number, signals)

    def _end(self, status: int, times: int) -> None:
        self.status = self.status or status
        self._again(times)


def _output() -> int | None:
    """Standard output under a number of our own, whatever becomes of its; ``None`` if it is none of the system's."""
    try:
        return os.dup(sys.stdout.fileno())
    except (OSError, ValueError):
        return None


@contextlib.contextmanager
def _handling(tell: int) -> Iterator[None]:
    """Let the signals that ask a program to end be written to ``tell``, but for those that are ignored already.

    Whatever thread the system gives them to writes them. A handler of Python's would run in the main thread alone,
    which waits in a lock: it does not hear of one that another thread got, as may be after the process was stopped.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    os.set_blocking(tell, False)
    woken = signal.set_wakeup_fd(tell, warn_on_full_buffer=False)
    before = {number: signal.getsignal(number) for number in _SIGNALS}
    for number, was in before.items():
        if was is not signal.SIG_IGN:
            signal.signal(number, lambda number, frame: None)
    try:
        yield
    finally:
        for number, was in before.items():
            signal.signal(number, was)
        signal.set_wakeup_fd(woken)
