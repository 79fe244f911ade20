"""A program that changes a store as it is told to: ``python -m storms.writer KIND ROOT NUMBER [OUTSIDE]``."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from .agents import Agent
from .orders import Orders
from .people import Person
from .trees import Mover

_KINDS: dict[str, Callable[..., object]] = {"agent": Agent, "person": Person, "mover": Mover}


class _Verbs(dict[str, Callable[..., Any]]):
    """The methods of a writer, by name."""

    def __init__(self, writer: object) -> None:
        super().__init__()
        self._writer = writer

    def __missing__(self, verb: str) -> Callable[..., Any]:
        found: Callable[..., Any] = getattr(self._writer, verb)
        return found


if __name__ == "__main__":
    kind, root, number, *others = sys.argv[1:]
    Orders().serve(_Verbs(_KINDS[kind](root, int(number), *others)))
