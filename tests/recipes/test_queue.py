"""A queue as one process sees it, on each engine: order, leases, attempts, dead letters, ids, results, the files."""

from __future__ import annotations

import asyncio
import concurrent.futures
import logging
import pickle
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import fsstore
from fsstore import DeadLetter, Job, Queue, Store
from fsstore.recipes import claims, line, taking
from fsstore.recipes.jobs import Record

PATIENCE = 60.0
Pass = Callable[[float], None]
SOON = 0.05


def taken(queue: Queue, timeout: float = PATIENCE) -> Job:
    """The next job, which has to come."""
    job = queue.get(timeout)
    assert job is not None
    return job


def drained(queue: Queue) -> list[Any]:
    """All items that may be had now."""
    found = []
    while (job := queue.get()) is not None:
        found.append(job.item)
        queue.ack(job)
    return found


def died(queue: Queue, item: Any) -> str:
    """The id of a job that was given up."""
    id = queue.put(item)
    while (job := queue.get()) is not None:
        queue.nack(job, error=f"no {item}")
    return id


# -- the order -------------------------------------------------------------------------------------


def test_jobs_come_in_the_order_of_their_puts(store: Store) -> None:
    queue = store.queue("q")
    for number in range(50):
        queue.put(number)
    assert drained(queue) == list(range(50))
    assert store.list_keys() == []


def test_higher_priorities_come_first(store: Store) -> None:
    queue = store.queue("q")
    for priority in (0, -499, 7, 0, 499, 10, -1, 7):
        queue.put(priority, priority=priority)
    assert drained(store.queue("q")) == [499, 10, 7, 7, 0, 0, -1, -499]


def test_a_put_of_this_process_is_seen_at_once(store: Store) -> None:
    queue = store.queue("q")
    for number in range(3):
        queue.put(number)
    assert taken(queue).item == 0
    queue.put("now", priority=1)
    assert taken(queue).item == "now"


def test_a_put_of_this_process_takes_its_place_among_those_that_were_listed(store: Store) -> None:
    queue = store.queue("q")
    for number in range(7):
        queue.put(number)
    other = store.queue("q")
    assert taken(other).item == 0
    other.put("first", priority=1)
    other.put("last", priority=-1)
    assert drained(other) == ["first", *range(1, 7), "last"]


def test_what_another_one_puts_is_seen_soon(store: Store) -> None:
    queue = store.queue("q")
    for number in range(1000):
        queue.put(number)
    assert taken(queue).item == 0
    store.queue("q").put("now", priority=1)
    while (job := queue.get()) is not None and job.item != "now":
        queue.ack(job)
        time.sleep(0.005)
    assert job is not None


def test_a_delayed_job_comes_when_it_is_due(store: Store) -> None:
    queue = store.queue("q")
    before = time.time()
    queue.put("late", delay=0.3)
    assert taken(queue).item == "late"
    assert time.time() - before >= 0.299


def test_a_delayed_job_is_in_nobodys_way(store: Store) -> None:
    queue = store.queue("q")
    queue.put("tomorrow", delay=86_400, priority=5)
    queue.put("next week", delay=7 * 86_400)
    queue.put("now")
    assert queue.stats()._asdict() == {"ready": 1, "delayed": 2, "leased": 0, "dead": 0, "done": 0, "broken": 0}
    assert taken(queue).item == "now"
    assert queue.get() is None
    assert queue.get(timeout=0.01) is None


def test_each_queue_and_each_namespace_is_one_of_its_own(store: Store) -> None:
    store.queue("q").put(1)
    store.queue("q:jobs").put(2)
    store.use_namespace("other").queue("q").put(3)
    assert store.use_namespace("other").list_keys()[0].startswith("q:jobs:500:")
    assert drained(store.queue("q")) == [1]
    assert drained(store.use_namespace("other").queue("q")) == [3]
    assert drained(store.queue("q:jobs")) == [2]


# -- leases ----------------------------------------------------------------------------------------


