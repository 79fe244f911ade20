"""The table as text. It knows rows, not what they mean."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from benchmark.rows import Row

HEAD = f"{'row':28} {'against':14} {'ratio':>8}  {'must':>8}    {'goal':>8}    {'fsstore':>10}  {'other':>10}"


def lines(rows: Iterable[Row]) -> Iterator[str]:
    """The table, a line at a time, as the rows come in."""
    yield HEAD
    yield "-" * len(HEAD)
    for row in rows:
        yield _line(row)


def _line(row: Row) -> str:
    target, figure = row.target, row.figure
    start = f"{target.name:28} {target.against:14} "
    if figure is None:
        return f"{start}{'-':>8}  {row.skipped}"
    must, goal = (_wanted(row, wanted) for wanted in (target.must, target.goal))
    return f"{start}{_ratio(figure.ratio, target.sense):>8}  {must}  {goal}  {_both(row)}"


def _both(row: Row) -> str:
    figure = row.figure
    assert figure is not None
    return f"{figure.ours:10.2f}  {figure.theirs:10.2f} {figure.unit}"


def _ratio(ratio: float, sense: str) -> str:
    if sense == "==":
        return f"{ratio:.3g}"
    return f"{ratio:.2f}x" if sense == ">=" or ratio >= 1 else f"{ratio:.1%}" if ratio < 0.1 else f"{ratio:.2f}"


def _wanted(row: Row, wanted: float | None) -> str:
    if wanted is None or row.figure is None:
        return " " * 10
    mark = "+" if row.target.met(row.figure.ratio, wanted) else "!"
    return f"{row.target.sense + format(wanted, 'g'):>8} {mark}"
