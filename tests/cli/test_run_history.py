"""``fsstore run`` and the history: the commit of a run, none, or its keys as they were."""

from __future__ import annotations

from pathlib import Path

import pytest

import fsstore

from .command import process
from .test_run import PLAIN, agent


def log(place: Path, *words: str) -> list[dict[str, str]]:
    return process("-C", str(place / "state"), "log", "--json", *words).documents


HALF_DONE = """
def run(input_dict, tools):
    data_store.set("seen", "half")
    data_store.delete("old")
    raise ValueError("the reason")
"""


@pytest.fixture
def started(place: Path) -> Path:
    """A store with a key and a commit."""
    with fsstore.open(place / "state") as store:
        store.set("old", 1)
        store.snapshot("the start")
    return place


def test_a_run_is_a_commit(started: Path) -> None:
    path = agent(started, PLAIN)
    assert process("run", path, "--store", "state", "--run-id", "number 7").status == 0
    newest, before = log(started)[:2]
    assert (newest["agent"], newest["run"], newest["author"]) == ("agent", "number 7", "agent")
    assert before["summary"] == "the start"
    assert process("run", path, "--store", "state").status == 0
    assert log(started)[0] == newest  # nothing was changed


def test_each_run_has_a_name_of_its_own(started: Path) -> None:
    for value in ("1", "2"):
        assert process("run", agent(started, PLAIN), "--store", "state", "--input", f'{{"a": {value}}}').status == 0
    newer, older = log(started, "--agent", "agent")
    assert newer["run"] != older["run"]
    assert log(started, "--run", older["run"]) == [older]


def test_a_run_that_leaves_its_writes_to_the_next_snapshot(started: Path) -> None:
    head = log(started)[0]
    path = agent(started, PLAIN)
    assert process("run", path, "--store", "state", "--no-snapshot").status == 0
    assert log(started)[0] == head
    assert process("-C", str(started / "state"), "get", "seen").out == "{}\n"
    assert process("-C", str(started / "state"), "snapshot").status == 0
    assert log(started)[0] != head


@pytest.mark.parametrize("words", [(), ("--on-error", "keep")])
def test_what_a_failed_run_wrote_stays_and_is_marked(started: Path, words: tuple[str, ...]) -> None:
    result = process("run", agent(started, HALF_DONE), "--store", "state", *words)
    assert (result.status, result.out, result.err.splitlines()[-1]) == (1, "", "ValueError: the reason")
    assert log(started)[0]["status"] == "failed"
    assert process("-C", str(started / "state"), "ls").out == "seen\n"


def test_what_a_failed_run_wrote_is_taken_back_on_demand(started: Path) -> None:
    head = log(started)[0]
    result = process("run", agent(started, HALF_DONE), "--store", "state", "--on-error", "rollback")
    assert (result.status, result.out, result.err.splitlines()[-1]) == (1, "", "ValueError: the reason")
    assert process("-C", str(started / "state"), "ls").out == "old\n"
    assert log(started)[0] == head


@pytest.mark.parametrize("words", [("--on-error", "maybe"), ("--on-error",), ("--run-id",)])
def test_usage_of_the_options_for_history(place: Path, words: tuple[str, ...]) -> None:
    result = process("run", agent(place, PLAIN), "--store", "state", *words)
    assert (result.status, result.out) == (2, "")
    assert not (place / "state").exists()
