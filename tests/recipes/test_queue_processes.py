"""A queue among processes: workers that are killed, at any of their writes; one id from many; forks; broken files."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from files.children import finish, fork, in_child, line, start, tell

import fsstore
from fsstore import Store
from fsstore.recipes import settling
from fsstore.recipes.jobs import Keys

PATIENCE = 60.0
ITEMS = 60


# Those that end in 7 always fail; what was done is noted where nothing of the store can take it back.
WORKER = """
import os, sys, fsstore
root, name, is_victim, notes = sys.argv[1], sys.argv[2], sys.argv[3] == "victim", sys.argv[4]
out = os.open(notes, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
with fsstore.open(root, agent=name) as store:
    queue = store.queue("q", max_attempts=5, lease=3.0)
    done = 0
    while True:
        job = queue.get(timeout=0.2)
        if job is None:
            stats = queue.stats()
            if stats.ready + stats.leased + stats.delayed == 0:
                break
            continue
        try:
            if done == (2 if is_victim else 5):  # the others leave enough for the victims, until these are killed
                if is_victim:
                    queue.extend(job, 600)  # so that the other victim holds another one, however late it comes
                print("holds", job.item, flush=True)
                sys.stdin.readline()
                if is_victim:
                    queue.extend(job)
                    print("may be killed", flush=True)
                    sys.stdin.readline()
                is_victim, done = False, 6
            if job.item % 10 == 7:
                queue.nack(job, error="it fails")
                continue
            os.write(out, f"{job.item}\\n".encode())
            queue.ack(job, job.item * 2)
            done += 1
        except fsstore.LeaseLost:  # it was stopped, or the machine was busy, for longer than the lease
            continue
"""


def test_four_workers_of_whom_two_are_killed(disk: Store, root: Path, tmp_path: Path) -> None:
    queue = disk.queue("q")
    ids = {queue.put(number): number for number in range(ITEMS)}
    notes = tmp_path / "notes"
    workers = [start(WORKER, root, f"w{n}", "victim" if n < 2 else "", notes) for n in range(4)]
    held = [int(line(victim).removeprefix("holds ")) for victim in workers[:2]]
    for victim in workers[:2]:
        tell(victim, "go on")
        assert line(victim) == "may be killed"
        victim.kill()
        assert victim.wait(PATIENCE) == -signal.SIGKILL
    for worker in workers[2:]:
        tell(worker, "go on")
    for worker in workers[2:]:
        finish(worker)
    bad = {number for number in range(ITEMS) if number % 10 == 7}
    done = [int(each) for each in notes.read_text().split()]
    assert set(done) == set(range(ITEMS)) - bad  # none lost, each at least once
    assert {letter.item for letter in queue.dead()} == bad
    assert {letter.attempts for letter in queue.dead()} == {5}
    assert len(set(held)) == 2
    assert queue.collect(errors="skip") == {id: 2 * number for id, number in ids.items() if number not in bad}
    assert disk.count("q:jobs:") == 0


# -- killed between any two writes -----------------------------------------------------------------


def everything(queue: fsstore.Queue, tell: Callable[..., object]) -> None:
    """All that a queue can do, each said before or after it is done."""
    for number in range(3):
        tell("put", queue.put(f"plain {number}"))
    for _ in range(2):
        tell("put", queue.put("named", id="mine"))
    first, second = queue.get(), queue.get()
    assert first is not None
    assert second is not None
    queue.extend(first)
    tell("gone", first.id)
    queue.ack(first)
    queue.ack(second, "result")
    while (job := queue.get()) is not None:
        queue.nack(job, error="failed")
    tell("gone", second.id)
    queue.collect(errors="skip")
    for letter in queue.dead():
        queue.retry(letter.id)
    last = queue.get()
    assert last is not None
    queue.ack(last, "late")
    tell("end")


def killed_after(root: Path, calls: int, notes: Path) -> list[list[str]]:
    """What a process has said before it was killed after so many calls of the store; at last ``end`` if it was not."""

    def child() -> None:
        out = os.open(notes, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        made = 0

        def hook(operation: fsstore.Operation) -> None:
            nonlocal made
            made += 1
            if made == calls:
                os.kill(os.getpid(), signal.SIGKILL)

        with fsstore.open(root, agent="killed", ops=hook) as store:
            queue = store.queue("q", max_attempts=2)
            everything(queue, lambda *words: os.write(out, (" ".join(words) + "\n").encode()))

    code = os.waitstatus_to_exitcode(os.waitpid(fork(child), 0)[1])
    assert code in (0, -signal.SIGKILL)
    return [each.split() for each in notes.read_text().splitlines()]


def complaint(store: Store, said: list[list[str]]) -> str | None:
    """What is wrong with the queue that a killed program has left, if anything."""
    places: dict[str, set[str]] = {}
    keys = Keys("q")
    for key in store.list_keys():
        kind = key.split(":")[1]
        if kind != "ids":
            places.setdefault(keys.id_of(key), set()).add(kind)
    if any(len(found) > 1 for found in places.values()):
        return f"a job is in two places: {places}"
    put, gone = ({words[1] for words in said if words[0] == kind} for kind in ("put", "gone"))
    if lost := put - set(places) - gone:
        return f"jobs are lost: {lost}"
    if store.exists("q:ids:mine") != ("mine" in places):
        return f"the note of an id and its job are not of one mind: {places}"
    return None


def left_over(store: Store) -> str | None:
    """What cannot be brought to an end in that queue, if anything."""
    for key in store.list_keys("q:jobs:"):  # as a person would who knows that the worker is dead
        store.merge(key, {"lease": None})
    queue = store.queue("q", max_attempts=2)
    for letter in queue.dead():
        queue.retry(letter.id)
    while (stats := queue.stats()).ready + stats.leased:
        queue.work(str, timeout=0.05)
        for letter in queue.dead():
            queue.retry(letter.id)
    queue.collect()
    keys = store.list_keys()
    return f"{keys} stay" if keys else None


def test_killed_after_any_of_its_calls(tmp_path: Path) -> None:
    for calls in range(1, 200):
        root = tmp_path / str(calls)
        fsstore.open(root).close()
        said = killed_after(root, calls, tmp_path / "notes")
        with fsstore.open(root) as store:
            assert complaint(store, said) is None, calls
            assert left_over(store) is None, calls
        if said[-1:] == [["end"]]:
            break
    assert 20 < calls < 199


def apart(sound: Callable[..., Any]) -> Callable[..., Any]:
    """A change of several keys that is made one after the other, and stops in between."""

    def flawed(tx: Any, *args: Any, **kwargs: Any) -> Any:
        class OneByOne:
            def __getattr__(self, name: str) -> Any:
                verb = getattr(tx, name)
                if name in ("set", "delete"):
                    writes.append(name)
                    if len(writes) > 1:
                        return lambda *args, **kwargs: None  # it was killed before
                return verb

        writes: list[str] = []
        return sound(OneByOne(), *args, **kwargs)

    return flawed


@pytest.mark.parametrize("step", ["put_once", "finish", "give_back"])
def test_a_flaw_is_seen_keys_that_belong_together_are_written_apart(
    step: str, disk: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue = disk.queue("q")
    monkeypatch.setattr(settling, step, apart(getattr(settling, step)))
    said = [["put", queue.put("named", id="mine")], ["put", queue.put("plain")]]
    if step != "put_once":
        job = queue.get()
        assert job is not None
        queue.ack(job, "result") if step == "finish" else queue.nack(job)
    assert complaint(disk, said) is not None


# -- many who put ----------------------------------------------------------------------------------

PUTTER = """
import sys, fsstore
with fsstore.open(sys.argv[1], agent=sys.argv[2]) as store:
    queue = store.queue("q")
    print("ready", flush=True)
    sys.stdin.readline()
    for number in range(20):
        queue.put(number, id=f"job-{number}")
"""


def test_an_id_that_four_put_at_once_is_one_job(disk: Store, root: Path) -> None:
    putters = [start(PUTTER, root, f"p{number}") for number in range(4)]
    for putter in putters:
        assert line(putter) == "ready"
    for putter in putters:
        tell(putter, "go")
    for putter in putters:
        finish(putter)
    items = []
    queue = disk.queue("q")
    while (job := queue.get()) is not None:
        items.append(job.item)
        queue.ack(job)
    assert sorted(items) == list(range(20))
    assert disk.list_keys() == []


WAITER = """
import sys, fsstore
with fsstore.open(sys.argv[1], agent="waiter") as store:
    print("ready", flush=True)
    job = store.queue("q").get(timeout=60)
    print(job.item, flush=True)
"""


def test_who_waits_is_woken_by_a_put_of_another_process(disk: Store, root: Path) -> None:
    waiter = start(WAITER, root)
    assert line(waiter) == "ready"
    disk.queue("q").put("hello")
    assert finish(waiter).strip() == "hello"


def test_a_forked_child_may_use_its_copy(disk: Store) -> None:
    queue = disk.queue("q")
    for number in range(4):
        queue.put(number)
    first = queue.get()
    assert first is not None

    def child() -> None:
        job = queue.get()
        assert job is not None
        assert job.item == 1
        queue.ack(job)
        queue.put("from the child")

    in_child(child)
    queue.ack(first)
    found = [job.item for job in iter(disk.queue("q").get, None)]
    assert found == [2, 3, "from the child"]


def test_a_file_that_is_no_json_harms_no_other_job(disk: Store, root: Path) -> None:
    disk.queue("q").put("good")
    file = root / "default" / "q" / "jobs" / "500" / "bad.json"
    file.write_text('{"item": 5')
    queue = disk.queue("q")
    assert queue.work(lambda item: item, results=True) == 1
    assert queue.stats().broken == 1
    file.write_text('{"item": 5}')
    assert disk.queue("q").work(lambda item: item, results=True) == 1
    assert sorted(map(str, queue.collect().values())) == ["5", "good"]
