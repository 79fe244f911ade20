"""Four processes on the same keys, two of them killed in the middle: every answer fits one order of all operations."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from faults.disturbed import ROUNDS

import fsstore

from .agents import TOGETHER
from .linearizability import Operation, violations

TESTS = Path(__file__).parents[1]
PROCESSES, KILLED = 4, 2


@pytest.fixture(params=["memory", "disk"])
def root(request: pytest.FixtureRequest) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(dir="/dev/shm" if request.param == "memory" else None) as made:
        yield Path(made) / "store"


def start(root: Path, seed: int, count: int, kind: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "concurrency.agents", str(root), str(seed), str(count), kind]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")}
    environment["PYTHONPATH"] = os.pathsep.join([str(TESTS.parent), str(TESTS)])
    pipe = subprocess.PIPE
    return subprocess.Popen(command, cwd=TESTS, env=environment, stdin=pipe, stdout=pipe)


def history(root: Path, seed: int, kind: str, count: int = 250) -> dict[str, list[Operation]]:
    """The operations of all processes by what they were about; those that the killed never ended have no return."""
    fsstore.open(root).close()
    agents = [
        start(root, seed * 100 + number, 100 * count if number < KILLED else count, kind) for number in range(PROCESSES)
    ]
    for agent in agents:
        assert agent.stdout is not None
        assert agent.stdout.readline() == b"ready\n"
    for agent in agents:
        assert agent.stdin is not None
        agent.stdin.write(b"go\n")
        agent.stdin.close()
    out = [_read(agent, None if number >= KILLED else count // 2) for number, agent in enumerate(agents)]
    assert [agent.wait(60) for agent in agents] == [-signal.SIGKILL] * KILLED + [0] * (PROCESSES - KILLED)
    found: dict[str, list[Operation]] = {}
    for lines in out:
        last: dict[int, Any] = {line[0]: line for line in lines}
        for _, began, returned, about, name, argument, answer in last.values():
            found.setdefault(about, []).append(Operation(began, returned, name, _frozen(argument), _frozen(answer)))
    return found


def _read(agent: subprocess.Popen[bytes], kill_after: int | None) -> list[Any]:
    """What a process printed; one that is to be killed is killed after so many operations, wherever it is."""
    assert agent.stdout is not None
    lines = []
    with agent.stdout as stdout:
        for number, line in enumerate(stdout):
            if line.endswith(b"\n"):
                lines.append(json.loads(line))
            if kill_after is not None and number >= kill_after:
                agent.kill()
                kill_after = None
    return lines


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


@pytest.mark.parametrize("seed", range(3 * ROUNDS))
def test_each_key(root: Path, seed: int) -> None:
    found = history(root, seed, "one")
    assert sum(len(operations) for operations in found.values()) > 2 * 250
    assert violations(found, len(TOGETHER)) == []


@pytest.mark.parametrize("seed", range(ROUNDS))
def test_several_keys_at_once(root: Path, seed: int) -> None:
    assert violations(history(root, seed, "together"), len(TOGETHER)) == []
