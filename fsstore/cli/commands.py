"""A shell command for each event: one at a time for each key, several keys side by side. It knows no store.

All is decided in the thread that calls `Commands.run`; the others wait, for events or for processes, and tell it.
"""

from __future__ import annotations

import heapq
import itertools
import threading
import time
from dataclasses import dataclass
from enum import Enum
from queue import Empty, SimpleQueue
from typing import NamedTuple, Protocol

from fsstore.cli import exits
from fsstore.cli.output import Output, quoted
from fsstore.events import Event, merged
from fsstore.retrying import Retries

Name = tuple[str, str]


class Events(Protocol):
    """Where the events come from, and who is to know which of them are done with."""

    def get(self) -> Event | None:
        """The next one; ``None`` at the end. Waits for it."""
        ...

    def handled(self, event: Event) -> None:
        """It has been dealt with, and need not come again."""
        ...


class Runner(Protocol):
    """What runs a command."""

    def run(self, event: Event) -> str:
        """Run it for an event, and wait for its end: what went wrong, or nothing."""
        ...

    def kill(self) -> None:
        """End those that run, and run no more."""
        ...


class Plan(NamedTuple):
    """How the commands are to be run."""

    jobs: int
    """How many at once."""
    retries: Retries
    limit: int | None = None
    """How many events are to be taken; ``None``: all."""


class _Word(Enum):
    OVER = "there are no more events"
    END = "start nothing more"


class _Ended(NamedTuple):
    """A command that ended."""

    name: Name
    problem: str


@dataclass
class _Key:
    """What is to be done for one key."""

    waiting: Event | None = None
    """For which a command is to be run."""
    running: Event | None = None
    failures: int = 0
    """Of the waiting event, in a row."""
    due: float = 0.0
    """When its command may be run, by the monotonic clock."""


class Commands:
    """The commands of one subscription."""

    def __init__(self, plan: Plan, events: Events, runner: Runner, output: Output) -> None:
        self._plan, self._events, self._runner, self._output = plan, events, runner, output
        self._news: SimpleQueue[Event | _Ended | _Word | BaseException] = SimpleQueue()
        self._wanted = threading.Semaphore(0)
        self._asked = self._over = self._ending = False
        self._taken = self._running = 0
        self._keys: dict[Name, _Key] = {}
        """Those for which something is to be done."""
        self._due: list[tuple[float, int, Name]] = []
        """A heap of when to look at which key; there may be too many of them."""
        self._serial = itertools.count()
        self._error: BaseException | None = None
        self.given_up = 0
        """Events whose command failed once too often."""

    def run(self) -> int:
        """Run commands until the events end, or `end` is called; for how many keys something is left to be done.

        What is running then is waited for. If the events end by themselves, nothing is left but what was given up.
        Raises what the events raised.
        """
        fetcher = threading.Thread(target=self._fetch, daemon=True)
        fetcher.start()
        try:
            while self._running or not (self._ending or (self._over and not self._keys)):
                self._ask()
                self._hear()
                self._start_due()
        finally:
            self._over = True
            self._wanted.release()
        if self._error is not None:
            raise self._error
        return len(self._keys)

    def end(self, times: int) -> None:
        """Start nothing more; the second time kill what runs. For another thread than that of `run`."""
        if times > 1:
            self._runner.kill()
        self._news.put(_Word.END)

    # -- what the other threads do ------------------------------------------------------------------

    def _fetch(self) -> None:
        """Hand over one event whenever one is wanted: the others stay in the subscription, where they merge."""
        try:
            while self._wanted.acquire() and not self._over:
                event = self._events.get()
                self._news.put(_Word.OVER if event is None else event)
        except BaseException as error:  # it is raised where it is noticed
            self._news.put(error)

    def _work(self, name: Name, event: Event) -> None:
        try:
            problem = self._runner.run(event)
        except Exception as error:  # such as a system that has no more processes
            problem = str(error) or type(error).__name__
        self._news.put(_Ended(name, problem))

    # -- what this thread does ----------------------------------------------------------------------

    def _ask(self) -> None:
        """Ask for an event, if there is somebody to do what it wants."""
        if not (self._asked or self._over or self._ending) and self._running < self._plan.jobs:
            self._asked = True
            self._wanted.release()

    def _hear(self) -> None:
        """Wait for the next thing that happens, or is due."""
        wait = None
        if self._due and not self._ending and self._running < self._plan.jobs:
            wait = max(0.0, self._due[0][0] - time.monotonic())
        try:
            news = self._news.get(timeout=wait)
        except Empty:
            return
        if isinstance(news, _Ended):
            self._ended(news)
        elif news is _Word.END:
            self._end_soon()
        elif isinstance(news, Event):
            self._asked = False
            self._arrived(news)
        else:
            self._over = True
            self._error = news if isinstance(news, BaseException) else None

    def _end_soon(self) -> None:
        if self._running and not self._ending:
            commands = "1 command" if self._running == 1 else f"{self._running} commands"
            self._output.talk(f"waiting for {commands}; to be told so once more kills what runs")
        self._ending = True

    def _arrived(self, event: Event) -> None:
        if event.kind == "ready":
            return
        self._taken += 1
        self._over = self._taken == self._plan.limit
        name = event.namespace, event.key
        key = self._keys.setdefault(name, _Key())
        key.waiting = event if key.waiting is None else merged(key.waiting, event)
        key.failures = 0
        self._plan_for(name, key)

    def _plan_for(self, name: Name, key: _Key) -> None:
        if key.running is None:
            heapq.heappush(self._due, (key.due, next(self._serial), name))

    def _start_due(self) -> None:
        while self._due and not self._ending and self._running < self._plan.jobs:
            if self._due[0][0] > time.monotonic():
                return
            name = heapq.heappop(self._due)[2]
            key = self._keys.get(name)
            if key is None or key.waiting is None or key.running is not None or key.due > time.monotonic():
                continue
            key.running, key.waiting = key.waiting, None
            self._running += 1
            threading.Thread(target=self._work, args=(name, key.running), daemon=True).start()

    def _ended(self, ended: _Ended) -> None:
        key = self._keys[ended.name]
        event, key.running = key.running, None
        assert event is not None
        self._running -= 1
        if ended.problem:
            self._failed(ended, key, event)
        else:
            self._events.handled(event)
            key.failures, key.due = 0, 0.0
        if key.waiting is None:
            del self._keys[ended.name]
        else:
            self._plan_for(ended.name, key)

    def _failed(self, ended: _Ended, key: _Key, event: Event) -> None:
        newer = key.waiting
        failures = key.failures + 1 if newer is None else 1
        pause = self._plan.retries.pause(failures)
        told = f"the command for {quoted(event.namespace)} {quoted(event.key)} failed: {ended.problem}"
        if self._ending:
            key.waiting = newer or event
            self._output.talk(told)
        elif newer is not None:
            pause = pause or 0.0
            key.waiting, key.failures, key.due = merged(event, newer), 0, time.monotonic() + pause
            self._output.talk(f"{told}; for a newer event in {pause:g} s")
        elif pause is not None:
            key.waiting, key.failures, key.due = event, failures, time.monotonic() + pause
            self._output.talk(f"{told}; again in {pause:g} s")
        else:
            self.given_up += 1
            fields = {"namespace": event.namespace, "key": event.key}
            tries = "1 try" if failures == 1 else f"{failures} tries"
            self._output.failure("CommandFailed", f"{told}; given up after {tries}", exits.NO, fields)
