"""A state machine goes only where it may, from where it is, and says what it did."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from pathlib import Path
from typing import Any

import pytest
from files.children import finish, line, start, tell

import fsstore
from fsstore import StateMachine, Store

JOB = {"pending": ["running"], "running": ["done", "failed", "pending"], "failed": ["pending"], "done": []}
PATIENCE = 60.0


def test_it_goes_where_it_may(store: Store) -> None:
    job = store.state_machine("job", JOB)
    assert (job.state, job.allowed, job.history) == ("pending", ("running",), [])
    assert store.list_keys() == []
    assert job.to("running") == "running"
    assert job.to("done", rows=7) == "done"
    assert (job.state, job.allowed) == ("done", ())
    assert store["job"] == {"state": "done", "history": job.history}
    first, second = job.history
    assert first == {"from": "pending", "to": "running", "at": first["at"], "agent": "tester"}
    assert second == {"from": "running", "to": "done", "at": second["at"], "agent": "tester", "data": {"rows": 7}}
    assert first["at"] < second["at"]


def test_an_illegal_move_names_the_legal_ones_and_changes_nothing(store: Store) -> None:
    job = store.state_machine("job", JOB, "running")
    with pytest.raises(fsstore.IllegalTransition, match="goes to done, failed, pending") as caught:
        job.to("running")
    assert (caught.value.current, caught.value.wanted) == ("running", "running")
    assert caught.value.allowed == ("done", "failed", "pending")
    assert store.list_keys() == []
    job.to("done")
    before = store["job"]
    with pytest.raises(fsstore.IllegalTransition, match="a final one"):
        job.to("running")
    assert store["job"] == before


def test_a_stale_move_is_a_conflict_and_changes_nothing(store: Store) -> None:
    job = store.state_machine("job", JOB)
    job.to("running", expected="pending")
    before = store["job"]
    with pytest.raises(fsstore.Conflict, match="in state 'running', and not in 'pending'") as caught:
        job.to("done", expected="pending")
    assert (caught.value.expected, caught.value.actual) == ("pending", "running")
    assert store["job"] == before


def test_its_history_is_bounded(store: Store) -> None:
    job = store.state_machine("job", {"a": ["b"], "b": ["a"]}, maxlen=3)
    for number in range(7):
        job.to("ba"[number % 2], n=number)
    assert [move["data"]["n"] for move in job.history] == [4, 5, 6]
    none = store.state_machine("none", {"a": ["a"]}, maxlen=0)
    assert (none.to("a"), none.history) == ("a", [])


def test_what_others_put_beside_the_state_stays(store: Store) -> None:
    job = store.state_machine("job", JOB)
    store.set("job", {"owner": "Ada"})
    assert job.state == "pending"
    job.to("running")
    assert store["job"]["owner"] == "Ada"
    store.merge("job", {"state": "failed"})  # as a person would
    assert job.state == "failed"
    job.to("pending")
    assert [move["from"] for move in job.history] == ["pending", "failed"]


@pytest.mark.parametrize("value", [5, "running", {"state": "runing"}, {"state": 5}, {"state": "done", "history": 1}])
def test_a_file_that_makes_no_sense_names_itself_and_the_way_out(store: Store, value: Any) -> None:
    store.set("job", value)
    job = store.state_machine("job", JOB)
    for act in (lambda: job.state, lambda: job.history, lambda: job.allowed, lambda: job.to("running")):
        with pytest.raises(fsstore.BadValue, match=r"job\.json.*force\(STATE\)"):
            act()
    assert store["job"] == value
    assert job.force("running", why="mended") == job.state == "running"
    assert job.history[-1]["data"] == {"why": "mended"}


def test_a_file_that_is_no_json_is_mended_by_force(disk: Store, root: Path) -> None:
    disk.set("job", {"state": "done"})
    (root / "default" / "job.json").write_text('{"state": ')
    job = disk.state_machine("job", JOB)
    with pytest.raises(fsstore.BadValue, match=r"job\.json"):
        job.to("running")
    assert job.force("failed") == job.state == "failed"


@pytest.mark.parametrize(
    ("transitions", "initial"),
    [({}, None), ({"a": ["b"]}, None), ({"a": "a"}, None), ({"a": []}, "b")],
)
def test_transitions_that_make_no_sense(store: Store, transitions: Any, initial: str | None) -> None:
    with pytest.raises(ValueError):
        store.state_machine("job", transitions, initial)


def test_states_that_there_are_not(store: Store) -> None:
    job = store.state_machine("job", JOB)
    for call in (
        lambda: job.to("gone"),
        lambda: job.to("running", expected="gone"),
        lambda: job.force("gone"),
        lambda: job.wait("gone"),
        lambda: job.wait(),
        lambda: store.state_machine("job", JOB, maxlen=-1),
    ):
        with pytest.raises(ValueError):
            call()


def test_one_may_wait_for_a_state(store: Store) -> None:
    job = store.state_machine("job", JOB)
    assert job.wait("pending", "done") == "pending"
    with pytest.raises(fsstore.WaitTimeout):
        job.wait("done", timeout=0.01)
    found: list[str] = []
    waiter = threading.Thread(target=lambda: found.append(job.wait("done", "failed", timeout=PATIENCE)))
    waiter.start()
    job.to("running")
    job.to("failed")
    waiter.join(PATIENCE)
    assert found == ["failed"]

    async def use() -> None:
        machine = store.aio.state_machine("job", JOB)
        assert await machine.to("pending") == machine.state == "pending"
        assert await machine.wait("pending") == "pending"

    asyncio.run(use())


# -- many at once ----------------------------------------------------------------------------------

MOVER = """
import sys, fsstore
with fsstore.open(sys.argv[1], agent=sys.argv[2]) as store:
    job = store.state_machine("job", {"free": ["taken"], "taken": ["free"]})
    print("ready", flush=True)
    won = 0
    for word in sys.stdin:
        try:
            job.to("taken", expected="free")
            won += 1
        except fsstore.Conflict:
            pass
        print(won, flush=True)
