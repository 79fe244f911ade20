"""Four processes that run example agents at once. What the agents do is not known here."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

PROCESSES = 4
_TESTS = Path(__file__).parents[1]


class Done(NamedTuple):
    """What came of some runs."""

    results: list[Any]
    work: Counter[str]
    """How often each file in ``sources`` was opened."""


class Pool(contextlib.ExitStack):
    """The processes; they live as long as it is entered."""

    def __init__(self) -> None:
        super().__init__()
        paths = [str(_TESTS), *os.environ.get("PYTHONPATH", "").split(os.pathsep), str(_TESTS.parent)]
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, paths))}
        self._workers = [self._start(environment) for _ in range(PROCESSES)]

    def at_once(self, store: Path, agent: Path, inputs: list[list[dict[str, Any]]], sources: Path) -> Done:
        """Each process runs the agent with its inputs, one after the other."""
        for worker, mine in zip(self._workers, inputs, strict=True):
            _tell(worker, store, agent, mine, sources)
        return _gathered([_answer(worker) for worker in self._workers])

    def overlapping(
        self, store: Path, agent: Path, inputs: list[dict[str, Any]], sources: Path, at: str, nth: int = 1
    ) -> Done:
        """One process begins all the runs: each has called the verb ``at`` so many times before any goes on."""
        _tell(self._workers[0], store, agent, inputs, sources, at, nth)
        return _gathered([_answer(self._workers[0])])

    def _start(self, environment: dict[str, str]) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "examples.worker"]
        worker = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment, cwd=_TESTS
        )
        self.callback(_end, worker)
        return worker


def _tell(
    worker: subprocess.Popen[str],
    store: Path,
    agent: Path,
    inputs: list[dict[str, Any]],
    sources: Path,
    at: str | None = None,
    nth: int = 1,
) -> None:
    job = {"store": str(store), "agent": str(agent), "inputs": inputs, "sources": f"{sources}{os.sep}"}
    assert worker.stdin
    worker.stdin.write(f"{json.dumps({**job, 'at': at, 'nth': nth})}\n")
    worker.stdin.flush()


def _answer(worker: subprocess.Popen[str]) -> dict[str, Any]:
    assert worker.stdout
    line = worker.stdout.readline()
    assert line, "a process that runs examples has died; what it says is on standard error"
    answer: dict[str, Any] = json.loads(line)
    return answer


def _gathered(answers: list[dict[str, Any]]) -> Done:
    assert [answer["raised"] for answer in answers if "raised" in answer] == []
    work: Counter[str] = Counter()
    for answer in answers:
        work.update(answer["work"])
    return Done([result for answer in answers for result in answer["results"]], work)


def _end(worker: subprocess.Popen[str]) -> None:
    assert worker.stdin
    assert worker.stdout
    worker.stdin.close()
    worker.stdout.close()
    worker.wait(60)
