"""Statistics say of numbers what the standard library says of a list of them, whoever adds them."""

from __future__ import annotations

import asyncio
import math
import statistics
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import fsstore
from fsstore import BadValue, InvalidValue, Operation, Store, Summary, UnsupportedType
from fsstore.recipes.statistics import Statistics

NUMBERS = st.lists(st.integers(-(10**6), 10**6) | st.floats(-1e6, 1e6), min_size=1, max_size=20)
GOOD = {"count": 3, "sum": 6, "min": 1, "max": 3, "mean": 2.0, "m2": 2.0}


def test_without_numbers_there_is_little_to_say(store: Store) -> None:
    assert store.statistics("s").summary() == Summary(0, 0, None, None, None, None, None)
    assert store.statistics("s").add() == store.statistics("s").summary()
    assert store.statistics("s").summary().pvariance is None
    assert "s" not in store


def test_zero_is_a_number(store: Store) -> None:
    assert store.statistics("s").add(0) == Summary(1, 0, 0, 0, 0.0, None, None)
    found = store.statistics("s").add(0.0, 3)
    assert (found.count, found.sum, found.min, found.max, found.mean) == (3, 3, 0, 3, 1.0)


def test_what_is_stored_is_a_plain_object(store: Store) -> None:
    store.statistics("latency").add(1, 2)
    store.statistics("latency").add(3)
    assert store["latency"] == GOOD


def check(found: Summary, numbers: list[float]) -> None:
    assert (found.count, found.min, found.max) == (len(numbers), min(numbers), max(numbers))
    scale = max(1.0, *map(abs, numbers))
    assert math.isclose(found.sum, math.fsum(numbers), abs_tol=1e-9 * scale * len(numbers))
    assert found.mean is not None
    assert math.isclose(found.mean, statistics.mean(map(float, numbers)), abs_tol=1e-9 * scale)
    assert found.pvariance is not None
    assert math.isclose(found.pvariance, statistics.pvariance(map(float, numbers)), abs_tol=1e-9 * scale**2)
    if len(numbers) == 1:
        assert (found.variance, found.stdev, found.pvariance, found.pstdev) == (None, None, 0.0, 0.0)
    else:
        assert found.variance is not None
        assert math.isclose(found.variance, statistics.variance(map(float, numbers)), abs_tol=1e-9 * scale**2)
        assert found.stdev == math.sqrt(found.variance)
        assert found.pstdev == math.sqrt(found.pvariance)


@given(st.lists(NUMBERS, min_size=1, max_size=4))
def test_they_are_those_of_the_standard_library_however_they_come(parts: list[list[float]]) -> None:
    with fsstore.open(":memory:") as store:
        for part in parts:
            found = store.statistics("s").add(*part)
        check(found, [number for part in parts for number in part])
        assert store.statistics("s").summary() == found


def test_a_small_spread_around_a_large_number_is_not_lost(store: Store) -> None:
    """Where the sum of the squares would have no digit left."""
    found = store.statistics("s").add(*(1e9 + each for each in (4.0, 7.0, 13.0, 16.0)))
    assert (found.mean, found.variance) == (1e9 + 10, 30.0)


def test_sums_of_whole_numbers_are_exact(store: Store) -> None:
    each = store.statistics("s")
    each.add(2**62, 2**62, 2**62)
    found = each.add(1)
    assert found.sum == 3 * 2**62 + 1
    assert store["s"]["sum"] == found.sum


@pytest.mark.parametrize("bad", [True, "1", None, [1], 1j])
def test_what_is_no_number_is_refused(store: Store, bad: Any) -> None:
    store.set("s", GOOD)
    with pytest.raises(UnsupportedType, match=rf"\$\[1\].*not {type(bad).__name__}"):
        store.statistics("s").add(1, bad)
    assert store["s"] == GOOD


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), 10**400])
def test_what_has_no_place_in_statistics_is_refused(store: Store, bad: Any) -> None:
    store.set("s", GOOD)
    with pytest.raises(InvalidValue, match=r"Leave it out|smaller numbers"):
        store.statistics("s").add(bad)
    assert store["s"] == GOOD


