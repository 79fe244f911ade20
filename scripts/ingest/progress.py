"""How far the agents are: bars in a terminal, a plain line per finished stage elsewhere. It knows no store."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator

Report = Callable[[int, int], None]
"""Called with how much is done and how much there is."""
Stage = Callable[[str], Report]
"""Called with the name of a stage when it begins."""


@contextlib.contextmanager
def shown() -> Iterator[Stage]:
    """Show the progress of stages that may run side by side."""
    if not sys.stdout.isatty():
        yield _line
        return
    try:
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
    except ImportError:
        yield _line
        return
    columns = (TextColumn("{task.description:<24}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns) as progress:

        def bar(name: str) -> Report:
            task = progress.add_task(name, total=None)
            return lambda done, total: progress.update(task, completed=done, total=total)

        yield bar


def _line(name: str) -> Report:
    def report(done: int, total: int) -> None:
        if done == total:
            print(f"{name}: {total:,}", flush=True)

    return report
