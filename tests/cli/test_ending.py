"""How a command hears that it is to end."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path
from queue import SimpleQueue

from fsstore.cli import exits
from fsstore.cli.ending import Ending

from .live import PATIENCE, until


def _waits_for(fd: int) -> bool:
    """Whether the main thread is in a call of the system about this descriptor, where it runs no Python."""
    call = Path(f"/proc/self/task/{os.getpid()}/syscall").read_text().split()
    return len(call) > 1 and int(call[1], 16) == fd


def test_a_signal_that_another_thread_got_is_heard_though_the_main_one_waits() -> None:
    """As the system may give it to any, after the process was stopped."""
    heard: SimpleQueue[int] = SimpleQueue()
    waits, goes_on = os.pipe()
    times: list[int] = []

    def other() -> None:
        try:
            until(lambda: _waits_for(waits))
            signal.pthread_kill(threading.get_ident(), signal.SIGTERM)
            times.append(heard.get(timeout=PATIENCE))
        finally:
            os.write(goes_on, b"on")

    ending, thread = Ending(heard.put), threading.Thread(target=other)
    with ending.listening():
        thread.start()
        os.read(waits, 2)
        thread.join()
    os.close(waits)
    os.close(goes_on)
    assert (times, ending.status) == ([1], exits.SIGNALLED + signal.SIGTERM)


def test_each_signal_counts_and_others_are_somebody_elses() -> None:
    heard: SimpleQueue[int] = SimpleQueue()
    others: list[int] = []
    before = signal.signal(signal.SIGUSR1, lambda number, frame: others.append(number))
    ending = Ending(heard.put)
    try:
        with ending.listening():
            for number in (signal.SIGUSR1, signal.SIGTERM, signal.SIGUSR1, signal.SIGINT):
                signal.raise_signal(number)
            assert [heard.get(timeout=PATIENCE) for _ in range(2)] == [1, 2]
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert ending.status == exits.SIGNALLED + signal.SIGTERM
    assert others == [signal.SIGUSR1] * 2
    assert heard.empty()


def test_afterwards_signals_are_as_they_were() -> None:
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = [signal.getsignal(number) for number in numbers]
    told, tell = os.pipe()
    os.set_blocking(tell, False)
    woken = signal.set_wakeup_fd(tell)
    try:
        with Ending(lambda times: None).listening():
            assert [signal.getsignal(number) for number in numbers] != before
        assert [signal.getsignal(number) for number in numbers] == before
    finally:
        assert signal.set_wakeup_fd(woken) == tell
        os.close(told)
        os.close(tell)
