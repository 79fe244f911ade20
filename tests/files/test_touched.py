"""Which files had hints, by a clock that people set as they like."""

from __future__ import annotations

import math
import time

import pytest

from fsstore.engines.files.watching.touched import Touched


class Clock:
    """The time of day, which is ahead of the monotonic one."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.ahead = 1000.0
        monkeypatch.setattr(time, "monotonic", lambda: 5000.0)
        monkeypatch.setattr(time, "time", lambda: 5000.0 + self.ahead)


def check(touched: Touched, clock: Clock) -> None:
    """What is edited while the clock is behind is not said to be older than what was looked at before."""
    first = touched.edited(6000.0)
    assert (first.since, first.paths) == (6000.0, set())
    clock.ahead -= 100
    touched.note("d/", ["edited"])
    clock.ahead += 101
    assert touched.edited(6000.0).since > 6000.0  # so that all is looked at


def test_a_clock_that_is_set_back_and_forth(monkeypatch: pytest.MonkeyPatch) -> None:
    check(Touched(), Clock(monkeypatch))


class Believing(Touched):
    """A flaw: time goes on."""

    def clock(self) -> float:
        return time.time()


def test_a_flaw_that_believes_the_clock_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(AssertionError):
        check(Believing(), Clock(monkeypatch))


def test_a_time_that_has_not_come_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, touched = Clock(monkeypatch), Touched()
    assert touched.edited(5900.0).since == 6000.0
    clock.ahead -= 100
    assert touched.edited(6000.0).since == math.inf
    assert touched.edited(5900.0).paths == set()
    touched.note("d/", ["edited"])
    assert touched.edited(5900.0).paths == {"d/edited"}


def test_a_clock_that_is_set_forward(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, touched = Clock(monkeypatch), Touched()
    touched.edited(6000.0)
    touched.note("d/", ["before"])
    clock.ahead += 100
    touched.note("d/", ["after"])
    found = touched.edited(6000.0)
    assert (found.since, found.paths) == (6000.0, {"d/before", "d/after"})
