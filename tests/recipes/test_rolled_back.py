"""What a run has done with recipes is undone with it, and can be done again."""

from __future__ import annotations

from pathlib import Path

import pytest

import fsstore

WAYS = {"a": ["b"], "b": []}


def test_a_run_that_is_rolled_back_takes_back_what_its_recipes_wrote(tmp_path: Path) -> None:
    with fsstore.open(tmp_path / "store") as store:
        queue = store.queue("q")
        for number in range(3):
            queue.put(number, id=f"{number}")
        before = store.get_all()
        with pytest.raises(ZeroDivisionError), store.run("worker", on_error="rollback") as data:
            mine = data.queue("q")
            done, held = mine.get(), mine.get()
            assert done is not None
            assert held is not None
            mine.ack(done, "a result")
            mine.put("new")
            data.barrier("b", 1).wait(0)
            data.cached("k", lambda: 1)
            data.checkpoint("c", range(3)).map(str, limit=2)
            data.logbook("l").append(1)
            data.semaphore("s", 1).acquire(0).release()
            data.state_machine("m", WAYS).to("b")
            data.statistics("n").add(1)
            data.throttle("t", 1, 10**6).acquire(0)
            raise ZeroDivisionError
        assert store.get_all() == before
        store.throttle("t", 1, 10**6).acquire(0)
        assert [(job.id, job.attempts) for job in iter(queue.get, None) if job is not None] == [
            ("0", 1),
            ("1", 1),
            ("2", 1),
        ]
        assert held is not None
        with pytest.raises(fsstore.LeaseLost):
            queue.ack(held)
