"""Several processes of `crew`, and what their witness has seen."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

TESTS = Path(__file__).parents[1]
PATIENCE = 120.0


class Crew:
    """Processes that all begin when they are told to."""

    def __init__(self, root: Path, part: str, size: int, **numbers: float) -> None:
        self.witness = root / "witness"
        command = [sys.executable, "-W", "error", "-m", "recipes.crew", str(root / "store"), str(self.witness)]
        paths = [str(TESTS), *filter(None, [os.environ.get("PYTHONPATH")])]
        self.processes = [
            subprocess.Popen(
                [*command, part, json.dumps(numbers)],
                cwd=TESTS,
                env=os.environ | {"PYTHONPATH": os.pathsep.join(paths)},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            for _ in range(size)
        ]
        for process in self.processes:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"

    def begin(self) -> None:
        """Let all of them begin."""
        for process in self.processes:
            assert process.stdin is not None
            process.stdin.write("go\n")
            process.stdin.flush()

    def finish(self) -> None:
        """Wait until all who were not killed have done what they had to."""
        for process in self.processes:
            if process.returncode is not None:  # it was killed
                continue
            out, _ = process.communicate(timeout=PATIENCE)
            assert out == "done\n"
            assert process.wait() == 0

    def lines(self) -> list[list[str]]:
        """What the witness has seen so far, in order: who, and what."""
        if not self.witness.exists():
            return []
        return [line.split(" ", 1) for line in self.witness.read_text().splitlines()]


@contextmanager
def crew(root: Path, part: str, size: int, **numbers: float) -> Iterator[Crew]:
    """The processes, gone at the end whatever happens."""
    made = Crew(root, part, size, **numbers)
    try:
        yield made
    finally:
        for process in made.processes:
            process.kill()
            process.communicate()


def until(is_so: Callable[[], object]) -> None:
    """Look again and again until it is so."""
    end = time.monotonic() + PATIENCE
    while not is_so():
        assert time.monotonic() < end, "it did not come to be so"
        time.sleep(0.005)
