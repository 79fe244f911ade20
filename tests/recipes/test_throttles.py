"""A throttle lets no more in than its count in any span of its seconds, by a clock that nobody can set."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from steps_flaws import cancel_from_within

import fsstore
from fsstore import BadValue, Conflict, Store, Throttle, WaitTimeout
from fsstore.leases import boot_seconds
from fsstore.recipes import throttle as throttles
from fsstore.recipes.throttle import wait_of

from .crews import PATIENCE, crew

PROCESSES = 8
HOUR = 3600.0
WaitOf = Callable[[list[float], int, float, float], float]


def require_exact(entries: list[float], count: int, seconds: float) -> None:
    """Of any ``count + 1`` entries in a row the last is ``seconds`` or more after the first."""
    assert entries == sorted(entries)
    for first, last in zip(entries, entries[count:], strict=False):
        assert last - first >= seconds, f"{count + 1} entries within {last - first} s"


# -- the rule, by itself ----------------------------------------------------------------------------

STEPS = st.lists(st.integers(0, 12), min_size=1, max_size=40)


def play(wait_of: WaitOf, steps: list[int], count: int, seconds: int) -> None:
    """Somebody comes after each of these pauses, on a clock of whole numbers; and nobody waits in vain or too long."""
    entries: list[float] = []
    now = 0.0
    for step in steps:
        now += step
        wait = wait_of(entries, count, seconds, now)
        fits = sum(now - entry < seconds for entry in entries) < count
        assert (wait == 0) == fits, "refused in vain" if fits else "let in"
        if wait:
            if wait > 1:
                assert wait_of(entries, count, seconds, now + wait - 1) > 0, "told to wait too long"
            now += wait
            assert wait_of(entries, count, seconds, now) == 0, "told to wait too short"
        entries.append(now)
    require_exact(entries, count, seconds)


@given(STEPS, st.integers(1, 4), st.integers(1, 20))
def test_the_rule_is_exact(steps: list[int], count: int, seconds: int) -> None:
    play(wait_of, steps, count, seconds)


@given(st.lists(st.floats(0, 1), max_size=30), st.integers(1, 4), st.floats(0.01, 3))
def test_the_rule_is_exact_for_fractions(steps: list[float], count: int, seconds: float) -> None:
    entries: list[float] = []
    now = 1e5 / 7
    for step in steps:
        now += step
        while (wait := wait_of(entries, count, seconds, now)) > 0:
            now += max(wait, 0.0005)
        entries.append(now)
    require_exact(entries, count, seconds)


def _fixed_windows(entries: list[float], count: int, seconds: float, now: float) -> float:
    start = now // seconds * seconds
    return start + seconds - now if sum(entry >= start for entry in entries) >= count else 0.0


def _one_too_many(entries: list[float], count: int, seconds: float, now: float) -> float:
    return wait_of(entries, count + 1, seconds, now)


def _from_the_last(entries: list[float], count: int, seconds: float, now: float) -> float:
    wait = wait_of(entries, count, seconds, now)
    return entries[-1] + seconds - now if wait else 0.0


RULES: dict[str, WaitOf] = {
    "windows that begin at fixed times": _fixed_windows,
    "one too many": _one_too_many,
    "from the last entry on": _from_the_last,
}


@pytest.mark.parametrize("name", RULES)
def test_each_flawed_rule_is_seen(name: str) -> None:
    schedule = [0, 1, 1, 5, 1, 4, 1, 6, 3, 3, 4, 9, 1, 0, 0, 0, 11, 1]
    with pytest.raises(AssertionError):
        for count in (1, 2, 3):
            for seconds in (1, 3, 10):
                play(RULES[name], schedule, count, seconds)


# -- limits, and flaws ------------------------------------------------------------------------------


class Clock:
    """The machine's clock, its wall clock and its starts, as a test says."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.now, self.wall, self.boot = 1000.0, 1e9, "one"
        patch.setattr(throttles, "boot_seconds", lambda: self.now)
        patch.setattr(throttles, "boot_id", lambda: self.boot)
        patch.setattr(time, "time", lambda: self.wall)


def is_let_in(store: Store, count: int = 1, seconds: float = HOUR) -> bool:
    try:
        store.throttle("t", count, seconds).acquire(timeout=0)
    except WaitTimeout:
        return False
    return True


