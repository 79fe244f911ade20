"""A command that goes on, as a process of its own: in a pipe, or on a terminal. No test is here."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import signal
import struct
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any, Self

from .command import ENTRY

PATIENCE = 60.0  # seconds
_ON_THIS_TERMINAL = (
    "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); os.execv(sys.argv[1], sys.argv[1:])"
)
FSSTORE = '"$FSSTORE_PYTHON" -m fsstore'
"""The command, in a shell that such a process starts."""


def until(is_so: Callable[[], object], what: str = "it never came to be so") -> None:
    """Wait for a condition, at most a minute."""
    end = time.monotonic() + PATIENCE
    while not is_so():
        assert time.monotonic() < end, what
        time.sleep(0.005)


class Live:
    """``fsstore`` with these words, until the block ends."""

    def __init__(
        self,
        *words: str,
        terminal: tuple[int, int] | None = None,
        talk: bool = False,
        program: Sequence[str] = ENTRY,
        **env: str,
    ) -> None:
        """``terminal`` is the number of its lines and columns; without it standard output is a pipe.

        With ``talk`` the terminal gets standard error, too; ``program`` is another one than ``fsstore``.
        """
        self.out = self.err = ""
        environment = {**os.environ, "FSSTORE_PYTHON": sys.executable, "TERM": "dumb", "NO_COLOR": "", **env}
        command = [*program, *words]
        if terminal is None:
            self._terminal, out = os.pipe()
            stdin, stdout = subprocess.DEVNULL, out
        else:
            self._terminal, out = os.openpty()
            stdin, stdout = out, out
            command = [sys.executable, "-c", _ON_THIS_TERMINAL, *command]
            fcntl.ioctl(out, termios.TIOCSWINSZ, struct.pack("HHHH", *terminal, 0, 0))
        self.process = subprocess.Popen(
            command,
            stdin=stdin,
            stdout=stdout,
            stderr=stdout if talk else subprocess.PIPE,
            env=environment,
            start_new_session=True,
        )
        os.close(out)
        streams = [(self._terminal, "out")]
        if self.process.stderr is not None:
            streams.append((self.process.stderr.fileno(), "err"))
        self._readers = [threading.Thread(target=self._read, args=each, daemon=True) for each in streams]
        for reader in self._readers:
            reader.start()

    def _read(self, fd: int, name: str) -> None:
        raw = b""
        with contextlib.suppress(OSError):  # EIO: the other end of the terminal is closed
            while piece := os.read(fd, 65536):
                raw += piece
                setattr(self, name, raw.decode(errors="replace").replace("\r\n", "\n"))

    @property
    def lines(self) -> list[str]:
        """The whole lines of standard output so far."""
        return self.out.split("\n")[:-1]

    @property
    def documents(self) -> list[Any]:
        """The same as JSON."""
        return [json.loads(line) for line in self.lines]

    def until(self, is_so: Callable[[Self], object]) -> Self:
        """Wait until this can be seen of it."""
        until(lambda: is_so(self) or self.process.poll() is not None)
        for reader in self._readers if self.process.poll() is not None else ():
            reader.join(PATIENCE)
        assert is_so(self), (self.process.poll(), self.out, self.err)
        return self

    def until_ready(self) -> Self:
        """Wait until all that was there before is told."""
        return self.until(lambda live: '"kind":"ready"' in live.out or "  ready  " in live.out)

    def press(self, text: str) -> None:
        """What a person types on the terminal."""
        os.write(self._terminal, text.encode())

    def end(self, number: int = signal.SIGINT) -> tuple[int, str]:
        """Send a signal and wait: the exit status, and what was said on standard error."""
        self.process.send_signal(number)
        return self.wait()

    def wait(self) -> tuple[int, str]:
        """Wait for its end: the exit status, and what was said on standard error."""
        status = self.process.wait(PATIENCE)
        for reader in self._readers:
            reader.join(PATIENCE)
        return status, self.err

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.process.kill()
        self.wait()
        if self.process.stderr is not None:
            self.process.stderr.close()
        os.close(self._terminal)
