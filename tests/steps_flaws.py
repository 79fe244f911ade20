"""Flaws that can be put into how work is awaited, and the scenarios that must show each of them.

A scenario is a small story with an assertion at its end; with the sound code it passes. Nothing in it depends on
time: who cancels does so from within the work, and waits until the loop has done it.
"""

from __future__ import annotations

import asyncio
import contextvars
import functools
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import Any

from fsstore import steps, waits
from fsstore.steps import Call, Giving, Steps, Wait, arun

PATIENCE = 60.0
HOPELESS = 0.2  # seconds to wait for what cannot come
patience = PATIENCE
"""The same for the loop to go on, which with some flaws it cannot."""
temptation = HOPELESS
"""Seconds that are given to what must not happen, and with a flaw does."""


class Once(Wait):
    """Something that is there when a test says so."""

    def __init__(self) -> None:
        self.reached = asyncio.Event()
        self.event = asyncio.Event()

    def block(self) -> None:
        raise AssertionError("it is awaited")

    async def suspend(self) -> None:
        self.reached.set()
        await self.event.wait()


def cancel_from_within(loop: asyncio.AbstractEventLoop, task: asyncio.Task[Any]) -> None:
    """Cancel a task, from a thread; it has happened when this returns."""
    loop.call_soon_threadsafe(task.cancel)
    let_it_go_on(loop)


def let_it_go_on(loop: asyncio.AbstractEventLoop) -> None:
    """Wait, in a thread, until the loop has run all that could run; and a little of what came of it."""
    done = threading.Event()
    loop.call_soon_threadsafe(loop.call_soon, loop.call_soon, done.set)
    assert done.wait(patience)


@contextmanager
def held(log: list[str], name: str = "held") -> Iterator[None]:
    """Something that has to be let go of, whatever happens."""
    log.append(f"+{name}")
    try:
        yield
    finally:
        log.append(f"-{name}")


def in_loop(story: Callable[[], Any], threads: int = 2) -> Any:
    """Run a coroutine function where the loop's pool has few threads."""

    async def run() -> Any:
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(threads))
        return await asyncio.wait_for(story(), PATIENCE)

    return asyncio.run(run())


async def outcome(task: asyncio.Task[Any]) -> str:
    """How a task ended, in a word."""
    await asyncio.wait([task])
    if task.cancelled():
        return "cancelled"
    error = task.exception()
    return f"gave {task.result()}" if error is None else f"raised {error!r}"


# -- what must not happen, and the flaw with which it does -----------------------------------------


def a_cancelled_stretch_is_finished_first() -> None:
    """The work is told, and the cancellation raised, when what was under way has ended."""

    async def story() -> None:
        log: list[str] = []
        loop = asyncio.get_running_loop()

        def work() -> Steps[None]:
            with held(log):
                cancel_from_within(loop, task)
                log.append("stretch over")
                yield Once()
                log.append("never")

        task = asyncio.create_task(arun(work()))
        ended: list[str] = []
        task.add_done_callback(lambda _: ended.extend(log))
        assert await outcome(task) == "cancelled"
        await asyncio.sleep(0)
        assert ended == ["+held", "stretch over", "-held"], "it ended before the work did"

    in_loop(story)


async def _abandoning(work: Callable[[], Any]) -> Any:
    context = contextvars.copy_context()
    return await asyncio.get_running_loop().run_in_executor(None, context.run, work), None


def what_is_given_is_not_lost() -> None:
    """Who is cancelled while the work takes something for them does not have it; the work puts it back."""

    async def story() -> None:
        shelf = ["thing"]
        loop = asyncio.get_running_loop()

        def take() -> Steps[str]:
            taken = shelf.pop()
            cancel_from_within(loop, task)
            try:
                yield Giving()
            except BaseException:
                shelf.append(taken)
                raise
            return taken

        task = asyncio.create_task(arun(take()))
        assert (await outcome(task), shelf) == ("cancelled", ["thing"])

    in_loop(story)


def what_is_given_cannot_be_lost_on_the_way() -> None:
    """After `Giving` there is no instant at which a cancellation could come before the caller has it."""

    async def story() -> None:
        shelf = ["thing"]
        loop = asyncio.get_running_loop()

        def take() -> Steps[str]:
            taken = shelf.pop()
            try:
                yield Giving()
            except BaseException:
                shelf.append(taken)
                raise
            if threading.get_ident() != main:
                cancel_from_within(loop, task)
            return taken

        main = threading.get_ident()
        task = asyncio.create_task(arun(take()))
        assert await outcome(task) == "gave thing" or shelf, "nobody has it"

    in_loop(story)


class _Nothing(Wait):
    """In the place of `Giving`, so that nothing is taken for it."""

    def block(self) -> None: ...
    async def suspend(self) -> None: ...


