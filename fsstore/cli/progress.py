"""How far something is: a bar on a terminal's standard error, and nothing elsewhere. It knows no store."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterator
from typing import Literal

from fsstore.cli.output import Output

Progress = Callable[[int, int | None], object]
"""Called with how much is done, and how much there is; ``None`` where nobody knows."""


@contextlib.contextmanager
def shown(output: Output, what: str, unit: Literal["keys", "bytes"] = "keys") -> Iterator[Progress | None]:
    """What draws the bar, until the block ends; then it vanishes.

    ``None`` where nobody is to see one: where standard error is no terminal or one that cannot draw, under ``-q`` and
    ``--json``. It has no colours where ``NO_COLOR`` is set.
    """
    if output.quiet or output.json or not sys.stderr.isatty() or os.environ.get("TERM", "dumb") == "dumb":
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    counted = DownloadColumn() if unit == "bytes" else MofNCompleteColumn()
    columns = (TextColumn("{task.description}"), BarColumn(), counted, TextColumn(unit), TimeRemainingColumn())
    console = Console(file=sys.stderr, no_color=bool(os.environ.get("NO_COLOR")))
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task(what, total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)
