"""Rows that need processes of their own: parallel writers, memory while streaming, the price of the import."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from statistics import median

import fsstore
from benchmark import workload
from benchmark.listing import plant
from benchmark.rows import Figure, Scenario, Target
from benchmark.timing import Times, in_turns
from benchmark.workload import Sizes

WRITERS = 4
_HOME = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


class _Process:
    """A process of `benchmark.worker` that says when it is ready, and works when it is given a line."""

    def __init__(self, *arguments: object) -> None:
        command = [sys.executable, "-m", "benchmark.worker", *map(str, arguments)]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=_environment()
        )
        self.wait()

    def start(self) -> None:
        """Begin with the next piece of work."""
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()

    def answer(self) -> str:
        """What it says next."""
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()

    def wait(self) -> None:
        """Until it is done, or ready for the first time."""
        assert self.answer() == "done"

    def close(self) -> None:
        """End it."""
        self._process.communicate(timeout=60)


class Counter(_Process):
    """A process that increments a key for a while."""

    @classmethod
    def race(cls, kind: str, path: str, seconds: float, *, distinct: bool) -> list[int]:
        """How often each of four incremented, all at the same time."""
        with ExitStack() as stack:
            counters = []
            for number in range(WRITERS):
                counters.append(cls("count", kind, path, f"n{number if distinct else ''}", seconds))
                stack.callback(counters[-1].close)
            for counter in counters:
                counter.start()
            return [int(counter.answer()) for counter in counters]


def _parallel(root: str, sizes: Sizes) -> list[Figure]:
    """Time per key of four processes and of one, each with keys of its own, in turns."""
    with fsstore.open(f"{root}/store") as store, ExitStack() as stack:
        writers = [stack.enter_context(_writer(f"{root}/store", n, sizes.batch)) for n in range(WRITERS + 1)]

        def write(crew: list[_Process]) -> None:
            for writer in crew:
                writer.start()
            for writer in crew:
                writer.wait()

        times = Times()
        for _ in range(2 * sizes.rounds):
            one = in_turns({"one": lambda work: write(writers[:1])}, [[None] * sizes.batch])
            four = in_turns({"four": lambda work: write(writers[1:])}, [[None] * (WRITERS * sizes.batch)])
            times.add("one", one.typical("one"))
            times.add("four", four.typical("four"))
        assert store.count() == 2 * sizes.rounds * sizes.batch * (WRITERS + 1)
    return [Figure(times.ratio("one", "four"), times.typical("four") * 1e6, times.typical("one") * 1e6)]


@contextmanager
def _writer(store: str, number: int, batch: int) -> Iterator[_Process]:
    writer = _Process("write", store, number, batch)
    try:
        yield writer
    finally:
        writer.close()


def _memory(root: str, sizes: Sizes) -> list[Figure]:
    """The largest resident size of a process that streams all records, and of one that streams a tenth."""
    with fsstore.open(f"{root}/sample") as sample:
        sample.set("one", workload.value(1))
        with open(sample.info("one").path, "rb") as file:
            content = file.read()
    peaks = {}
    for name, records in (("few", sizes.stream // 10), ("all", sizes.stream)):
        fsstore.open(f"{root}/{name}").close()
        plant(f"{root}/{name}/default", records, content)
        found = [int(_run("-m", "benchmark.worker", "stream", f"{root}/{name}").split()[1]) for _ in range(3)]
        peaks[name] = median(found)
    return [Figure(peaks["all"] / peaks["few"], peaks["all"] / 1024, peaks["few"] / 1024, "MiB")]


def _import(root: str, sizes: Sizes) -> list[Figure]:
    """Processor time that an import adds to a bare interpreter."""
    times = Times()
    for _ in range(max(1, 4 * sizes.rounds)):
        bare, theirs, ours = (_cpu(code) for code in ("pass", "import orjson", "import fsstore"))
        times.add("bare", bare)
        times.add("orjson", theirs)
        times.add("fsstore", ours)
    ours, theirs = (times.typical(name) - times.typical("bare") for name in ("fsstore", "orjson"))
    return [Figure(ours / max(theirs, 1e-4), ours * 1e6, theirs * 1e6)]


def _cpu(code: str) -> float:
    process = subprocess.Popen([sys.executable, "-c", code], env=_environment())
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    return usage.ru_utime + usage.ru_stime


def _run(*arguments: str) -> str:
    return subprocess.run(
        [sys.executable, *arguments], env=_environment(), stdout=subprocess.PIPE, text=True, check=True
    ).stdout


def _environment() -> dict[str, str]:
    """Ours, and the way to this package."""
    paths = [_HOME, *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}


SCENARIOS = (
    Scenario((Target("4 processes", "1 process", ">=", 1.6),), _parallel),
    Scenario((Target("memory of 100k streamed", "of 10k", "<=", 1.05),), _memory),
    Scenario((Target("import fsstore", "import orjson", "<=", 2.0),), _import),
)