def a_plain_function_is_waited_for() -> None:
    """Who is cancelled while a plain function runs lets go when it has ended, so that others find the place free."""

    async def story() -> None:
        log: list[str] = []
        loop = asyncio.get_running_loop()

        left = threading.Event()

        def call() -> None:
            cancel_from_within(loop, task)
            left.wait(temptation)
            log.append("function over")

        def work() -> Steps[None]:
            try:
                with held(log):
                    yield Call(call)
            finally:
                left.set()

        task = asyncio.create_task(arun(work()))
        assert await outcome(task) == "cancelled"
        assert log == ["+held", "function over", "-held"]

    in_loop(story)


async def _impatient(future: asyncio.Future[Any]) -> Any:
    return await future, None


def a_function_waits_for_somebody_who_needs_the_pool(patience: float = PATIENCE) -> None:
    """Functions that wait for one another's work do not take the threads in which that is done."""

    async def story() -> None:
        done = threading.Event()

        def work_of_the_other() -> Steps[None]:
            done.set()
            yield Call(bool)

        def work(_: int) -> Steps[bool]:
            return bool((yield Call(done.wait, patience)))

        waiting = [asyncio.create_task(arun(work(number))) for number in range(3)]
        await asyncio.sleep(0)
        await asyncio.to_thread(bool)
        other = asyncio.create_task(arun(work_of_the_other()))
        assert all(await asyncio.gather(*waiting)), "they had all threads"
        await other

    in_loop(story, threads=1)


def _in_thread_of_pool(fn: Callable[[], Any]) -> asyncio.Future[Any]:
    return asyncio.get_running_loop().run_in_executor(None, fn)


def a_coroutine_that_nobody_runs_any_more() -> None:
    """It is closed, and so is the work, at once, though somebody else still knows it."""
    log: list[str] = []
    once = Once()

    def work() -> Steps[None]:
        with held(log):
            yield once

    kept = work()
    coroutine = arun(kept)

    async def story() -> None:
        task = asyncio.create_task(_awaited(coroutine))
        await once.reached.wait()
        try:
            coroutine.close()
        except RuntimeError as error:
            raise AssertionError(f"it cannot be closed: {error}") from None
        finally:
            task.cancel()
            await asyncio.wait([task])
            with suppress(BaseException):
                task.exception()
        assert log == ["+held", "-held"], "the work was not closed"

    in_loop(story)


async def _awaited(coroutine: Any) -> Any:
    with suppress(RuntimeError):  # it was closed meanwhile
        return await coroutine


def a_collector_that_comes_in_the_middle_of_a_stretch() -> None:
    """A stretch may itself make the collector close the coroutine; it is finished, then the work is closed."""
    log: list[str] = []

    async def story() -> None:
        loop = asyncio.get_running_loop()

        def work() -> Steps[None]:
            with held(log):
                let_it_go_on(loop)
                made[0].close()
                log.append("stretch over")
                yield Once()

        made = [arun(work())]
        task = asyncio.create_task(_awaited(made[0]))
        while "-held" not in log:
            await asyncio.to_thread(bool)  # in the same thread: when this is done that was let go
        task.cancel()
        await asyncio.wait([task])

    in_loop(story, threads=1)
    assert log == ["+held", "stretch over", "-held"]


def _end_anyhow(self: Any) -> None:
    self._steps.close()


FLAWS: dict[str, tuple[Any, str, Any, Callable[[], None]]] = {
    "a cancelled stretch is abandoned": (steps, "_stretch", _abandoning, a_cancelled_stretch_is_finished_first),
    "what is given to the cancelled is lost": (steps, "_stretch", _abandoning, what_is_given_is_not_lost),
    "giving is a wait like others": (steps, "Giving", _Nothing, what_is_given_cannot_be_lost_on_the_way),
    "a function is abandoned": (waits, "finished", _impatient, a_plain_function_is_waited_for),
    "functions take the pool's threads": (
        *(waits, "_in_thread_of_its_own", _in_thread_of_pool),
        functools.partial(a_function_waits_for_somebody_who_needs_the_pool, HOPELESS),
    ),
    "work is left where it is": (steps._Work, "end", lambda self: None, a_coroutine_that_nobody_runs_any_more),
    "work is closed while it runs": (
        *(steps._Work, "end", _end_anyhow),
        a_collector_that_comes_in_the_middle_of_a_stretch,
    ),
}
SCENARIOS: tuple[Callable[[], None], ...] = (
    a_cancelled_stretch_is_finished_first,
    what_is_given_is_not_lost,
    what_is_given_cannot_be_lost_on_the_way,
    a_plain_function_is_waited_for,
    a_function_waits_for_somebody_who_needs_the_pool,
    a_coroutine_that_nobody_runs_any_more,
    a_collector_that_comes_in_the_middle_of_a_stretch,
)