def two_at_once(root: Path, _: pytest.MonkeyPatch) -> None:
    """Two come in one instant where one is let in; each has looked before either writes, if that can be."""
    with fsstore.open(root / "store", git=False) as store, ThreadPoolExecutor(2) as pool:
        found = list(pool.map(lambda _: is_let_in(store), range(2)))
        assert sorted(found) == [False, True], "both were let in"


def the_wall_clock_is_set(root: Path, patch: pytest.MonkeyPatch) -> None:
    clock = Clock(patch)
    with fsstore.open(root / "store", git=False) as store:
        assert is_let_in(store)
        clock.wall += 10 * HOUR
        assert not is_let_in(store), "set forward: one too many"
        clock.wall -= 20 * HOUR
        clock.now += HOUR
        assert is_let_in(store), "set back: nobody is let in"


def the_machine_is_started_again(root: Path, patch: pytest.MonkeyPatch) -> None:
    """What was before that counts as done when it was started: later than it was, and never too early."""
    clock = Clock(patch)
    with fsstore.open(root / "store", git=False) as store:
        assert is_let_in(store)
        clock.boot, clock.now = "two", 5.0
        assert not is_let_in(store), "what was before is forgotten"
        clock.now = HOUR - 1
        assert not is_let_in(store)
        clock.now = HOUR
        assert is_let_in(store)
        assert [entry["clock"] for entry in store.get("t")["entries"]] == [HOUR]


def the_cancelled_have_taken_no_place(root: Path, _: pytest.MonkeyPatch) -> None:
    with fsstore.open(root / "store", git=False) as store:
        loops: list[asyncio.AbstractEventLoop] = []
        tasks: list[asyncio.Task[Any]] = []

        class Interrupted(Throttle):
            __slots__ = ()

            def _try(self) -> float:
                found = super()._try()
                cancel_from_within(loops[0], tasks[0])
                return found

        async def story() -> None:
            loops.append(asyncio.get_running_loop())
            task = asyncio.create_task(Interrupted(store, "t", 1, HOUR).acquire.awaited())
            tasks.append(task)
            await asyncio.wait([task])
            assert task.cancelled()

        asyncio.run(story())
        assert is_let_in(store), "nobody was let in, and the place is gone"


def _get_then_set() -> Any:
    looked = threading.Barrier(2)

    def attempt(self: Throttle) -> float:
        value = self._space.get(self.name) or self._value([])
        looked.wait(PATIENCE)
        now = boot_seconds()
        if wait := wait_of([entry["clock"] for entry in value["entries"]], self.count, self.seconds, now):
            raise throttles._Later(wait)
        self._space.set(self.name, self._value([*value["entries"], {"clock": now}]))
        return now

    return attempt


def _forgetful(self: Throttle, value: Any, now: float) -> list[dict[str, Any]]:
    return value["entries"] if value["boot"] == throttles.__dict__["boot_id"]() else []


