"""Running a shell command that is told of an event. It decides nothing about when, or whether again."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import tempfile
import threading
from collections.abc import Mapping

from fsstore.cli.output import compact
from fsstore.events import Event

_PREFIX = "FSSTORE_EVENT_"


class Shell:
    """One command, whose runs may be killed."""

    def __init__(self, command: str, environment: Mapping[str, str]) -> None:
        """``environment`` is the command's; what describes an event in it, of another watcher, is left out."""
        self._command = command
        self._environment = {name: value for name, value in environment.items() if not name.startswith(_PREFIX)}
        self._mutex = threading.Lock()
        self._processes: set[subprocess.Popen[bytes]] = set()
        self._killed = False

    def run(self, event: Event) -> str:
        """Run the command and wait for its end: what went wrong, or nothing.

        It gets the event as a JSON object on standard input, a file, so that it need not read it. It is a session of
        its own: what a person types to end this process does not end it half-way.
        """
        with tempfile.TemporaryFile() as document:
            document.write(compact(event.as_dict()).encode() + b"\n")
            document.seek(0)
            with self._mutex:
                if self._killed:
                    return "it was not run any more"
                process = subprocess.Popen(  # noqa: S602 - a shell was asked for; what the event holds is no part of it
                    self._command,
                    shell=True,
                    stdin=document,
                    env={**self._environment, **variables(event)},
                    start_new_session=True,
                )
                self._processes.add(process)
        try:
            status = process.wait()
        finally:
            with self._mutex:
                self._processes.discard(process)
        if status < 0:
            return f"killed by {_name_of(-status)}"
        return f"exit status {status}" if status else ""

    def kill(self) -> None:
        """Kill what runs, with the programs it has started, and run nothing more."""
        with self._mutex:
            self._killed = True
            for process in self._processes:
                if process.returncode is None:
                    with contextlib.suppress(ProcessLookupError, PermissionError):
                        os.killpg(process.pid, signal.SIGKILL)


def variables(event: Event) -> dict[str, str]:
    """What the environment says of an event: empty where there is nothing to say.

    A name that no environment can hold, as it has a NUL character in it, is not in it at all.
    """
    found = {
        "KIND": event.kind,
        "NAMESPACE": event.namespace,
        "KEY": event.key,
        "REVISION": event.revision,
        "OLD_REVISION": event.old_revision,
        "AGENT": event.source.agent,
        "RUN": event.source.run,
        "COMMIT": event.commit,
    }
    return {_PREFIX + name: value or "" for name, value in found.items() if "\0" not in (value or "")}


def _name_of(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
