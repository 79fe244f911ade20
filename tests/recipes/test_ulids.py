"""Identifiers that are never repeated and always increase, whatever threads, forks and the clock do."""

from __future__ import annotations

import os
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from fsstore.recipes import ulids

SPECS_EXAMPLE = 1469918176385  # milliseconds, and what the specification makes of them
FAR = 4_000_000_000_000_000_000  # nanoseconds: in 2096


def test_the_time_is_written_as_the_specification_says() -> None:
    assert ulids.first_of(SPECS_EXAMPLE / 1000) == "01ARYZ6S41" + "0" * 16
    assert ulids.seconds_of("01ARYZ6S41TSV4RRFFQ69G5FAV") == SPECS_EXAMPLE / 1000


def test_each_is_made_now_and_looks_like_one() -> None:
    before = time.time()
    made = ulids.make()
    assert ulids.PATTERN.fullmatch(made)
    assert before - 0.001 <= ulids.seconds_of(made) <= time.time()


@pytest.mark.parametrize("times", [[7] * 50, list(range(50, 0, -1))], ids=["one millisecond", "backwards"])
def test_they_increase_whatever_the_clock_does(monkeypatch: pytest.MonkeyPatch, times: list[int]) -> None:
    clock = iter(times)
    monkeypatch.setattr(time, "time_ns", lambda: FAR + next(clock) * 1_000_000)
    mint = ulids._Mint()
    made = [mint.make() for _ in times]
    assert made == sorted(set(made))


def test_those_of_all_threads_differ() -> None:
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: ulids.make(), range(2000)))
    assert len(set(made)) == len(made)


def made_by_child() -> str:
    """One that a forked child makes."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writing, ulids.make().encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        made = pipe.read()
    assert os.waitpid(child, 0)[1] == 0
    return made


@pytest.fixture
def counting_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is made next is the last one and 1, as the clock was put back."""
    monkeypatch.setattr(ulids, "_mints", {})
    monkeypatch.setattr(time, "time_ns", lambda: FAR)
    ulids.make()
    monkeypatch.setattr(time, "time_ns", lambda: FAR // 2)


@pytest.mark.usefixtures("counting_on")
def test_a_forked_child_does_not_repeat_its_parents() -> None:
    assert made_by_child() != ulids.make()


@pytest.mark.usefixtures("counting_on")
def test_a_child_that_took_itself_for_its_parent_would(monkeypatch: pytest.MonkeyPatch) -> None:
    process = os.getpid()
    monkeypatch.setattr(os, "getpid", lambda: process)
    assert made_by_child() == ulids.make()
