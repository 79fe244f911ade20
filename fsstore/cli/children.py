"""One program run to its end, as a shell would run it: its exit status, and the signals that are meant for it.

It knows no store. While the program runs, signals that another process sends to this one go on to it; those that a
terminal sends it has got already, as both are of one group. So nothing is told twice, and nothing is lost.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Collection, Iterator, Mapping, Sequence

from fsstore.cli import exits

NOT_EXECUTABLE, NOT_FOUND = 126, 127
"""The statuses by which shells say that a program could not be started."""
_PASSED_ON = frozenset(
    {signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2, signal.SIGWINCH}
)
_AWAITED = _PASSED_ON | {signal.SIGCHLD}
_AS_IN_A_SHELL = (signal.SIGPIPE, signal.SIGXFSZ)  # Python ignores them, and a program would inherit that


def run(words: Sequence[str], environment: Mapping[str, str], *, stdout: int = 1) -> int:
    """Run the program that the first word names, and wait for its end: its exit status, 128 and more for a signal.

    It has this process's streams, and writes to the descriptor ``stdout``. Raises `OSError` if it cannot be started.
    """
    streams = [(os.POSIX_SPAWN_DUP2, stdout, 1)]
    with _blocked():
        pid = os.posix_spawnp(
            words[0], [*words], environment, file_actions=streams, setsigmask=(), setsigdef=_AS_IN_A_SHELL
        )
        with _telling_its_end(pid):
            return _status(_wait(pid))


def run_or_kill(words: Sequence[str], stdin: int) -> int:
    """Run the program, reading from a descriptor: its status. Whatever is raised meanwhile, by a signal, kills it."""
    pid = 0
    try:
        with _blocked():  # so that none comes between its start and our knowing of it
            streams = [(os.POSIX_SPAWN_DUP2, stdin, 0)]
            pid = os.posix_spawnp(
                words[0], [*words], os.environ, file_actions=streams, setsigmask=(), setsigdef=_AS_IN_A_SHELL
            )
        return _status(os.waitpid(pid, 0)[1])
    except BaseException:
        if pid:
            with contextlib.suppress(ProcessLookupError, ChildProcessError):
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)
        raise


@contextlib.contextmanager
def _blocked() -> Iterator[None]:
    """Let signals wait until they are asked for; those that nobody asked for come after the block."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _AWAITED)
    child = signal.signal(signal.SIGCHLD, lambda number, frame: None)  # what is ignored may not wait
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        signal.signal(signal.SIGCHLD, child)


@contextlib.contextmanager
def _telling_its_end(pid: int) -> Iterator[None]:
    """Be sent SIGCHLD in this thread, which waits for signals: the system may give its own to any other thread."""
    if not hasattr(os, "waitid"):  # macOS
        yield
        return
    thread = threading.Thread(target=_tell_end, args=(pid, threading.get_ident()), daemon=True)
    thread.start()
    yield
    thread.join()


def _tell_end(pid: int, whom: int) -> None:
    with contextlib.suppress(ChildProcessError):  # it ended and was waited for already
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
        signal.pthread_kill(whom, signal.SIGCHLD)


def _wait(pid: int) -> int:
    while True:
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            _forget_what_it_was_told()
            return status
        number, is_sent = _next_signal()
        if number in _PASSED_ON and is_sent:
            os.kill(pid, number)  # it is not waited for yet, so the number is still its own


def _forget_what_it_was_told() -> None:
    """Take away what a terminal sent before the program ended: that was for the program. All else stays pending."""
    sent: list[int] = []
    while waiting := signal.sigpending() & _PASSED_ON:
        number, is_sent = _next_signal(waiting)
        sent += [number] if is_sent else []
    for number in sent:
        os.kill(os.getpid(), number)


def _next_signal(awaited: Collection[int] = _AWAITED) -> tuple[int, bool]:
    """Wait for a signal: its number, and whether a process sent it, as far as the system tells."""
    if not hasattr(signal, "sigwaitinfo"):  # macOS
        return signal.sigwait(awaited), True
    found = signal.sigwaitinfo(awaited)
    return found.si_signo, found.si_code <= 0  # the kernel's own, such as a terminal's, are above 0


def _status(status: int) -> int:
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else exits.SIGNALLED - code
