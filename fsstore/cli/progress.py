"""How far something is: a bar on a terminal's standard error, and nothing elsewhere. It knows no store."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Literal

from fsstore.cli.output import Output

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress
    from rich.progress import ProgressColumn

_AFTER = 1.0  # seconds
Progress = Callable[[int, int | None], object]
"""Called with how much is done, and how much there is; ``None`` where nobody knows."""


@contextlib.contextmanager
def shown(output: Output, what: str, unit: Literal["keys", "bytes"] = "keys") -> Iterator[Progress | None]:
    """What draws the bar, until the block ends; then it vanishes.

    ``None`` where nobody is to see one: where standard error is no terminal or one that cannot draw, under ``-q`` and
    ``--json``. It has no colours where ``NO_COLOR`` is set.
    """
    if not _can_draw(output):
        yield None
        return
    from rich.progress import BarColumn, DownloadColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn

    counted = DownloadColumn() if unit == "bytes" else MofNCompleteColumn()
    with _drawn(TextColumn("{task.description}"), BarColumn(), counted, TextColumn(unit), TimeRemainingColumn()) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


@contextlib.contextmanager
def waiting(output: Output, what: str) -> Iterator[Callable[[], object]]:
    """A bar that only moves, and the time, for what takes longer than a second and cannot say how far it is.

    It vanishes when the block ends, or when what this gives is called: before anything else is written.
    """
    if not _can_draw(output):
        yield lambda: None
        return
    over = threading.Event()

    def draw() -> None:
        if over.wait(_AFTER):
            return
        from rich.progress import BarColumn, TextColumn, TimeElapsedColumn

        with _drawn(TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn()) as bar:
            bar.add_task(what, total=None)
            over.wait()

    drawing = threading.Thread(target=draw, daemon=True)
    drawing.start()

    def stop() -> None:
        over.set()
        drawing.join()

    try:
        yield stop
    finally:
        stop()


def _can_draw(output: Output) -> bool:
    is_terminal = sys.stderr.isatty() and os.environ.get("TERM", "dumb") != "dumb"
    return is_terminal and not (output.quiet or output.json)


def _drawn(*columns: ProgressColumn) -> RichProgress:
    from rich.console import Console
    from rich.progress import Progress

    console = Console(file=sys.stderr, no_color=bool(os.environ.get("NO_COLOR")))
    return Progress(*columns, console=console, transient=True, redirect_stdout=False)
