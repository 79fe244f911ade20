"""However many processes, tasks and threads want a key at once, one computation is made; and another if that dies.

Each case is played by a script: all processes have looked, and missed, before any goes on; and each has either been
refused the lock or begun to compute before any computation ends. So a flaw shows every time.
"""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import fsstore

TESTS = Path(__file__).parents[1]
PROCESSES = 4
TASKS = 50
LIMIT = 120  # seconds in which a process says the next thing on any machine


class Flyer:
    """A process of `flyer`."""

    def __init__(self, root: Path, count: int, kind: str, flaw: str) -> None:
        command = [sys.executable, "-m", "recipes.flyer", str(root / "store"), str(root / "calls")]
        paths = [str(TESTS), *filter(None, [os.environ.get("PYTHONPATH")])]
        self.process = subprocess.Popen(
            [*command, str(count), kind, flaw],
            cwd=TESTS,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(paths)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._words: queue.Queue[str] = queue.Queue()
        self._listener = threading.Thread(target=self._listen)
        self._listener.start()

    def _listen(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._words.put(line.strip())

    def says(self, seconds: float = LIMIT) -> str:
        """The next that it says; "" for nothing."""
        try:
            return self._words.get(timeout=seconds)
        except queue.Empty:
            return ""

    def order(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()

    def values(self) -> list[Any]:
        """What it was given, after all that it said before."""
        while (line := self.says()) in ("refused", "computing"):
            pass
        found: list[Any] = json.loads(line)
        return found

    def close(self) -> None:
        self.process.kill()
        self._listener.join()
        self.process.communicate()


@contextmanager
def flyers(root: Path, number: int, count: int, kind: str, flaw: str = "") -> Iterator[list[Flyer]]:
    """Processes that have all missed the key by now."""
    fsstore.open(root / "store", git=False).close()
    crew: list[Flyer] = []
    try:
        crew += [Flyer(root, count, kind, flaw) for _ in range(number)]
        for flyer in crew:
            assert flyer.says() == "missed"
        yield crew
    finally:
        for flyer in crew:
            flyer.close()


def calls(root: Path) -> int:
    return len((root / "calls").read_text().splitlines())


def fly(root: Path, count: int, kind: str, flaw: str = "") -> int:
    """How many computations there were, of processes that all want the key at once."""
    with flyers(root, PROCESSES, count, kind, flaw) as crew:
        for flyer in crew:
            flyer.order()
        heard = [flyer.says() for flyer in crew]
        assert set(heard) <= {"computing", "refused"}
        while "computing" not in heard:  # a thread of the one that computes may have been refused before
            heard += [flyer.says(seconds=0.01) for flyer in crew]
        for flyer in crew:
            flyer.order()
        found = [value for flyer in crew for value in flyer.values()]
    assert len(found) == PROCESSES * count
    if not flaw:
        assert len({value["computed by"] for value in found}) == 1
    return calls(root)


def test_fifty_tasks_in_each_of_four_processes_make_one_computation(tmp_path: Path) -> None:
    assert fly(tmp_path, TASKS, "tasks") == 1


def test_threads_of_four_processes_make_one_computation(tmp_path: Path) -> None:
    assert fly(tmp_path, 8, "threads") == 1


@pytest.mark.parametrize("kind", ["tasks", "threads"])
@pytest.mark.parametrize("flaw", ["no lock", "no second look"])
def test_a_flaw_makes_more(tmp_path: Path, flaw: str, kind: str) -> None:
    assert fly(tmp_path, 3, kind, flaw) > 1


@pytest.mark.parametrize("kind", ["tasks", "threads"])
def test_who_waits_goes_on_when_the_one_that_computes_is_killed(tmp_path: Path, kind: str) -> None:
    with flyers(tmp_path, 2, 3, kind) as crew:
        first, second = crew
        first.order()
        while first.says() != "computing":
            pass
        second.order()
        assert second.says() == "refused"
        os.kill(first.process.pid, signal.SIGKILL)
        first.process.wait()
        assert second.says() == "computing"
        second.order()
        assert second.values() == [{"computed by": second.process.pid}] * 3
    assert calls(tmp_path) == 2
    with fsstore.open(tmp_path / "store", git=False) as store:
        assert store.get_all() == {"k": {"computed by": second.process.pid}}
