"""The command: which rows, where, how often; then the table or JSON. It measures nothing itself."""

from __future__ import annotations

import argparse
import fnmatch
import json
import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Iterator
from typing import Any

from benchmark import (
    filetree,
    finding,
    history_reading,
    history_snapshots,
    listing,
    peers,
    processes,
    queues,
    reads,
    recipes,
    table,
    updates,
    watch_costs,
    watch_latency,
    watch_start,
    writes,
)
from benchmark.peers import NotInstalled
from benchmark.rows import Row, Scenario
from benchmark.workload import Sizes

SCENARIOS: tuple[Scenario, ...] = (
    *reads.SCENARIOS,
    *listing.SCENARIOS,
    *writes.SCENARIOS,
    *filetree.SCENARIOS,
    *updates.SCENARIOS,
    *processes.SCENARIOS,
    *recipes.SCENARIOS,
    *history_snapshots.SCENARIOS,
    *history_reading.SCENARIOS,
    *watch_latency.SCENARIOS,
    *watch_costs.SCENARIOS,
    *watch_start.SCENARIOS,
    *finding.SCENARIOS,
    *queues.SCENARIOS,
)
_MEMORY = "/dev/shm"


def main(arguments: list[str] | None = None) -> int:
    """Run what was asked for."""
    options = _parser().parse_args(arguments)
    sizes = Sizes(options.scale, options.rounds)
    places = options.dir or [_MEMORY if os.path.isdir(_MEMORY) else tempfile.gettempdir()]
    if options.json:
        runs = [{**_place(place), "rows": [row.as_dict() for row in _rows(place, sizes, options)]} for place in places]
        print(json.dumps({**_machine(sizes), "runs": runs}, indent=2))
        return 0
    print(_heading(sizes))
    for place in places:
        where = _place(place)
        print(f"\n{where['directory']} ({where['file_system']})")
        for line in table.lines(_rows(place, sizes, options)):
            print(line, flush=True)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="scripts/bench", description="Measure fsstore against its peers, as ratios in one run."
    )
    parser.add_argument("--dir", action="append", help="measure in a new directory below this one; may be repeated")
    parser.add_argument("--rows", metavar="GLOB", default="*", help="only rows whose name matches, such as 'set*'")
    parser.add_argument("--rounds", type=int, default=5, help="how often each row is repeated (default 5)")
    parser.add_argument("--scale", type=float, default=1.0, help="how much of the full work is done (default 1.0)")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    return parser


def _rows(place: str, sizes: Sizes, options: argparse.Namespace) -> Iterator[Row]:
    """The rows as they are measured, each scenario in a directory of its own that is removed after it."""
    with tempfile.TemporaryDirectory(prefix="fsstore-bench-", dir=place) as shared:
        for scenario in SCENARIOS:
            wanted = [fnmatch.fnmatch(target.name, options.rows) for target in scenario.targets]
            if not any(wanted):
                continue
            root = tempfile.mkdtemp(dir=shared)
            try:
                figures, skipped = [*scenario.run(root, sizes)], ""
            except NotInstalled as error:
                figures, skipped = [], str(error)
            finally:
                shutil.rmtree(root)
            for index, target in enumerate(scenario.targets):
                if wanted[index]:
                    yield Row(target, figures[index] if figures else None, skipped)


def _heading(sizes: Sizes) -> str:
    machine = _machine(sizes)
    notes = "\n".join(f"  {name:14} {note}" for name, note in peers.NOTES.items())
    return (
        f"Python {machine['python']}, {machine['cpus']} processors, {sizes.keys:,} keys of 1 KB, "
        f"{sizes.rounds} rounds; medians of ratios taken in turns\n"
        f">= : how many times as fast as the other; <= : the share of the other's time or memory; == : a count; "
        f"+ met, ! missed; times are of one operation\n{notes}"
    )


def _machine(sizes: Sizes) -> dict[str, Any]:
    return {
        "python": platform.python_version(),
        "system": platform.platform(),
        "cpus": os.cpu_count(),
        "scale": sizes.scale,
        "rounds": sizes.rounds,
    }


def _place(directory: str) -> dict[str, str]:
    return {"directory": os.path.abspath(directory), "file_system": file_system(directory)}


def file_system(directory: str) -> str:
    """The type of the file system a directory lies on, as far as the system tells."""
    real = os.path.realpath(directory)
    try:
        with open("/proc/self/mounts", encoding="utf-8") as mounts:
            entries = [line.split()[1:3] for line in mounts]
    except OSError:
        return f"unknown on {sys.platform}"
    around = [(len(point), kind) for point, kind in entries if os.path.commonpath((point, real)) == point]
    return max(around, key=lambda found: found[0])[1] if around else "unknown"


if __name__ == "__main__":
    sys.exit(main())