Scenario = Callable[[Path, pytest.MonkeyPatch], None]
FLAWS: dict[str, tuple[Any, str, Any, Scenario]] = {
    "get, then set": (Throttle, "_try", _get_then_set(), two_at_once),
    "an older start is forgotten": (Throttle, "_entries", _forgetful, the_machine_is_started_again),
    "the place is not given back": (Throttle, "_forget", lambda self, clock: None, the_cancelled_have_taken_no_place),
}
SCENARIOS = (two_at_once, the_wall_clock_is_set, the_machine_is_started_again, the_cancelled_have_taken_no_place)


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.__name__)
def test_sound_throttles_pass(scenario: Scenario, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scenario(tmp_path, monkeypatch)


@pytest.mark.parametrize("name", FLAWS)
def test_each_flaw_is_seen(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    owner, attribute, flawed, scenario = FLAWS[name]
    monkeypatch.setattr(owner, attribute, flawed)  # which must be there
    with pytest.raises(AssertionError):
        scenario(tmp_path, monkeypatch)


def test_the_wall_clock_in_place_of_the_machines_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = Clock.__init__

    def flawed(self: Clock, patch: pytest.MonkeyPatch) -> None:
        real(self, patch)
        patch.setattr(throttles, "boot_seconds", lambda: self.wall)

    monkeypatch.setattr(Clock, "__init__", flawed)
    with pytest.raises(AssertionError):
        the_wall_clock_is_set(tmp_path, monkeypatch)


def test_eight_processes_never_exceed_it(tmp_path: Path) -> None:
    """Each entry lies between two looks of its process at the clock; and the entries keep the rule."""
    count, seconds, times = 3, 0.2, 4
    with crew(tmp_path, "throttle", PROCESSES, count=count, seconds=seconds, times=times) as workers:
        workers.begin()
        workers.finish()
        told = [json.loads(what) for _, what in workers.lines()]
    assert len(told) == PROCESSES * times
    assert all(before <= entry <= after for before, entry, after in told)
    require_exact(sorted(entry for _, entry, _ in told), count, seconds)


def test_fifty_tasks_wait_on_one_thread(store: Store) -> None:
    shared = store.aio.throttle("t", 10, 0.05)

    async def story() -> list[float]:
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(1))
        return list(await asyncio.gather(*(shared.acquire() for _ in range(50))))

    found = sorted(asyncio.run(story()))
    require_exact(found, 10, 0.05)
    assert len(found) == 50


def test_with_and_around_functions(store: Store) -> None:
    shared = store.throttle("t", 3, HOUR)

    @shared
    async def awaited() -> str:
        return "called"

    async def story() -> str:
        async with store.aio.throttle("t", 3, HOUR) as entry:
            assert store.get("t")["entries"][-1]["clock"] == entry
        return await awaited()

    with shared as entry:
        assert store.get("t")["entries"][0]["clock"] == entry
    assert asyncio.run(story()) == "called"
    assert not is_let_in(store, 3)


def test_who_is_refused_hears_when_to_come_back(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    assert is_let_in(store)
    clock.now += 600
    with pytest.raises(WaitTimeout, match=r"no place for 3e.03 s more") as raised:
        store.throttle("t", 1, HOUR).acquire(timeout=5)
    assert raised.value.retry_after == 3000.0
    assert store.get("t")["entries"] == [{"at": "2001-09-09T01:46:40.000000+00:00", "clock": 1000.0}]


def test_who_waits_comes_in_when_somebody_edits_the_log(store: Store) -> None:
    assert is_let_in(store)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(store.throttle("t", 1, HOUR).acquire)
        store.delete("t")
        assert waiting.result(PATIENCE) > 0


def test_old_entries_are_dropped(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    for _ in range(5):
        assert is_let_in(store)
        clock.now += HOUR
    entries = store.get("t")["entries"]
    assert [entry["clock"] for entry in entries] == [1000.0 + 4 * HOUR]
    assert all(earlier["clock"] < later["clock"] for earlier, later in pairwise(entries))


def test_all_must_say_the_same(store: Store) -> None:
    assert is_let_in(store)
    with pytest.raises(Conflict, match="count 1, not 2"):
        is_let_in(store, 2)
    with pytest.raises(Conflict, match="seconds 3600, not 5"):
        is_let_in(store, 1, 5)


GOOD: dict[str, Any] = {"count": 1, "seconds": HOUR, "boot": "", "entries": []}
BAD: list[Any] = [
    None,
    [],
    {},
    GOOD | {"entries": None},
    GOOD | {"entries": [5]},
    GOOD | {"entries": [{"clock": "noon"}]},
]


@pytest.mark.parametrize("value", BAD, ids=repr)
def test_a_key_that_is_no_throttle_is_told(store: Store, value: Any) -> None:
    store.set("t", value)
    with pytest.raises(BadValue, match=r"key 't' of namespace 'default' .*a throttle is an object with"):
        is_let_in(store)
    assert store.get("t") == value


@pytest.mark.parametrize(
    ("count", "seconds"), [(0, 1), (1.5, 1), (True, 1), (1, 0), (1, -1), (1, float("inf")), (1, True)]
)
def test_no_limits(store: Store, count: Any, seconds: Any) -> None:
    with pytest.raises(ValueError, match=r"=.* is no"):
        store.throttle("t", count, seconds)
    with pytest.raises(ValueError, match="no number of seconds"):
        store.throttle("t", 1, 1).acquire(timeout=-1)
