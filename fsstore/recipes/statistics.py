"""Count, sum, extremes, mean and variance of numbers that come one after the other. No number itself is kept."""

from __future__ import annotations

import math
import sys
from typing import TYPE_CHECKING, Any, NamedTuple

from fsstore.errors import InvalidValue, UnsupportedType
from fsstore.recipes.recipe import Recipe
from fsstore.recipes.shapes import Misshapen

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fsstore.namespace import Handle

_LARGEST = sys.float_info.max


class Summary(NamedTuple):
    """What is known of the numbers so far; without any, ``None`` where there is nothing to say."""

    count: int  # type: ignore[assignment]  # it hides a method of tuple that nobody wants here
    sum: float
    """Exact as long as all of them were of type int."""
    min: float | None
    max: float | None
    mean: float | None
    variance: float | None
    """Of a sample: divided by ``count - 1``, as `statistics.variance` does; ``None`` for fewer than two numbers."""
    stdev: float | None
    """Its square root."""

    @property
    def pvariance(self) -> float | None:
        """The variance of the whole: divided by ``count``, as `statistics.pvariance` does."""
        if self.variance is None:
            return 0.0 if self.count else None
        return self.variance * (self.count - 1) / self.count

    @property
    def pstdev(self) -> float | None:
        """Its square root."""
        return None if self.pvariance is None else math.sqrt(self.pvariance)


class Statistics(Recipe):
    """The statistics under one key, a plain object: ``count``, ``sum``, ``min``, ``max``, ``mean`` and ``m2``.

    ``m2`` is the sum of the squared distances from the mean. Other members are left as they are.
    """

    __slots__ = ()

    def add(self, *numbers: float) -> Summary:
        """Add numbers, all in one atomic step; the summary then. Zero is a number, and counts.

        Safe among any number of threads and processes, and as durable as any write. Raises `UnsupportedType` for what
        is no ``int`` or ``float`` (also for ``bool``), `InvalidValue` for NaN, infinity and what goes beyond a float,
        `BadValue` for an object that a person has broken; nothing is changed then.
        """
        added = _of(numbers)
        if added is None:
            return self.summary()

        def change(old: Any) -> dict[str, Any]:
            if old is None:
                return added._asdict()
            merged = _merged(self._read(old), added)
            return {**old, **merged._asdict()}

        return self._read(self._space.update(self.name, change)).summary()

    def summary(self) -> Summary:
        """The statistics as they are. Raises `BadValue` for an object that a person has broken."""
        return self._told(self._space.get(self.name))

    def reset(self) -> Summary:
        """Begin anew, in one step; the summary of what was so far. Raises as `summary` does, and all is as it was."""

        def take(tx: Handle) -> Summary:
            found = self._told(tx.get(self.name))
            tx.delete(self.name)
            return found

        return self._space.transact(take)

    def _told(self, value: Any) -> Summary:
        if value is None:
            return Summary(0, 0, None, None, None, None, None)
        return self._read(value).summary()

    def _read(self, value: Any) -> _State:
        try:
            return _State.read(value)
        except Misshapen as error:
            raise self._bad(error, "Mend the file, or delete the key to begin anew.") from None


class _State(NamedTuple):
    """What is stored, of at least one number."""

    count: int  # type: ignore[assignment]
    sum: float
    min: float
    max: float
    mean: float
    m2: float

    @classmethod
    def read(cls, value: Any) -> _State:
        """From a value. Raises `Misshapen` with the first thing that is wrong."""
        if not isinstance(value, dict):
            raise Misshapen(f"statistics are an object with {', '.join(cls._fields)}")
        for name in cls._fields:
            if name not in value:
                raise Misshapen(f'"{name}" is missing')
            if not _is_number(value[name]):
                raise Misshapen(f'"{name}" is no number')
            if not -_LARGEST <= value[name] <= _LARGEST:
                raise Misshapen(f'"{name}" goes beyond what a float can hold')
        state = cls(*(value[name] for name in cls._fields))
        if not (isinstance(state.count, int) and state.count >= 1):
            raise Misshapen('"count" is no whole number above 0')
        if state.min > state.max:
            raise Misshapen('"min" is larger than "max"')
        if state.m2 < 0:
            raise Misshapen('"m2" is negative')
        return state

    def summary(self) -> Summary:
        """The same for callers."""
        variance = None if self.count < 2 else self.m2 / (self.count - 1)
        stdev = None if variance is None else math.sqrt(variance)
        return Summary(self.count, self.sum, self.min, self.max, self.mean, variance, stdev)


def _of(numbers: Iterable[Any]) -> _State | None:
    """One after the other, by Welford's algorithm (B. P. Welford, Technometrics 4, 1962, 419-420)."""
    state: _State | None = None
    for index, each in enumerate(numbers):
        number = _require_number(each, f"$[{index}]")
        state = _merged(state, _State(1, number, number, number, _float(number), 0.0))
    return state


def _merged(a: _State | None, b: _State) -> _State:
    """The statistics of both (Chan, Golub, LeVeque: STAN-CS-79-773, 1979); of one more number it is Welford's step."""
    if a is None:
        return b
    count, total = a.count + b.count, a.sum + b.sum
    delta = b.mean - a.mean
    mean = _float(total) / count if isinstance(total, int) else a.mean + delta * (b.count / count)
    m2 = a.m2 + b.m2 + delta * delta * (a.count * b.count / count)
    if not all(map(math.isfinite, (_float(total), mean, m2))):
        raise InvalidValue("the statistics go beyond what a float can hold. Add smaller numbers.", json_path="$")
    return _State(count, total, min(a.min, b.min), max(a.max, b.max), mean, m2)


def _float(number: float) -> float:
    try:
        return float(number)
    except OverflowError:
        raise InvalidValue(
            "the number goes beyond what a float can hold. Add smaller numbers.", json_path="$"
        ) from None


def _require_number(value: Any, path: str) -> float:
    if not _is_number(value):
        kind = type(value).__name__
        raise UnsupportedType(
            f"{path}: statistics are of numbers, int or float, not {kind}; give float(value) if it is meant as one.",
            json_path=path,
            type_name=kind,
        )
    if isinstance(value, float) and not math.isfinite(value):
        raise InvalidValue(f"{path}: {value} is no number to be added. Leave it out.", json_path=path)
    return int(value) if isinstance(value, int) else float(value)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
