"""Programs that do what they are told, an order a line, and answer each with a line. Both ends of that."""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

TESTS = Path(__file__).parents[1]


class Process:
    """A program of this package that was started; its first answer says that it is at work."""

    def __init__(self, module: str, log: Path, *arguments: str, before: Sequence[str] = ()) -> None:
        """``before`` is a command that replaces itself by the one that follows."""
        self.log = log
        """What it complained of."""
        self.killed = False
        self.counted = 0
        """Events of a watcher that are in the summary of the run."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("COVERAGE", "FSSTORE_RUN"))}
        paths = os.pathsep.join([str(TESTS.parent), str(TESTS)])
        with open(log, "w") as errors:
            self._program = subprocess.Popen(
                [*before, sys.executable, "-m", f"storms.{module}", *arguments],
                cwd=TESTS,
                env={**kept, "PYTHONPATH": paths},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )
        self.pid = self._program.pid

    def order(self, verb: str, **arguments: Any) -> None:
        """Give an order, and do not wait."""
        assert self._program.stdin is not None
        self._program.stdin.write(json.dumps([verb, arguments]) + "\n")
        self._program.stdin.flush()

    def answer(self) -> Any:
        """Wait for the answer to the oldest order."""
        assert self._program.stdout is not None
        line = self._program.stdout.readline()
        assert line, f"it ended with {self._program.wait()}: {self.log.read_text()}"
        good, answer = json.loads(line)
        assert good, answer
        return answer

    def ask(self, verb: str, **arguments: Any) -> Any:
        """Give an order, and wait for the answer."""
        self.order(verb, **arguments)
        return self.answer()

    def stop(self) -> None:
        """Let it stand still, where it is; it does when this returns."""
        os.kill(self.pid, signal.SIGSTOP)
        os.waitid(os.P_PID, self.pid, os.WSTOPPED | os.WNOWAIT)

    def go_on(self) -> None:
        """End a `stop`."""
        os.kill(self.pid, signal.SIGCONT)

    def kill(self) -> None:
        """Kill it, at whatever it is."""
        self.killed = True
        self._program.kill()
        self._program.communicate()

    def end(self) -> None:
        """Let it end by itself, as soon as it has done what it was told to; what it complained of is looked at."""
        if self.killed:
            return
        if self._program.poll() is None:
            self.go_on()
        try:
            self._program.communicate(timeout=60)
        except subprocess.TimeoutExpired:
            self.kill()
            raise
        complaints = self.log.read_text()[:2000]
        assert self._program.returncode == 0, complaints
        assert "Traceback" not in complaints, complaints


class Orders:
    """The orders that this program gets."""

    def __init__(self) -> None:
        self._come: queue.SimpleQueue[str] = queue.SimpleQueue()
        threading.Thread(target=self._read, name="orders", daemon=True).start()

    def _read(self) -> None:
        for line in sys.stdin:
            self._come.put(line)
        self._come.put("")

    def serve(self, verbs: Mapping[str, Callable[..., Any]], meanwhile: Callable[[], None] | None = None) -> None:
        """Obey until the standard input ends; between orders call ``meanwhile``, which may take its time."""
        say(True, "ready")
        while True:
            try:
                line = self._come.get(block=meanwhile is None)
            except queue.Empty:
                assert meanwhile is not None
                meanwhile()
                continue
            if not line:
                return
            verb, arguments = json.loads(line)
            try:
                say(True, verbs[verb](**arguments))
            except Exception:
                say(False, traceback.format_exc())


def say(good: bool, answer: Any) -> None:
    """Answer an order."""
    sys.stdout.write(json.dumps([good, answer]) + "\n")
    sys.stdout.flush()