def test_a_job_belongs_to_one_worker(store: Store) -> None:
    queue = store.queue("q")
    queue.put("item")
    job = taken(queue)
    assert (job.item, job.attempts, job.priority) == ("item", 1, 0)
    assert store.queue("q").get() is None
    assert queue.stats().leased == 1
    assert pickle.loads(pickle.dumps(job)) == job


LATE: dict[str, Callable[[Queue, Job], None]] = {
    "ack": lambda queue, job: queue.ack(job),
    "ack with a result": lambda queue, job: queue.ack(job, "result"),
    "nack": lambda queue, job: queue.nack(job),
    "extend": lambda queue, job: queue.extend(job),
}


def late(store: Store, act: str) -> fsstore.LeaseLost | None:
    """What a worker is told that comes back after another one was given its job."""
    queue = store.queue("q", lease=SOON)
    queue.put("item")
    first, second = taken(queue), taken(store.queue("q"))
    assert (first.id, first.attempts, second.attempts) == (second.id, 1, 2)
    try:
        LATE[act](queue, first)
    except fsstore.LeaseLost as error:
        queue.ack(second)  # it still has it
        return error
    return None


@pytest.mark.parametrize("act", LATE)
def test_after_its_lease_another_worker_gets_it_and_the_first_one_is_told(store: Store, act: str) -> None:
    error = late(store, act)
    assert error is not None
    assert "another worker was given the job" in str(error)
    assert (error.token, error.current) == (1, 2)


