"""Work that waits: the same in both forms, always brought to its end, and never short of threads."""

from __future__ import annotations

import asyncio
import contextvars
import functools
import gc
import inspect
import threading
from collections.abc import Callable
from typing import Any

import pytest
import steps_flaws
from steps_flaws import FLAWS, PATIENCE, SCENARIOS, Once, cancel_from_within, held, in_loop, outcome

from fsstore import LockTimeout, Store, UnsupportedType, data_store
from fsstore.steps import Call, Entering, Giving, Pause, Steps, Wait, Waiting, arun, run, waiting

VARIABLE: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="default")


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.__name__)
def test_sound_steps_pass(scenario: Callable[[], None]) -> None:
    scenario()


@pytest.mark.parametrize("name", FLAWS)
def test_each_flaw_is_seen(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    owner, attribute, flawed, scenario = FLAWS[name]
    monkeypatch.setattr(owner, attribute, flawed)  # which must be there
    monkeypatch.setattr(steps_flaws, "patience", steps_flaws.HOPELESS)
    monkeypatch.setattr(steps_flaws, "temptation", PATIENCE)
    with pytest.raises(AssertionError):
        scenario()


def plainly(work: Callable[[], Steps[Any]]) -> Any:
    return run(work())


def awaited(work: Callable[[], Steps[Any]]) -> Any:
    return in_loop(lambda: arun(work()), threads=1)


@pytest.fixture(params=[plainly, awaited], ids=lambda form: form.__name__)
def form(request: pytest.FixtureRequest) -> Any:
    return request.param


# -- both forms ------------------------------------------------------------------------------------


def test_what_comes_of_each_wait_is_sent_in_and_what_is_returned_is_given(form: Any) -> None:
    async def three() -> int:
        return 3

    def work() -> Steps[list[Any]]:
        return [
            (yield Pause(0)),
            (yield Call(lambda number: number + 1, 1)),
            (yield Waiting(lambda: 3, three)),
            (yield Giving()),
        ]

    assert form(work) == [None, 2, 3, None]


def test_work_that_never_waits(form: Any) -> None:
    def work() -> Steps[int]:
        yield from ()
        return 1

    assert form(work) == 1


@pytest.mark.parametrize("error", [ZeroDivisionError, KeyError("k"), SystemExit(3)], ids=repr)
def test_what_a_function_raises_is_raised_in_the_work(form: Any, error: Any) -> None:
    def fail() -> None:
        raise error

    def work() -> Steps[Any]:
        with pytest.raises(error if isinstance(error, type) else type(error)):
            yield Call(fail)
        return (yield Call(lambda: "and it goes on"))

    assert form(work) == "and it goes on"


def test_a_stop_iteration_is_an_error_in_both_forms(form: Any) -> None:
    """No future can carry one: it must not be taken for an end, nor wait for ever."""

    def work() -> Steps[Any]:
        return (yield Call(next, iter(())))

    with pytest.raises(RuntimeError, match="StopIteration"):
        form(work)


def test_what_the_work_raises_is_raised_with_its_traceback(form: Any) -> None:
    def work() -> Steps[None]:
        yield Pause(0)
        raise ZeroDivisionError("here")

    with pytest.raises(ZeroDivisionError, match="here") as raised:
        form(work)
    assert raised.traceback[-1].name == "work"


def test_work_within_work(form: Any) -> None:
    def inner(number: int) -> Steps[int]:
        yield Pause(0)
        if not number:
            raise KeyError("none")
        return number

    def work() -> Steps[int]:
        try:
            yield from inner(0)
        except KeyError:
            return (yield from inner(5))
        return 0

    assert form(work) == 5


def test_a_lock_is_entered_and_left(form: Any, store: Store) -> None:
    def work() -> Steps[Any]:
        lock = yield Entering(store.lock("job", timeout=PATIENCE))
        try:
            return (yield Call(store.locked_by, "job"))
        finally:
            lock.release()

    assert form(work).agent == "tester"
    assert store.locked_by("job") is None


def test_what_cannot_be_entered_is_told(form: Any, store: Store) -> None:
    def work() -> Steps[Any]:
        yield Entering(store.lock("job", timeout=0))

    with store.lock("job"), pytest.raises(LockTimeout):
        form(work)


# -- functions of the user's -----------------------------------------------------------------------


class Callable_:
    async def __call__(self) -> str:
        return "awaited"


async def coroutine_function() -> str:
    await asyncio.sleep(0)
    return "awaited"


ASYNC = [coroutine_function, functools.partial(coroutine_function), Callable_(), lambda: coroutine_function()]


@pytest.mark.parametrize("fn", ASYNC, ids=["function", "partial", "object", "lambda"])
def test_a_coroutine_function_is_awaited_or_refused(fn: Any) -> None:
    def work() -> Steps[Any]:
        return (yield Call(fn))

    assert awaited(work) == "awaited"
    with pytest.raises(UnsupportedType, match="coroutine function"):
        run(work())
    gc.collect()  # nothing warns of a coroutine that was never awaited


def test_a_coroutine_function_runs_in_the_task_that_awaits() -> None:
    async def story() -> None:
        async def change() -> None:
            VARIABLE.set("changed")

        def work() -> Steps[str]:
            yield Call(change)
            return VARIABLE.get()

        assert await arun(work()) == VARIABLE.get() == "changed"

    in_loop(story)


def test_stretches_and_functions_see_the_context_of_whoever_awaits() -> None:
    def work() -> Steps[list[str]]:
        first = VARIABLE.get()
        VARIABLE.set("mine alone")
        second = yield Call(VARIABLE.get)
        return [first, second, VARIABLE.get()]

    async def story() -> None:
        async def one(name: str) -> list[str]:
            VARIABLE.set(name)
            return await arun(work())

        found = await asyncio.gather(*(one(str(number)) for number in range(20)))
        assert found == [[str(number)] * 3 for number in range(20)]
        assert VARIABLE.get() == "default"

    in_loop(story)


def test_writes_belong_to_the_run_that_awaits(store: Store) -> None:
    def work(key: str) -> Steps[None]:
        yield Call(data_store.set, f"{key}:called", 1)
        data_store.set(f"{key}:stretch", 1)

    async def story() -> None:
        async def one(name: str) -> None:
            with store.run(agent=name, run_id=name, snapshot=False):
                await arun(work(name))

        await asyncio.gather(one("a"), one("b"))

    in_loop(story)
    assert {key: store.info(key).updated_by for key in store} == {
        f"{name}:{how}": name for name in "ab" for how in ("called", "stretch")
    }


# -- cancelled -------------------------------------------------------------------------------------


def test_cancelled_at_each_point_the_work_lets_go_and_nothing_more_is_done() -> None:
    """Within each stretch and each function, and at each wait, one after the other."""
    points = 8

    def work(log: list[str], at: Callable[[int], None]) -> Steps[str]:
        with held(log):
            at(0)
            yield Pause(0)
            at(1)
            with held(log, "inner"):
                yield Call(at, 2)
                at(3)
                yield Waiting(lambda: None, functools.partial(_in_loop, at, 4))
                at(5)
            yield Call(functools.partial(_in_loop, at, 6))
            at(7)
            yield Giving()
            return "given"

    async def story(point: int) -> list[str]:
        log: list[str] = []
        loop = asyncio.get_running_loop()

        def at(reached: int) -> None:
            log.append(str(reached))
            if reached != point:
                return
            if asyncio._get_running_loop() is loop:
                task.cancel()
            else:
                cancel_from_within(loop, task)

        task = asyncio.create_task(arun(work(log, at)))
        assert await outcome(task) == ("cancelled" if point < points else "gave given")
        return log

    whole = in_loop(lambda: story(points))
    assert whole == ["+held", "0", "1", "+inner", "2", "3", "4", "5", "-inner", "6", "7", "-held"]
    for point in range(points):
        log = in_loop(functools.partial(story, point))
        done = whole[: whole.index(str(point)) + 1] + {1: ["+inner"], 5: ["-inner"]}.get(point, [])  # until it waits
        closing = [f"-{name}" for name in ("inner", "held") if f"+{name}" in done and f"-{name}" not in done]
        assert log == done + closing


async def _in_loop(at: Callable[[int], None], point: int) -> None:
    at(point)
    await asyncio.sleep(0)


def test_the_work_may_wait_while_it_cleans_up_and_is_not_interrupted_twice() -> None:
    async def story() -> None:
        log: list[str] = []
        loop = asyncio.get_running_loop()

        def work() -> Steps[None]:
            try:
                yield Once()
            finally:
                log.append((yield Call(cleaned)))
                cancel_from_within(loop, task)
                log.append("after the second one")

        async def cleaned() -> str:
            await asyncio.sleep(0)
            return "waited"

        task = asyncio.create_task(arun(work()))
        await _until_waiting(task)
        task.cancel()
        assert await outcome(task) == "cancelled"
        assert log == ["waited", "after the second one"]

    in_loop(story)


async def _until_waiting(task: asyncio.Task[Any]) -> None:
    """Let the loop and its pool go on until nothing more is to be done."""
    for _ in range(3):
        await asyncio.to_thread(bool)
        await asyncio.sleep(0)
    assert not task.done()


def test_the_work_may_decide_to_give_a_result_all_the_same() -> None:
    async def story() -> None:
        loop = asyncio.get_running_loop()

        def work() -> Steps[str]:
            cancel_from_within(loop, task)
            try:
                yield Once()
            except asyncio.CancelledError:
                return "it was there just then"
            return "never"

        task = asyncio.create_task(arun(work()))
        assert await outcome(task) == "gave it was there just then"

    in_loop(story)


def test_a_stretch_that_fails_while_it_is_cancelled_is_cancelled() -> None:
    """An error that is caught and tried again would else make the cancellation unheard of."""

    async def story() -> None:
        loop = asyncio.get_running_loop()

        def work() -> Steps[None]:
            cancel_from_within(loop, task)
            yield from ()
            raise ZeroDivisionError

        task = asyncio.create_task(arun(work()))
        with pytest.raises(asyncio.CancelledError) as raised:
            await task
        assert isinstance(raised.value.__cause__, ZeroDivisionError)

    in_loop(story)


def test_a_timeout_of_asyncio_is_one() -> None:
    async def story() -> None:
        loop = asyncio.get_running_loop()
        log: list[str] = []

        def work() -> Steps[None]:
            with held(log):
                loop.call_soon_threadsafe(timeout.reschedule, loop.time())
                yield Once()

        with pytest.raises(TimeoutError):
            async with asyncio.timeout(None) as timeout:
                await arun(work())
        current = asyncio.current_task()
        assert current is not None
        assert (current.cancelling(), log) == (0, ["+held", "-held"])

    in_loop(story)


def test_the_first_stretch_is_done_though_it_was_cancelled_before() -> None:
    """What leaves something, such as the end of a ``with``, leaves it."""

    async def story() -> list[str]:
        log: list[str] = []

        def leave() -> Steps[None]:
            log.append("left")
            yield from ()

        async def body() -> None:
            current = asyncio.current_task()
            assert current is not None
            current.cancel()
            await arun(leave())

        task = asyncio.create_task(body())
        assert await outcome(task) == "cancelled"
        return log

    assert in_loop(story) == ["left"]


def test_the_end_of_the_loop_ends_the_work() -> None:
    log: list[str] = []

    def work() -> Steps[None]:
        with held(log):
            yield Pause(PATIENCE)

    async def main() -> None:
        task = asyncio.create_task(arun(work()))
        await _until_waiting(task)

    asyncio.run(main())
    assert log == ["+held", "-held"]


def test_a_loop_that_is_closed_in_the_middle_leaves_nothing_held(store: Store) -> None:
    def work() -> Steps[None]:
        lock = yield Entering(store.lock("job"))
        try:
            yield waits.pop()
        finally:
            lock.release()

    loop, waits = asyncio.new_event_loop(), [Once()]
    reached = waits[0].reached
    task = loop.create_task(arun(work()))
    loop.run_until_complete(reached.wait())
    assert store.locked_by("job") is not None
    loop.run_until_complete(loop.shutdown_default_executor())
    loop.close()
    task._log_destroy_pending = False  # type: ignore[attr-defined]  # it is destroyed, as is meant here
    del task
    gc.collect()
    assert store.locked_by("job") is None


def test_an_interrupt_ends_the_work_of_a_plain_call() -> None:
    log: list[str] = []

    class Interrupted(Wait):
        def block(self) -> None:
            raise KeyboardInterrupt

        async def suspend(self) -> None: ...

    def work() -> Steps[None]:
        with held(log):
            yield Interrupted()

    with pytest.raises(KeyboardInterrupt):
        run(work())
    assert log == ["+held", "-held"]


# -- threads ---------------------------------------------------------------------------------------


def test_no_thread_is_kept_while_fifty_wait() -> None:
    """With one thread all fifty are at their wait at once, or it would never end."""

    class Meeting(Wait):
        def block(self) -> None: ...
        async def suspend(self) -> None:
            arrived.append(1)
            if len(arrived) == 50:
                everybody.set()
            await everybody.wait()

    arrived: list[int] = []
    everybody = asyncio.Event()

    def work() -> Steps[int]:
        yield Meeting()
        return threading.active_count()

    async def story() -> list[int]:
        return await asyncio.gather(*(arun(work()) for _ in range(50)))

    assert len(in_loop(story, threads=1)) == 50


def test_fifty_tasks_and_their_plain_functions_share_a_lock_on_one_thread(store: Store) -> None:
    """Each holds the lock in turn; the functions of half of them ask for it by a plain call, in their threads."""
    store.set("n", 0)

    def alone() -> None:
        store.set("n", store.get("n") + 1)

    def plainly_locked() -> None:
        with store.lock("job", timeout=PATIENCE):
            alone()

    def work(number: int) -> Steps[None]:
        if number % 2:
            yield Call(plainly_locked)
        else:
            lock = yield Entering(store.lock("job", timeout=PATIENCE))
            try:
                yield Call(alone)
            finally:
                lock.release()

    async def story() -> None:
        await asyncio.gather(*(arun(work(number)) for number in range(50)))

    in_loop(story, threads=1)
    assert store.get("n") == 50


# -- methods ---------------------------------------------------------------------------------------


class Adder:
    """Something with a method that waits."""

    def __init__(self, start: int) -> None:
        self.start = start

    @waiting
    def add(self, number: int, *, twice: bool = False) -> Steps[int]:
        """Add a number."""
        yield Pause(0)
        return self.start + number * (1 + twice)

    @waiting
    def add_to_sum(self, number: int) -> Steps[int]:
        return (yield from self.add.steps(number)) + self.start


def test_a_method_is_called_or_awaited() -> None:
    adder = Adder(1)
    assert (adder.add(2), adder.add(2, twice=True), adder.add_to_sum(3)) == (3, 5, 5)
    assert in_loop(lambda: adder.add.awaited(2, twice=True)) == 5


def test_a_method_says_what_it_is() -> None:
    assert (Adder.add.__doc__, Adder(1).add.__doc__, Adder(1).add.__name__) == ("Add a number.", "Add a number.", "add")
    assert list(inspect.signature(Adder(1).add).parameters) == ["number", "twice"]
    assert "Adder.add" in repr(Adder(1).add)
