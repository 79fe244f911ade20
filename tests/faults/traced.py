"""Run one call in a child that strace watches, and have it killed or failed at one of its system calls."""

from __future__ import annotations

import gc
import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

CHANGING = (
    "open,openat,openat2,creat,write,pwrite64,rename,renameat,renameat2,link,linkat,unlink,unlinkat,rmdir,mkdir,"
    "mkdirat,fsync,fdatasync,syncfs,ftruncate,chmod,fchmod,fchmodat,fchown,utimensat,flock,close"
)
_LINE = re.compile(r"(?:\[pid +\d+\] +)?(?:\d+ +)?(\w+)\((.*)")


class Call(NamedTuple):
    """One system call of a traced child."""

    name: str
    nth: int
    """Of its name, from 1: strace counts so."""
    arguments: str


class Ended(NamedTuple):
    """How a traced child ended."""

    signal: int
    """That killed it, or 0."""
    answer: str
    """``ok``, or the error's name and text; empty if it was killed."""
    calls: list[Call]


class Child:
    """A forked child that acts when it is told to, with strace attached to it."""

    def __init__(
        self,
        act: Callable[[], Any],
        inject: str = "",
        log: Path | None = None,
        *,
        calls: str = f"{CHANGING},sched_yield",
        strings: int = 300,
        hexadecimal: bool = False,
    ) -> None:
        go, self._go = os.pipe()
        self._answer, answer = os.pipe()
        gc.freeze()  # garbage of before, collected by the child, would close files among its own calls
        self.pid = os.fork()
        if self.pid == 0:
            os.close(self._go)
            _act_and_exit(act, go, answer)
        gc.unfreeze()
        os.close(go)
        os.close(answer)
        os.read(self._answer, 1)  # it is ready: none of its preparations is traced
        command = ["strace", "-s", str(strings), "-y", "-o", str(log or "/dev/null"), "-e", f"trace={calls}"]
        command += ["-xx"] if hexadecimal else []
        command += ["-e", f"inject={inject}"] if inject else []
        self._strace = subprocess.Popen([*command, "-p", str(self.pid)], stderr=subprocess.PIPE, text=True)
        assert self._strace.stderr is not None
        line = self._strace.stderr.readline()
        assert "attached" in line, line

    def begin(self) -> None:
        """Let it act."""
        os.write(self._go, b"g")

    def end(self) -> Ended:
        """Wait for it."""
        with os.fdopen(self._answer, "rb") as answer:
            text = answer.read().decode()
        _, status = os.waitpid(self.pid, 0)
        self._strace.wait(60)
        assert self._strace.stderr is not None
        self._strace.stderr.close()
        os.close(self._go)
        return Ended(os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0, text, [])


def _act_and_exit(act: Callable[[], Any], go: int, answer: int) -> None:
    try:
        os.write(answer, b".")
        os.read(go, 1)
        try:
            act()
            text = "ok"
        except BaseException as error:
            text = f"{type(error).__module__}.{type(error).__name__}: {error}"
        os.sched_yield()  # the mark of what was acknowledged
        os.write(answer, text.encode()[:2000])
    finally:
        os._exit(0)


def run(act: Callable[[], Any], inject: str = "") -> Ended:
    """Let a child act to its end, whatever that is."""
    child = Child(act, inject)
    child.begin()
    return child.end()


def trace(act: Callable[[], Any], log: Path) -> list[Call]:
    """The system calls of an undisturbed run, up to its acknowledgement."""
    child = Child(act, log=log)
    child.begin()
    ended = child.end()
    assert ended.answer == "ok", ended.answer
    counts: dict[str, int] = {}
    calls: list[Call] = []
    for line in log.read_text(errors="replace").splitlines():
        found = _LINE.match(line)
        if found is None:
            continue
        name, arguments = found.groups()
        if name == "sched_yield":
            return calls
        counts[name] = counts.get(name, 0) + 1
        calls.append(Call(name, counts[name], arguments))
    raise AssertionError("the child never acknowledged")
