"""Other processes: forked ones, perhaps as another user, and fresh Pythons. They report how they ended."""

from __future__ import annotations

import os
import subprocess
import sys
import traceback
import warnings
from collections.abc import Callable

NOBODY = 65534
_started: list[subprocess.Popen[str]] = []


def fork(function: Callable[[], None], *, uid: int | None = None) -> int:
    """Run the function in a forked child, as user ``uid``; the child's process number. See `join`."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # forking beside threads is what is tested
        pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        if uid is not None:
            os.setgroups([])
            os.setgid(uid)
            os.setuid(uid)
        function()
        code = 0
    except BaseException:
        os.write(2, traceback.format_exc().encode(errors="replace"))
    finally:
        os._exit(code)


def join(pid: int) -> None:
    """Wait for a forked child; what it raised is among the captured standard error."""
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    assert code == 0, f"the child ended with {code}; its traceback is in the captured stderr"


def in_child(function: Callable[[], None], *, uid: int | None = None) -> None:
    """Run the function in a forked child and wait for it."""
    join(fork(function, uid=uid))


def start(code: str, *args: object, before: tuple[str, ...] = ()) -> subprocess.Popen[str]:
    """A fresh Python that runs ``code`` with ``sys.argv[1:] == args``, its streams piped."""
    command = [*before, sys.executable, "-W", "error", "-c", code, *map(str, args)]
    pipe = subprocess.PIPE
    process = subprocess.Popen(command, cwd="/", stdin=pipe, stdout=pipe, stderr=pipe, text=True)
    _started.append(process)
    return process


def finish(process: subprocess.Popen[str], seconds: float = 100) -> str:
    """What the process printed; it must end well."""
    out, err = process.communicate(timeout=seconds)
    assert process.returncode == 0, f"ended with {process.returncode}: {err}"
    return out


def line(process: subprocess.Popen[str]) -> str:
    """The next line that the process prints."""
    assert process.stdout is not None
    return process.stdout.readline().strip()


def tell(process: subprocess.Popen[str], text: str) -> None:
    """Give the process a line on its standard input."""
    assert process.stdin is not None
    process.stdin.write(text + "\n")
    process.stdin.flush()


def end_all() -> None:
    """Kill what `start` started and the test did not finish."""
    while _started:
        process = _started.pop()
        if process.poll() is None:
            process.kill()
        process.communicate() if process.stdin and not process.stdin.closed else process.wait()