def test_what_goes_beyond_a_float_is_refused(store: Store) -> None:
    store.statistics("s").add(1e308)
    before = store["s"]
    for bad in (1e308, -1e200):
        with pytest.raises(InvalidValue, match=r"key 's' of namespace 'default' was not changed.*smaller numbers"):
            store.statistics("s").add(bad)
    assert store["s"] == before


BROKEN: list[tuple[Any, str]] = [
    ([1], "statistics are an object with count"),
    (7, "statistics are an object with count"),
    ({}, '"count"'),
    ({**GOOD, "count": 0}, '"count"'),
    ({**GOOD, "count": 2.5}, '"count"'),
    ({**GOOD, "count": True}, '"count"'),
    ({**GOOD, "mean": "2"}, '"mean"'),
    ({**GOOD, "min": None}, '"min"'),
    ({**GOOD, "min": 4}, '"min"'),
    ({**GOOD, "m2": -1}, '"m2"'),
    ({name: value for name, value in GOOD.items() if name != "m2"}, '"m2"'),
    ({**GOOD, "count": 10**400}, '"count"'),
    ({**GOOD, "sum": -(10**400)}, '"sum"'),
    ({**GOOD, "mean": 10**400}, '"mean"'),
    ({**GOOD, "m2": 10**400}, '"m2"'),
]


@pytest.mark.parametrize(("value", "what"), BROKEN, ids=str)
def test_what_a_person_has_broken_is_told_with_the_way_out(store: Store, value: Any, what: str) -> None:
    store.set("s", value)
    store.statistics("other").add(1)
    each = store.statistics("s")
    for verb in (each.summary, each.reset, lambda: each.add(1)):
        with pytest.raises(BadValue, match=rf"key 's' .*{what}.* Mend the file, or delete the key"):
            verb()
    assert store["s"] == value
    assert store.statistics("other").add(1).count == 2
    store.delete("s")
    assert store.statistics("s").add(1).count == 1


def test_a_persons_members_are_left_as_they_are(tmp_path: Path) -> None:
    with fsstore.open(tmp_path / "s") as store:
        store.statistics("s").add(1, 2)
        (tmp_path / "s/default/s.json").write_text(
            '{"unit": "ms", "count": 2, "sum": 3, "min": 1, "max": 2, "mean": 1.5, "m2": 0.5}'
        )
        assert store.statistics("s").add(3) == Summary(3, 6, 1, 3, 2.0, 1.0, 1.0)
        assert store["s"] == {"unit": "ms", **GOOD}


def test_to_add_is_one_atomic_step(store: Store) -> None:
    """A read and a write beside it could lose what others add between them."""
    seen: list[Operation] = []
    watched = store.handle(ops=seen.append)
    for numbers in ((1,), (2, 3)):
        watched.statistics("s").add(*numbers)
    assert [each.op for each in seen] == ["update", "update"]


def test_several_threads_lose_nothing(store: Store) -> None:
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(store.statistics("s").add, range(100)))
    check(store.statistics("s").summary(), list(range(100)))


def test_reset_gives_what_was_so_far(store: Store) -> None:
    each = store.statistics("s")
    each.add(1, 2, 3)
    assert each.reset() == Summary(3, 6, 1, 3, 2.0, 1.0, 1.0)
    assert each.reset().count == each.summary().count == 0


def test_awaited(store: Store) -> None:
    async def add() -> Summary:
        each = store.aio.statistics("s")
        await asyncio.gather(*(each.add(number) for number in range(10)))
        found: Summary = await each.summary()
        return found

    check(asyncio.run(add()), list(range(10)))


def test_repr_says_what_it_is(store: Store) -> None:
    assert repr(store.statistics("s")) == "<Statistics 's' of 'default'>"
    assert isinstance(store.statistics("s"), Statistics)
