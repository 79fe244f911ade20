"""How a worker comes by its next job: the first of the line that is to be had. It settles nothing afterwards."""

from __future__ import annotations

import logging
import math
import os
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from fsstore import values
from fsstore.errors import BadValue, Conflict, NotFound
from fsstore.ops import REMOVE
from fsstore.recipes import settling
from fsstore.recipes.claims import Claiming, Passed, Spent, available
from fsstore.recipes.jobs import Job, Keys, Record, is_own
from fsstore.recipes.line import Line
from fsstore.recipes.shapes import Misshapen, bad_value
from fsstore.revisions import revision

if TYPE_CHECKING:
    from fsstore.recipes.doors import Recipes

log = logging.getLogger("fsstore")
MEND = 'Mend the file ({"item": ...} is enough), or delete the key.'
Take = Callable[[str, bool], Job]
"""Take the job of this key, or raise `Passed` or the like; look before you lock, if that is asked for."""


class Taking:
    """The line of a queue, and who goes through it. Safe to share between threads, and after a fork."""

    def __init__(self, space: Recipes, keys: Keys, max_attempts: int) -> None:
        self._space, self._keys, self._max_attempts = space, keys, max_attempts
        self._line_and_pid = self._new_line()

    @property
    def line(self) -> Line:
        """The line of this process."""
        line, pid = self._line_and_pid
        if pid != os.getpid():  # a fork may have come while another thread held the line
            line, _ = self._line_and_pid = self._new_line()
        return line

    def lease(self, seconds: float) -> Job | None:
        """A job for so many seconds: one update."""

        def take(key: str, look_first: bool) -> Job:
            claiming = Claiming(self._space.agent, seconds, self._max_attempts)
            if look_first:
                claiming(self._space.get(key))
            value = self._space.update(key, claiming)
            self.line.hold(key, claiming.ends)
            job = self._job(key, self._keys.id_of(key), value, value["attempts"])
            return job._replace(until=claiming.until, token=claiming.token, revision=revision(values.encode(value)))

        return self._first(take)

    def pull(self) -> Job | None:
        """A job that is gone then: one update, that removes it."""

        def take(key: str, look_first: bool) -> Job:
            taken: Record

            def claim(value: Any) -> Any:
                nonlocal taken
                taken = available(value, self._max_attempts, time.time())
                return REMOVE

            if look_first:
                claim(self._space.get(key))
            id = self._keys.id_of(key)
            if is_own(key, id):
                self._space.update(key, claim)
            else:
                self._space.transact(lambda tx: settling.pull(tx, self._keys, key, claim))
            return self._job(key, id, taken.value, taken.attempts + 1)

        return self._first(take)

    def _first(self, take: Take) -> Job | None:
        line, missed = self.line, False
        while (key := line.next()) is not None:
            try:
                return take(key, missed)
            except Passed as passed:
                line.hold(key, passed.until)
            except (NotFound, Conflict):  # somebody else was faster
                line.hold(key, time.time() + 1)
            except Spent:
                self._bury(key)
            except (Misshapen, BadValue) as error:
                line.hold(key, math.inf)
                told = error if isinstance(error, BadValue) else bad_value(self._space, key, error, MEND)
                log.warning("a job is passed over: %s", told)
            missed = True  # others are at work: a look costs less than a lock
        return None

    def _bury(self, key: str) -> None:
        self._space.transact(lambda tx: settling.bury(tx, self._keys, key, self._max_attempts))

    def _job(self, key: str, id: str, value: dict[str, Any], attempts: int) -> Job:
        return Job(id, value["item"], attempts, self._keys.priority_of(key), value.get("put_at"), key)

    def _new_line(self) -> tuple[Line, int]:
        space, prefix = self._space, self._keys.jobs
        return Line(self._keys, lambda: space.list_keys(prefix)), os.getpid()
