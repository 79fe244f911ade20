"""Queues whose names and ids look like parts of one another's keys, and clocks that people set."""

from __future__ import annotations

import time
from typing import Any

import pytest

from fsstore import Job, Queue, Store
from fsstore.recipes import jobs, ulids


def taken(queue: Queue) -> Job:
    """The next job, which is there."""
    job = queue.get()
    assert job is not None
    return job


@pytest.mark.parametrize("part", ["jobs", "dead", "done", "ids"])
def test_a_queue_that_is_called_as_a_part_of_another_is_no_part_of_it(store: Store, part: str) -> None:
    queue, other = store.queue("q"), store.queue(f"q:{part}", max_attempts=1)
    for number in range(2):
        other.put(number, id=f"{number}")
    job = taken(other)
    other.ack(job, "done")
    job = taken(other)
    other.nack(job)
    waiting = other.put("waiting")
    before = {key: store[key] for key in store}
    assert set(queue.stats()) == {0}
    assert (queue.get(), queue.pull(), queue.dead(), queue.collect(timeout=0)) == (None, None, [], {})
    assert {key: store[key] for key in store} == before
    assert [letter.id for letter in other.dead()] == ["1"]
    assert other.collect(["0"]) == {"0": "done"}
    job = taken(other)
    assert job.id == waiting


def test_a_bad_file_of_such_a_queue_is_not_counted_as_ones_own(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    other = store.queue("q:jobs")
    other.put(1)
    [key] = store.list_keys()
    store.set(key, "no job")
    assert (store.queue("q").stats().broken, other.stats().broken) == (0, 1)


def test_an_id_may_begin_with_the_id_of_another_job(store: Store) -> None:
    """Such as that of the second part of its work. It looks like a place in the line, where time comes first."""
    queue = store.queue("q", max_attempts=1)
    first = ulids.make_at(time.time())
    for part in ("a", "b"):
        queue.put(part, id=f"{first}.{part}")
    job = taken(queue)
    assert job.id == f"{first}.a"
    queue.ack(job, "A")
    job = taken(queue)
    queue.nack(job)
    assert [letter.id for letter in queue.dead()] == [f"{first}.b"]
    assert queue.collect(errors="skip") == {f"{first}.a": "A"}
    assert queue.stats().done == 0
    queue.retry(f"{first}.b")
    job = taken(queue)
    assert job.id == f"{first}.b"
    queue.ack(job)
    assert store.list_keys() == []


def test_a_flaw_is_seen_an_id_that_is_taken_for_a_time(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    sound = jobs.Keys.id_of
    monkeypatch.setattr(jobs.Keys, "id_of", lambda self, key: sound(self, self.jobs + key.rpartition(":")[2]))
    with pytest.raises(AssertionError):
        test_an_id_may_begin_with_the_id_of_another_job(store)


def test_a_job_that_a_person_gives_back_is_seen_though_the_clock_was_put_back(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, real_monotonic = time.time, time.monotonic
    queue = store.queue("q", lease=3600)
    queue.put(1)
    job = taken(queue)
    monkeypatch.setattr(time, "time", lambda: real() - 3600)
    store.merge(job.key, {"lease": None})
    assert queue.get() is None  # it is not due yet, on this clock
    monkeypatch.setattr(time, "time", lambda: real() + 1)
    monkeypatch.setattr(time, "monotonic", lambda: real_monotonic() + 6)
    again = taken(queue)
    assert again.id == job.id


def test_a_job_whose_file_is_broken_under_the_hands_of_its_worker_stops_no_worker(
    store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    queue = store.queue("q")
    for name in ("broken", "failing", "well"):
        queue.put(name)

    def work(item: str) -> None:
        if item != "well":
            [key] = [key for key in store if store[key] != "no job" and store[key]["item"] == item]
            store.set(key, "no job")
        if item == "failing":
            raise ValueError

    assert queue.work(work) == 1
    assert caplog.text.count("Mend the file") >= 2
    assert tuple(queue.stats()) == (0, 0, 0, 0, 0, 2)


@pytest.mark.parametrize("priority", [1.5, "1", None, 500], ids=repr)
def test_no_priority(store: Store, priority: Any) -> None:
    with pytest.raises(ValueError, match=r"priority=.* is no whole number from -499 to 499"):
        store.queue("q").put(1, priority=priority)
