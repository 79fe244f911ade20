"""Who is cancelled while something is being taken for them has taken nothing, and leaves it as it was."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from steps_flaws import cancel_from_within

import fsstore.recipes.queue
from fsstore import Job, Queue, Store
from fsstore.recipes.taking import Taking
from fsstore.steps import Steps


def cancelled_within(owner: Any, name: str, monkeypatch: pytest.MonkeyPatch, begin: Callable[[], Any]) -> None:
    """Cancel the task that ``begin`` makes right after ``owner.name`` has done its work for it."""
    loops: list[asyncio.AbstractEventLoop] = []
    tasks: list[asyncio.Task[Any]] = []
    sound = getattr(owner, name)

    def interrupted(*args: Any, **kwargs: Any) -> Any:
        found = sound(*args, **kwargs)
        cancel_from_within(loops[0], tasks[0])
        return found

    async def story() -> None:
        loops.append(asyncio.get_running_loop())
        with monkeypatch.context() as patch:
            patch.setattr(owner, name, interrupted)
            tasks.append(asyncio.ensure_future(begin()))
            await asyncio.wait(tasks)
        assert tasks[0].cancelled()

    asyncio.run(story())


def state(store: Store) -> dict[str, Any]:
    return {key: store[key] for key in store}


@pytest.mark.parametrize("id", [None, "a/b:c"])
@pytest.mark.parametrize("verb", ["lease", "pull"])
def test_a_job_that_was_just_taken_is_as_it_was(
    store: Store, verb: str, id: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue = store.queue("q")
    ids = [queue.put("first", id=id), queue.put("second")]
    before = state(store)
    await_it = queue.aio.get if verb == "lease" else queue.aio.pull
    cancelled_within(Taking, verb, monkeypatch, await_it)
    assert state(store) == before
    assert [job.id for job in (queue.get(), queue.get()) if job is not None] == ids


def test_what_was_just_pulled_is_not_put_back_beside_a_new_one_of_its_id(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue = store.queue("q")
    queue.put("old", id="a")
    sound = Taking.pull

    def pulled(self: Taking) -> Job | None:
        job = sound(self)
        store.queue("q").put("new", id="a")
        return job

    monkeypatch.setattr(Taking, "pull", pulled)
    cancelled_within(Taking, "pull", monkeypatch, queue.aio.pull)
    monkeypatch.undo()
    assert [job.item for job in (queue.get(), queue.get()) if job is not None] == ["new"]


def test_results_that_were_just_collected_can_be_collected_again(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    queue = store.queue("q")
    ids = [queue.put(1, id="mine"), queue.put(2)]
    queue.work(lambda item: 10 * item, results=True)
    cancelled_within(fsstore.recipes.queue, "gathered", monkeypatch, queue.aio.collect)
    assert queue.put(1, id="mine") == "mine"
    assert queue.get() is None  # its id is not free before its result is collected
    assert queue.collect() == {ids[0]: 10, ids[1]: 20}
    assert state(store) == {}


def _just_given(taken: Any, give_back: Any) -> Steps[Any]:
    yield from ()
    return taken


@pytest.mark.parametrize("what", ["lease", "pull", "results"])
def test_a_flaw_is_seen_the_cancelled_are_not_asked(store: Store, what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fsstore.recipes.queue, "given", _just_given)
    with pytest.raises(AssertionError):
        if what == "results":
            test_results_that_were_just_collected_can_be_collected_again(store, monkeypatch)
        else:
            test_a_job_that_was_just_taken_is_as_it_was(store, what, None, monkeypatch)


def test_an_interrupted_job_keeps_its_place_in_the_line(store: Store) -> None:
    queue: Queue = store.queue("q")
    for name in ("a", "b"):
        queue.put(name)
    before = state(store)

    def interrupted(item: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        queue.work(interrupted)
    assert state(store) == before
    assert [job.item for job in (queue.get(), queue.get()) if job is not None] == ["a", "b"]
