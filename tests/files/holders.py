"""Processes that hold a lock, for a test to stop, continue and kill. They do what they are told on their input."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

from fsstore import LockTimeout, Store

from .children import line, start

_HOLD = """
import sys, fsstore
root, name, ttl = sys.argv[1], sys.argv[2], float(sys.argv[3]) or None
with fsstore.open(root, agent="holder") as store, store.lock(name, ttl=ttl) as held:
    print(held.token, flush=True)
    sys.stdin.readline()
    try:
        store.set("writer", "holder", lease=held)
        print("written", flush=True)
    except fsstore.LeaseLost as error:
        print("lost to", error.current, flush=True)
    sys.stdin.readline()
"""


class HolderProcess:
    """A process that has the lock ``name`` when this object is made."""

    def __init__(self, root: Path, name: str, ttl: float = 0) -> None:
        self.process: subprocess.Popen[str] = start(_HOLD, root, name, ttl)
        self.token = int(line(self.process))
        self.pid = self.process.pid

    def stop(self) -> None:
        """Stop it (SIGSTOP), and see that it is stopped."""
        self.process.send_signal(signal.SIGSTOP)
        assert os.WIFSTOPPED(os.waitpid(self.pid, os.WUNTRACED)[1])

    def go_on(self) -> None:
        """Let it run again."""
        self.process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        """End it, without a chance to tidy up."""
        self.process.kill()
        self.process.wait()


def is_free(store: Store, name: str, timeout: float = 0) -> bool:
    """Whether the lock can be had within so many seconds."""
    try:
        with store.lock(name, timeout=timeout):
            return True
    except LockTimeout:
        return False


def entries(root: Path, directory: str) -> list[str]:
    """What lies in a directory of the store, if that is there."""
    try:
        return sorted(os.listdir(root / directory))
    except FileNotFoundError:
        return []
