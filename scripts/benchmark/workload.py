"""The work every contender is given: keys, values and sizes. It knows no store and takes no time."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

SEED = 20240229
_WORDS = ("parse", "index", "cache", "token", "branch", "review", "commit", "merge", "tests", "build", "agent", "state")
_T = TypeVar("_T")


@dataclass(frozen=True)
class Sizes:
    """How much work there is; 1.0 is the size that the targets are set for."""

    scale: float = 1.0
    rounds: int = 5

    @property
    def keys(self) -> int:
        """Keys in most rows."""
        return self._scaled(10_000)

    @property
    def batch(self) -> int:
        """Keys written by one ``set_many``, and keys for slow peers."""
        return self._scaled(1_000)

    @property
    def many(self) -> int:
        """Keys in the rows about large listings."""
        return self._scaled(1_000_000)

    @property
    def stream(self) -> int:
        """Records in the row about memory."""
        return self._scaled(100_000)

    def _scaled(self, full: int) -> int:
        return max(40, int(full * self.scale))


def directories(count: int) -> int:
    """Over how many directories this many keys are spread."""
    return max(1, min(100, count // 10))


def keys(count: int, first: int = 0) -> list[str]:
    """``project042:item00017`` and so on, spread evenly."""
    spread = directories(count)
    return [f"project{index % spread:03d}:item{first + index // spread:05d}" for index in range(count)]


def shuffled(items: Sequence[_T], salt: int = 0) -> list[_T]:
    """The same order in every run and for every contender, and no contender's own."""
    out = list(items)
    random.Random(SEED + salt).shuffle(out)
    return out


def value(number: int) -> dict[str, Any]:
    """What an agent notes of a source file: about 1,000 bytes as compact JSON, no two alike."""
    draw = random.Random(SEED + number)
    words = draw.choices(_WORDS, k=45)
    return {
        "path": f"src/{words[0]}/{words[1]}_{number}.py",
        "language": "python",
        "size": draw.randrange(1_000_000),
        "score": round(draw.random(), 6),
        "stale": number % 7 == 0,
        "owner": None if number % 5 == 0 else words[2],
        "tags": words[3:9],
        "summary": " ".join(words[9:]) + f" - füllwörter {number}",
        "functions": [
            {"name": f"{draw.choice(_WORDS)}_{line}", "line": line, "calls": draw.choices(_WORDS, k=2)}
            for line in sorted(draw.sample(range(900), 7))
        ],
        "history": {"created": 1_700_000_000 + number, "edits": [draw.randrange(10_000) for _ in range(8)]},
    }


def values(count: int, first: int = 0) -> list[dict[str, Any]]:
    """Values ``first``, ``first + 1``, ..."""
    return [value(first + index) for index in range(count)]


def chunks(items: Sequence[_T], size: int) -> Iterator[Sequence[_T]]:
    """The items in pieces: the grain in which contenders take turns."""
    for start in range(0, len(items), size):
        yield items[start : start + size]
