"""A row of the table: what is compared, what is wanted, what was measured. How it is measured is known elsewhere."""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from benchmark.workload import Sizes

_SENSES: dict[str, Callable[[float, float], bool]] = {">=": operator.ge, "<=": operator.le, "==": operator.eq}


@dataclass(frozen=True)
class Target:
    """What a row is called and what its ratio should be; without ``must`` it is there for information."""

    name: str
    against: str
    sense: str = ">="
    """``>=``: how many times as fast as the other; ``<=``: its share of the other's time (or memory);
    ``==``: a count."""
    must: float | None = None
    goal: float | None = None

    def met(self, ratio: float | None, wanted: float | None) -> bool | None:
        """Does this ratio meet it? ``None`` where nothing is wanted or known."""
        if ratio is None or wanted is None:
            return None
        return _SENSES[self.sense](ratio, wanted)


@dataclass(frozen=True)
class Figure:
    """A measured ratio, with what it was made of."""

    ratio: float
    ours: float
    theirs: float
    unit: str = "us"


@dataclass(frozen=True)
class Row:
    """A target with its figure, or the reason why there is none."""

    target: Target
    figure: Figure | None
    skipped: str = ""

    def as_dict(self) -> dict[str, Any]:
        """The row for programs."""
        target, figure = self.target, self.figure
        ratio = None if figure is None else figure.ratio
        return {
            "row": target.name,
            "against": target.against,
            "sense": target.sense,
            "must": target.must,
            "goal": target.goal,
            "ratio": ratio,
            "must_met": target.met(ratio, target.must),
            "goal_met": target.met(ratio, target.goal),
            "ours": figure and figure.ours,
            "theirs": figure and figure.theirs,
            "unit": figure and figure.unit,
            "skipped": self.skipped or None,
        }


@dataclass(frozen=True)
class Scenario:
    """Rows that are measured together, because they share a set-up or contenders."""

    targets: tuple[Target, ...]
    run: Callable[[str, Sizes], list[Figure]]
    """Measures in an empty directory; one figure for each target, in their order. What several scenarios share may lie
    beside that directory: it stays until all are measured."""
