"""Work on many items that goes on where it stopped. It knows one key and those below it, and no file."""

from __future__ import annotations

import contextlib
import math
import re
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sized
from typing import TYPE_CHECKING, Any

from fsstore.errors import Conflict
from fsstore.recipes.progress import Course, Progress
from fsstore.recipes.recipe import Recipe
from fsstore.recipes.shapes import Misshapen
from fsstore.steps import Call, Entering, Steps, to_its_end, waiting

if TYPE_CHECKING:
    from fsstore.locks import Lock
    from fsstore.recipes.doors import Recipes

_PLACE = re.compile(r"\d{6,}:\d{3}")
"""Of a result: which one it is, in thousands and the rest."""
_PATIENCE = 1.0  # seconds: an ``async for`` that was left lets go when its event loop comes to it
_WAY_OUT = "Mend the file, or begin anew with reset()."


class Checkpoint(Recipe):
    """Items, to be gone through once, whatever stops it. Made by ``data_store.checkpoint(key, items)``.

    ``for item in checkpoint:`` (or ``async for``) begins after the last item that was done. An item is done when the
    next one is asked for, or the loop comes to its end; so a ``break``, an error or ``kill -9`` repeats that one item
    and no other. Each item costs one small write: the key holds ``{"done": 3, "total": 10, "complete": false, ...}``.

    One at a time: who begins while another process is at it gets `LockTimeout`, which says who that is; the lock is
    free as soon as its process ends. The items come in the same order each time. If those that were done are not
    what they were, `Conflict` is raised; more may have been added at the end. A person may change ``done`` in the file.
    """

    __slots__ = ("_items",)

    _kind = "checkpoint"

    def __init__(self, space: Recipes, name: str, items: Iterable[Any]) -> None:
        super().__init__(space, name)
        self._items = items

    @property
    def done(self) -> int:
        """How many items are done."""
        return self._progress().done

    @property
    def total(self) -> int | None:
        """How many there are; ``None`` if that is not known yet."""
        return len(self._items) if isinstance(self._items, Sized) else self._progress().total

    @property
    def complete(self) -> bool:
        """Whether all are done."""
        progress = self._progress()
        return progress.done == len(self._items) if isinstance(self._items, Sized) else progress.complete

    def reset(self) -> None:
        """Begin anew: forget what was done, and the results. Raises `LockTimeout` while somebody is at it."""
        with self._lock():
            self._space.transact(self._forget)

    def __iter__(self) -> Iterator[Any]:
        with self._lock():
            course = self._begin()
            while course.advance():
                yield course.item
                self._note(course)
            self._end(course)

    async def __aiter__(self) -> AsyncIterator[Any]:
        async with self._lock():
            course = await to_its_end(self._begin)
            while await to_its_end(course.advance):
                yield course.item
                await to_its_end(lambda: self._note(course))
            await to_its_end(lambda: self._end(course))

    @waiting
    def map(self, fn: Callable[[Any], Any], limit: int | None = None) -> Steps[list[Any]]:
        """Call ``fn(item)`` for each item not done yet, ``limit`` at most; the results of all that are, in order.

        A result and the progress are one commit, so that each result is there once; results are keys of their own
        (``KEY:results:000000:012``). After ``kill -9`` one call may be repeated. What ``fn`` raises is raised, and that
        item is the next. `fn` may be a coroutine function where this is awaited.
        """
        lock = self._lock()
        yield Entering(lock)
        try:
            course = self._begin()
            calls = 0
            while (limit is None or calls < limit) and course.advance():
                calls += 1
                result = yield Call(fn, course.item)
                self._note(course, (result,))
            if limit is None or calls < limit:
                self._end(course)
            return self._collected(course.number)
        finally:
            lock.release()

    @property
    def _results(self) -> str:
        return f"{self.name}:results:"

    def _lock(self) -> Lock:
        return self._space.lock(self._lock_name(), timeout=_PATIENCE)

    def _progress(self) -> Progress:
        with self._shaped():
            return Progress.of(self._space.get(self.name))

    def _begin(self) -> Course:
        course = Course(self._items, self._progress())
        if (problem := course.resume()) is not None:
            raise self._other(problem)
        return course

    def _note(self, course: Course, result: tuple[Any, ...] = ()) -> None:
        """The item in hand is done."""
        before, after = course.number, course.next_record()
        if result:
            self._space.transact(lambda tx: self._note_result(tx, before, after, result[0]))
        else:
            self._follow(before, after)
        course.number += 1

    def _note_result(self, tx: Any, before: int, after: dict[str, Any], result: Any) -> None:
        tx.set(self.name, self._following(tx.get(self.name), before, after), ttl=math.inf)
        tx.set(self._result_key(before), result, ttl=math.inf)

    def _end(self, course: Course) -> None:
        """All are done. It is noted already where it was known which one was the last."""
        number, after = course.number, course.last_record()
        if not self._progress().complete:
            self._follow(number, after)

    def _follow(self, before: int, after: dict[str, Any]) -> None:
        """Note an item. The first one makes the key."""

        def follow(value: Any) -> dict[str, Any]:
            return self._following(value, before, after)

        if before:
            self._space.update(self.name, follow)
        else:
            self._update_lasting(follow)

    def _following(self, value: Any, before: int, after: dict[str, Any]) -> dict[str, Any]:
        """The record after an item, if nobody else has changed how far it came."""
        with self._shaped():
            found = Progress.of(value)
        if found.done != before:
            raise self._other(f"{found.done} of its items are done, where {before} were: somebody else has changed it")
        return {**(value or {}), **after}

    def _forget(self, tx: Any) -> None:
        tx.delete_many([key for key in tx.list_keys(self._results) if _PLACE.fullmatch(key, len(self._results))])
        tx.delete(self.name)

    def _result_key(self, number: int) -> str:
        return f"{self._results}{number // 1000:06d}:{number % 1000:03d}"

    def _collected(self, count: int) -> list[Any]:
        keys = [self._result_key(number) for number in range(count)]
        found = self._space.get_many(keys)
        missing = sum(key not in found for key in keys)
        if missing:
            raise self._other(f"{missing} of its items were done without map(), or their results were removed")
        return [found[key] for key in keys]

    def _other(self, problem: str) -> Conflict:
        return self._conflict(f": {problem}. Give it the items that it began with, or begin anew with reset().")

    @contextlib.contextmanager
    def _shaped(self) -> Iterator[None]:
        try:
            yield
        except Misshapen as error:
            raise self._bad(error, _WAY_OUT) from None