@pytest.mark.parametrize("act", LATE)
def test_a_flaw_is_seen_who_is_late_is_not_told(store: Store, act: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a look at the revision, or at the token, the late one takes the job from the one that has it."""
    sound = fsstore.Namespace.delete
    monkeypatch.setattr(fsstore.Namespace, "delete", lambda self, key, if_match=None: sound(self, key))
    monkeypatch.setattr("fsstore.recipes.queue.owned", lambda value, name, job: Record.of(value))
    assert late(store, act) is None


@pytest.mark.parametrize("act", LATE)
def test_a_job_that_is_done_is_nobodys(store: Store, act: str) -> None:
    queue = store.queue("q")
    queue.put("item")
    job = taken(queue)
    queue.ack(job)
    with pytest.raises(fsstore.LeaseLost, match="not there any more"):
        LATE[act](queue, job)
    assert store.list_keys() == []


def test_who_is_late_and_alone_is_in_time(store: Store, let_pass: Pass) -> None:
    queue = store.queue("q", lease=0.001)
    queue.put("item")
    job = taken(queue)
    let_pass(1)
    queue.ack(job)
    assert drained(queue) == []


def test_a_lease_that_is_extended_holds(store: Store, let_pass: Pass) -> None:
    queue = store.queue("q")
    queue.put("item")
    job = taken(store.queue("q", lease=SOON))
    queue.extend(job, 3600)
    let_pass(2 * SOON)
    assert queue.get() is None
    queue.extend(job)
    queue.ack(job)
    assert store.list_keys() == []


def two_at_once(store: Store, monkeypatch: pytest.MonkeyPatch, take: str, patience: float) -> list[Job]:
    """The jobs that two workers get, of whom the second comes while the first one is about to take the only one."""
    first, second = store.queue("q"), store.queue("q")
    first.put("item")
    found: list[Job | None] = []
    threads: list[threading.Thread] = []
    sound = claims.available

    def with_another_one(value: Any, max_attempts: int, now: float) -> Record:
        record = sound(value, max_attempts, now)
        if not threads:
            threads.append(threading.Thread(target=lambda: found.append(getattr(second, take)())))
            threads[0].start()
            threads[0].join(patience)
        return record

    for module in (claims, taking):
        monkeypatch.setattr(module, "available", with_another_one)
    found.append(getattr(first, take)())
    threads[0].join()
    return [job for job in found if job is not None]


@pytest.mark.parametrize("take", ["get", "pull"])
def test_two_who_come_at_once_do_not_get_the_same(store: Store, monkeypatch: pytest.MonkeyPatch, take: str) -> None:
    assert len(two_at_once(store, monkeypatch, take, 0.1)) == 1


@pytest.mark.parametrize("take", ["get", "pull"])
def test_a_flaw_is_seen_two_take_the_same_job(store: Store, monkeypatch: pytest.MonkeyPatch, take: str) -> None:
    def unlocked(self: Any, key: str, fn: Any) -> Any:
        value = fn(self.get(key))
        if value is fsstore.REMOVE:
            self.delete(key)
        else:
            self.set(key, value)
        return value

    monkeypatch.setattr(fsstore.Namespace, "update", unlocked)
    assert len(two_at_once(store, monkeypatch, take, PATIENCE)) == 2


# -- for good --------------------------------------------------------------------------------------


def test_who_pulls_a_job_has_it_alone_and_for_good(store: Store) -> None:
    queue = store.queue("q", max_attempts=1)
    queue.put("leased", priority=1)
    leased = taken(queue)
    ids = [queue.put("plain"), queue.put("named", id="mine")]
    queue.nack(leased)
    store.set("q:jobs:501:hand", {"item": "by hand"})
    pulled = list(iter(store.queue("q").pull, None))
    assert [(job.id, job.item) for job in pulled if job] == [(ids[0], "plain"), ("mine", "named"), ("hand", "by hand")]
    assert store.list_keys("q:") == [f"q:dead:{leased.id}"]
    for job in pulled:
        assert job is not None
        with pytest.raises(fsstore.LeaseLost):
            queue.ack(job)


def test_a_job_in_a_form_of_a_persons_is_pulled_too(tmp_path: Path, store: Store) -> None:
    store.queue("q").put("item")
    for file in (tmp_path / "store").rglob("q/jobs/500/*.json"):
        file.write_text(file.read_text().replace(" ", "   "))
    job = store.queue("q").pull()
    assert job is not None
    assert store.queue("q").pull(timeout=0.01) is None


# -- attempts and dead letters ---------------------------------------------------------------------


def test_a_job_that_fails_goes_to_the_end_of_its_line(store: Store) -> None:
    queue = store.queue("q")
    ids = [queue.put(number) for number in range(3)]
    queue.nack(taken(queue))
    assert [(job.id, job.attempts) for job in iter(queue.get, None)] == [(ids[1], 1), (ids[2], 1), (ids[0], 2)]


def test_a_job_that_fails_may_wait_before_it_is_tried_again(store: Store) -> None:
    queue = store.queue("q")
    queue.put("item")
    before = time.time()
    queue.nack(taken(queue), delay=0.2)
    job = taken(queue)
    assert time.time() - before >= 0.199
    queue.nack(job, delay=86_400)
    assert queue.stats().delayed == 1
    assert queue.get() is None


def test_after_its_last_attempt_it_is_a_dead_letter(store: Store) -> None:
    queue = store.queue("q", max_attempts=2)
    id = queue.put({"n": 1}, priority=4)
    queue.nack(taken(queue), error="first")
    queue.nack(taken(queue), error="second")
    assert queue.get() is None
    (letter,) = queue.dead()
    assert letter[:4] == (id, {"n": 1}, 2, 4)
    assert letter.error == "second"
    assert letter.put_at is not None
    assert letter.died_at is not None
    assert letter.put_at < letter.died_at
    assert store.list_keys() == [f"q:dead:{id}"]


def test_a_job_whose_workers_say_nothing_is_a_dead_letter_too(store: Store) -> None:
    queue = store.queue("q", max_attempts=2, lease=SOON)
    id = queue.put("poison")
    queue.put("good", delay=0.01)
    seen = []
    while not queue.dead():
        job = queue.get(timeout=0.01)
        if job is not None:
            seen.append(job.item)
            if job.item == "good":
                queue.ack(job)
    assert sorted(seen) == ["good", "poison", "poison"]
    assert queue.dead()[0][:3] == (id, "poison", 2)
    assert "its worker said nothing" in str(queue.dead()[0].error)


def test_a_dead_letter_that_is_put_back_begins_anew(store: Store) -> None:
    queue = store.queue("q", max_attempts=1)
    id = died(queue, "item")
    queue.retry(id)
    assert queue.dead() == []
    job = taken(queue)
    assert (job.id, job.attempts) == (id, 1)
    queue.nack(job)
    queue.discard(id)
    assert store.list_keys() == []
    for act in (queue.retry, queue.discard):
        with pytest.raises(fsstore.NotFound):
            act(id)


# -- ids -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("id", ["order-17", "a:b/c%d", "01ARYZ6S41TSV4RRFFQ69G5FAV", "x.y", " "])
def test_a_second_put_of_an_id_is_nothing_as_long_as_there_is_the_first(store: Store, id: str) -> None:
    queue = store.queue("q", max_attempts=1)

    def again() -> None:
        assert store.queue("q").put("other", id=id) == id
        assert sum(queue.stats()) == 1

    assert queue.put("item", id=id, delay=0.001) == id
    again()
    job = taken(queue)
    assert (job.id, job.item) == (id, "item")
    again()
    queue.nack(job)
    again()
    queue.retry(id)
    again()
    queue.ack(taken(queue), None)
    again()
    assert queue.collect([id]) == {id: None}
    queue.put("new", id=id)
    assert drained(queue) == ["new"]
    assert store.list_keys() == []


def test_an_id_whose_job_a_person_has_deleted_is_free(store: Store) -> None:
    queue = store.queue("q")
    queue.put("item", id="a")
    store.delete_prefix("q:jobs:")
    queue.put("again", id="a")
    assert drained(queue) == ["again"]


def test_an_id_whose_job_a_person_has_moved_is_not(store: Store) -> None:
    queue = store.queue("q")
    queue.put("item", id="a")
    (key,) = store.list_keys("q:jobs:")
    store.move(key, key.replace(":500:", ":400:"))
    queue.put("again", id="a")
    job = taken(store.queue("q"))
    assert (job.item, job.priority) == ("item", 100)
    assert queue.get() is None


# -- results ---------------------------------------------------------------------------------------


def test_results_are_collected_once(store: Store) -> None:
    queue = store.queue("q")
    ids = [queue.put(number) for number in range(3)]
    for number in range(3):
        queue.ack(taken(queue), number * number)
    assert queue.stats().done == 3
    assert queue.collect(ids[:2]) == {ids[0]: 0, ids[1]: 1}
    assert queue.collect() == {ids[2]: 4}
    assert queue.collect() == queue.collect(ids) == {}
    assert store.list_keys() == []


def test_collecting_waits_for_what_is_not_done(store: Store) -> None:
    queue = store.queue("q")
    ids = [queue.put(number) for number in range(2)]
    with pytest.raises(fsstore.WaitTimeout, match="2 jobs"):
        queue.collect(timeout=0.01)
    found: list[Any] = []
    collecting = threading.Thread(target=lambda: found.append(queue.collect(ids, timeout=PATIENCE)))
    collecting.start()
    queue.work(lambda item: item + 10, results=True)
    collecting.join(PATIENCE)
    assert found == [{ids[0]: 10, ids[1]: 11}]


def test_what_has_no_result_is_left_out(store: Store) -> None:
    queue = store.queue("q")
    ids = [queue.put(number) for number in range(2)]
    queue.ack(taken(queue))
    queue.ack(taken(queue), "result")
    assert queue.collect([*ids, "nobody"]) == {ids[1]: "result"}


def test_dead_letters_are_told_and_nothing_is_gone(store: Store) -> None:
    queue = store.queue("q", max_attempts=1)
    bad = died(queue, "bad")
    good = queue.put("good")
    queue.ack(taken(queue), 1)
    for ids in (None, [good, bad]):
        with pytest.raises(fsstore.JobsFailed, match="no bad") as caught:
            queue.collect(ids)
        assert (caught.value.results, caught.value.dead) == ({good: 1}, {bad: "no bad"})
    assert queue.collect(errors="skip") == {good: 1}
    assert [letter.id for letter in queue.dead()] == [bad]


# -- work ------------------------------------------------------------------------------------------


def test_work_does_all_there_is(store: Store) -> None:
    queue = store.queue("q", max_attempts=2)
    for number in (3, 0, 1):
        queue.put(number)
    assert queue.work(lambda number: 6 // number, results=True) == 2
    assert sorted(queue.collect(errors="skip").values()) == [2, 6]
    assert [(letter.item, letter.attempts) for letter in queue.dead()] == [(0, 2)]
    assert "ZeroDivisionError" in str(queue.dead()[0].error)


def test_work_ends_after_as_many_calls_as_it_may(store: Store) -> None:
    queue = store.queue("q")
    for number in range(3):
        queue.put(number)
    assert queue.work(str, limit=2) == 2
    assert queue.stats().ready == 1


def test_the_lease_is_extended_while_the_work_goes_on(store: Store) -> None:
    queue = store.queue("q", lease=0.3)
    queue.put("item")
    untils: list[str] = []

    def slow(item: Any) -> None:
        (key,) = store.list_keys("q:jobs:")
        for _ in range(3):
            untils.append(store[key]["lease"]["until"])
            store.wait_for(key, lambda record: record["lease"]["until"] != untils[-1], PATIENCE)

    assert queue.work(slow) == 1
    assert untils == sorted(set(untils))
    assert len(untils) == 3


def test_who_lost_the_job_goes_on_with_the_next(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    queue = store.queue("q")
    queue.put("stolen")
    queue.put("good")

    def steal(item: Any) -> None:
        if item == "stolen":
            store.delete(store.list_keys("q:jobs:")[0])

    assert queue.work(steal) == 1
    assert "not there any more" in caplog.text


def test_an_interrupt_gives_the_job_back_as_if_it_had_not_been_taken(store: Store) -> None:
    queue = store.queue("q", max_attempts=1)
    queue.put("item")

    def interrupted(item: Any) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        queue.work(interrupted)
    assert taken(queue).attempts == 1


def test_the_async_form_does_the_same(store: Store) -> None:
    async def double(number: int) -> int:
        await asyncio.sleep(0)
        if number == 3:
            raise ValueError("three")
        return 2 * number

    async def use() -> None:
        queue = store.aio.queue("q", max_attempts=1)
        ids = [await queue.put(number) for number in range(5)]
        assert await queue.work(double, results=True) == 4
        assert await queue.collect(errors="skip") == {ids[n]: 2 * n for n in (0, 1, 2, 4)}
        assert [letter.item for letter in await queue.dead()] == [3]
        await queue.put("more")
        job = await queue.get()
        await queue.extend(job, 5)
        await queue.nack(job)
        assert (await queue.stats()).dead == 2

    asyncio.run(use())


def test_many_wait_without_a_thread(store: Store) -> None:
    async def use() -> list[Any]:
        asyncio.get_running_loop().set_default_executor(concurrent.futures.ThreadPoolExecutor(2))
        queue = store.queue("q")
        waiting = [asyncio.ensure_future(queue.aio.get(timeout=PATIENCE)) for _ in range(30)]
        await asyncio.sleep(0)
        for number in range(30):
            await store.aio.queue("q").put(number)
        return sorted(job.item for job in await asyncio.gather(*waiting) if job)

    assert asyncio.run(use()) == list(range(30))


def test_who_is_cancelled_gives_the_job_back(store: Store) -> None:
    queue = store.queue("q", max_attempts=1)
    queue.put("item")

    async def use() -> None:
        begun = asyncio.Event()

        async def endless(item: Any) -> None:
            begun.set()
            await asyncio.Event().wait()

        worker = asyncio.ensure_future(queue.aio.work(endless))
        await begun.wait()
        worker.cancel()
        with pytest.raises(asyncio.CancelledError):
            await worker

    asyncio.run(use())
    assert taken(queue).attempts == 1


# -- people and their files ------------------------------------------------------------------------


def test_a_record_is_what_a_person_would_write(store: Store) -> None:
    queue = store.queue("q")
    id = queue.put({"page": 1})
    (key,) = store.list_keys()
    assert key == f"q:jobs:500:{id}"
    assert store[key] == {"item": {"page": 1}, "put_at": store[key]["put_at"], "attempts": 0, "lease": None}
    job = taken(queue)
    assert store[key]["attempts"] == 1
    assert store[key]["lease"] == {"until": job.until, "agent": "tester", "token": job.token}


def test_a_person_puts_a_job_with_a_file(store: Store) -> None:
    queue = store.queue("q")
    queue.put("later", priority=-1)
    store.set("q:jobs:500:mine", {"item": "by hand"})
    store.set("q:jobs:501:0", {"item": "anywhere", "lease": None})
    job = taken(store.queue("q"))
    assert (job.id, job.item, job.attempts, job.put_at) == ("mine", "by hand", 1, None)
    queue.ack(job, "result")
    assert queue.collect(["mine"]) == {"mine": "result"}
    assert drained(store.queue("q")) == ["anywhere", "later"]


def test_a_note_of_a_person_in_a_job_takes_nothing_from_its_worker(store: Store) -> None:
    queue = store.queue("q")
    queue.put("item")
    job = taken(queue)
    store.merge(job.key, {"note": "look at this"})
    queue.extend(job)
    queue.ack(job)
    assert store.list_keys() == []


def test_a_person_gives_back_what_a_worker_has(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(line, "_HELD", 0.05)
    queue, other = store.queue("q"), store.queue("q")
    queue.put("item")
    job = taken(queue)
    assert other.get() is None
    store.merge(job.key, {"lease": None})
    assert taken(other).attempts == 2
    with pytest.raises(fsstore.LeaseLost):
        queue.ack(job)


@pytest.mark.parametrize(
    "value",
    [
        5,
        None,
        {"no": "item"},
        {"item": 1, "attempts": "x"},
        {"item": 1, "lease": 5},
        {"item": 1, "lease": {"until": "soon"}},
    ],
)
def test_a_broken_job_is_passed_over(store: Store, value: Any, caplog: pytest.LogCaptureFixture) -> None:
    queue = store.queue("q")
    store.set("q:jobs:500:0", value)
    queue.put("good")
    with caplog.at_level(logging.WARNING, "fsstore"):
        assert drained(queue) == ["good"]
    assert queue.stats().broken == 1
    if value is not None:
        assert "'q:jobs:500:0'" in caplog.text
        assert "Mend the file" in caplog.text


def test_a_broken_dead_letter_or_result_names_its_file(store: Store) -> None:
    queue = store.queue("q", max_attempts=1)
    id = died(queue, "item")
    store.set(f"q:dead:{id}", ["what"])
    for act in (queue.dead, lambda: queue.retry(id)):
        with pytest.raises(fsstore.BadValue, match=id):
            act()
    store.set("q:done:x", {"what": 1})
    with pytest.raises(fsstore.BadValue, match="q:done:x"):
        queue.collect(["x"])
    queue.discard(id)
    assert queue.dead() == []


def test_who_only_puts_remembers_nothing(store: Store) -> None:
    queue = store.queue("q")
    ids = [queue.put(number) for number in range(20)]
    assert queue._taking.line._keys == []
    assert [taken(queue).id for _ in ids] == ids


# -- arguments -------------------------------------------------------------------------------------


def test_arguments_that_make_no_sense(store: Store) -> None:
    queue = store.queue("q")
    queue.put(1)
    job = taken(queue)
    wrong: list[Any] = [
        lambda: store.queue("q", max_attempts=0),
        lambda: store.queue("q", lease=0),
        lambda: queue.put(1, delay=-1),
        lambda: queue.put(1, delay=float("inf")),
        lambda: queue.put(1, priority=500),
        lambda: queue.get(lease=-1),
        lambda: queue.nack(job, delay=-1),
        lambda: queue.extend(job, 0),
        lambda: queue.collect(errors="report"),  # type: ignore[arg-type]
    ]
    for call in wrong:
        with pytest.raises(ValueError):
            call()
    with pytest.raises(fsstore.UnsupportedType):
        queue.put(b"bytes")
    with pytest.raises(fsstore.UnsupportedType):
        queue.ack(job, object())
    queue.ack(job)
    assert repr(queue) == "<Queue 'q' of 'default'>"
    assert DeadLetter._fields[0] == Job._fields[0] == "id"
