"""Calls of a worker in a process of its own: a line of JSON to it, a line back. It times each call, no more."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Mapping
from typing import Any, Self

import orjson

_SCRIPTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


class Caller:
    """A process of a module of this package that answers with `serve`, ready for its first call."""

    def __init__(self, module: str, *arguments: str, environment: Mapping[str, str] | None = None) -> None:
        inherited = dict(os.environ if environment is None else environment)
        paths = [_SCRIPTS, *filter(None, [inherited.get("PYTHONPATH")])]
        self.process = subprocess.Popen(
            [sys.executable, "-m", f"benchmark.{module}", *arguments],
            env={**inherited, "PYTHONPATH": os.pathsep.join(paths)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self.answer()

    def call(self, verb: str, *arguments: Any) -> tuple[float, Any]:
        """Seconds that the call took there, and what it returned."""
        self.begin(verb, *arguments)
        return self.answer()

    def begin(self, verb: str, *arguments: Any) -> None:
        """Send the call, and do not wait for its `answer`."""
        assert self.process.stdin is not None
        self.process.stdin.write(orjson.dumps([verb, arguments]) + b"\n")
        self.process.stdin.flush()

    def answer(self) -> tuple[float, Any]:
        """The answer to the oldest call that has none yet."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, "the worker failed"
        seconds, found = orjson.loads(line)
        return seconds, found

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.process.communicate(timeout=60)


def serve(worker: object) -> None:
    """Answer each line of ``[verb, arguments]`` with ``[seconds, result]`` of that method, until there are no more."""
    _answer(0.0, None)
    for line in sys.stdin:
        verb, arguments = orjson.loads(line)
        call = getattr(worker, verb)
        start = time.perf_counter()
        found = call(*arguments)
        _answer(time.perf_counter() - start, found)


def _answer(seconds: float, found: Any) -> None:
    sys.stdout.buffer.write(orjson.dumps([seconds, found]) + b"\n")
    sys.stdout.buffer.flush()
