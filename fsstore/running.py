"""Runs: from the beginning of an agent's call to its end, and how what it calls knows which run it is in.

The run of a piece of code is the one whose handle the context variable has; of a program that an agent starts it is
the one that ``FSSTORE_RUN`` and ``FSSTORE_AGENT`` name. No agent is called here, and no commit made.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import threading
import time
import uuid
from collections.abc import Callable
from types import TracebackType
from typing import Any, Generic, Literal, TypeVar

from fsstore import values
from fsstore.engine import Engine
from fsstore.errors import InvalidName, StoreError
from fsstore.keys import require_text
from fsstore.namespace import Handle
from fsstore.reading import current
from fsstore.records import Author, Run, timestamp

_log = logging.getLogger("fsstore")

OnError = Literal["keep", "rollback"]
H = TypeVar("H", bound=Handle)


def ambient() -> Author:
    """The agent and run that this code belongs to, by the context or else by the environment."""
    handle = current.get(None)
    if handle is not None:
        return Author(handle.agent, handle.run_id)
    inherited = _environment.inherited()
    run = inherited["FSSTORE_RUN"] or None
    return Author(inherited["FSSTORE_AGENT"] or None if run else None, run)


def parent_of(run: str) -> str | None:
    """The run in which this process began a run, if it is one of the last thousands that were begun within others."""
    return _parents.get(run)


_parents: dict[str, str] = {}
_MOST_PARENTS = 10_000


class Running(Generic[H]):
    """One run, for ``with``: gives the handle whose writes are the run's."""

    def __init__(
        self,
        engine: Engine,
        agent: str | None,
        run_id: str | None,
        handle: Callable[[str | None, str], H],
        snapshot: Callable[[Run], None] | None,
        *,
        on_error: OnError,
        input: Any,
    ) -> None:
        """``handle`` makes the handle for an agent and a run, ``snapshot`` commits what an ended run changed."""
        if on_error not in ("keep", "rollback"):
            raise ValueError(f"on_error={on_error!r} is none of keep, rollback")
        for name, what in ((agent, "agent's name"), (run_id, "run's id")):
            _require_name(name, what)
        self._engine = engine
        self._snapshot = snapshot
        self._run = Run(
            id=run_id or uuid.uuid4().hex,
            agent=agent,
            parent=ambient().run,
            since=timestamp(time.time()),
            status="running",
            input=None if input is None else digest(input),
            undoable=on_error == "rollback",
        )
        self._handle = handle(agent, self._run.id)

    def __enter__(self) -> H:
        self._engine.begin_run(self._run)
        if self._run.parent is not None:
            _parents[self._run.id] = self._run.parent
            while len(_parents) > _MOST_PARENTS:
                _parents.pop(next(iter(_parents)), None)
        self._pid = os.getpid()
        self._token = current.set(self._handle)
        _environment.enter(self._run)
        return self._handle

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._is_here():
            self._commit(self._end(error), error)

    async def __aenter__(self) -> H:
        return self.__enter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """The same; the event loop does not wait for the commit."""
        import asyncio

        if self._is_here():
            await asyncio.to_thread(self._commit, self._end(error), error)

    def _is_here(self) -> bool:
        """Whether this is the process that began the run: a forked child that leaves the block ends nothing."""
        return self._pid == os.getpid()

    def _end(self, error: BaseException | None) -> Run:
        """Leave the run, and take it back if it is to be."""
        _environment.leave(self._run)
        with contextlib.suppress(ValueError):  # a generator may be closed in another context than it was begun in
            current.reset(self._token)
        run = self._run._replace(status="ok" if error is None else "failed")
        try:
            if error is not None and run.undoable:
                run = self._take_back(run, error)
        finally:
            self._engine.end_run(run)
        return run

    def _commit(self, run: Run, error: BaseException | None) -> None:
        if self._snapshot is None:
            return
        try:
            self._snapshot(run)
        except StoreError as failure:
            if error is None:
                raise
            _log.warning("no snapshot of run %s: %s", run.id, failure)  # what the agent raised is what counts

    def _take_back(self, run: Run, error: BaseException) -> Run:
        undone = self._engine.undo_run(run)
        if undone.left:
            names = ", ".join(f"{namespace}/{key}" for namespace, key in undone.left)
            error.add_note(f"fsstore: run {run.id} was rolled back, but for what others wrote since: {names}")
            _log.warning("run %s was rolled back, but for what others wrote since: %s", run.id, names)
        return run._replace(status="rolled back")


def _require_name(name: str | None, what: str) -> None:
    """Raise `InvalidName` for what no environment can hand on to the programs of a run."""
    if name is not None:
        require_text(name, what)
        if "\0" in name:
            raise InvalidName(f"{what} {name[:60]!r} holds a NUL character.", name=name, reason="NUL character")


def digest(input: Any) -> str:
    """What names the input of a run: SHA-256 of its JSON form, or of its ``repr`` if it has none."""
    try:
        raw = values.encode(input)
    except (TypeError, ValueError):
        raw = repr(input).encode("utf-8", "backslashreplace")
    return f"sha256:{hashlib.sha256(raw).hexdigest()}"


class _Environment:
    """``FSSTORE_RUN`` and ``FSSTORE_AGENT`` of this process, for the programs that it starts.

    There is one environment for all threads. While runs go on side by side it names none of them: rather no run than
    the wrong one.
    """

    def __init__(self) -> None:
        self._mutex = threading.Lock()
        self._runs: dict[str, Run] = {}
        self._before: dict[str, str | None] = {}

    def inherited(self) -> dict[str, str | None]:
        """What the program that started this one has set: not what runs of this process have, on any thread."""
        with self._mutex:
            return dict(self._before) if self._runs else _variables()

    def enter(self, run: Run) -> None:
        with self._mutex:
            if not self._runs:
                self._before = _variables()
            self._runs[run.id] = run
            self._show()

    def leave(self, run: Run) -> None:
        with self._mutex:
            self._runs.pop(run.id, None)
            self._show()

    def _show(self) -> None:
        parents = {run.parent for run in self._runs.values()}
        innermost = [run for run in self._runs.values() if run.id not in parents]
        shown = dict(self._before)
        if len(innermost) == 1:
            shown = {"FSSTORE_RUN": innermost[0].id, "FSSTORE_AGENT": innermost[0].agent}
        for name, value in shown.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _variables() -> dict[str, str | None]:
    return {name: os.environ.get(name) for name in ("FSSTORE_RUN", "FSSTORE_AGENT")}


_environment = _Environment()