"""


def test_of_several_processes_that_move_it_at_once_one_succeeds(disk: Store, root: Path) -> None:
    job = disk.state_machine("job", {"free": ["taken"], "taken": ["free"]})
    movers = [start(MOVER, root, f"m{number}") for number in range(4)]
    for mover in movers:
        assert line(mover) == "ready"
    for round in range(1, 11):
        for mover in movers:
            tell(mover, "go")
        assert sum(int(line(mover)) for mover in movers) == round
        job.to("free", expected="taken")
    for mover in movers:
        finish(mover)


def both_take_it(store: Store, monkeypatch: pytest.MonkeyPatch, patience: float) -> int:
    """How many of two succeed, of whom the second comes while the first has looked and not yet moved."""
    first, second = (store.state_machine("job", JOB) for _ in range(2))
    sound = StateMachine._moved
    won: list[str] = []
    threads: list[threading.Thread] = []

    def take(machine: StateMachine) -> None:
        with contextlib.suppress(fsstore.Conflict):
            won.append(machine.to("running", expected="pending"))

    def with_another_one(self: StateMachine, *args: Any) -> Any:
        if not threads:
            threads.append(threading.Thread(target=take, args=(second,)))
            threads[0].start()
            threads[0].join(patience)
        return sound(self, *args)

    monkeypatch.setattr(StateMachine, "_moved", with_another_one)
    take(first)
    threads[0].join()
    return len(won)


def test_two_who_move_it_at_once(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    assert both_take_it(store, monkeypatch, 0.1) == 1


def test_a_flaw_is_seen_a_move_without_lock(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def unlocked(self: Any, key: str, fn: Any) -> Any:
        value = fn(self.get(key))
        self.set(key, value)
        return value

    monkeypatch.setattr(fsstore.Namespace, "update", unlocked)
    monkeypatch.setattr(fsstore.Namespace, "create", lambda self, key, value, ttl: self.set(key, value))
    assert both_take_it(store, monkeypatch, PATIENCE) == 2
