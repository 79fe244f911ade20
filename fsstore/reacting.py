"""Reactors: an agent that is run for the changes of a store, but not for its own. They observe nothing themselves.

What is changed while the agent runs is what its next run is for.
"""

from __future__ import annotations

import contextlib
import logging
import os
import time
import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from fsstore.errors import StoreError
from fsstore.events import Event, merged
from fsstore.retrying import Retries
from fsstore.runner import Agent, CurrentHandle, opening, run_agent
from fsstore.running import OnError, parent_of
from fsstore.store import Namespace, Store

_log = logging.getLogger("fsstore")
_GLANCE = 0.1  # seconds
_MOMENT = timedelta(seconds=2)  # a commit's time is that of the newest change in it, in whole seconds

Failed = Callable[[BaseException, int, float | None], None]
"""Told of a run that raised: the error, the how-manieth try it was, and in how many seconds the next one comes."""


class Events(Protocol):
    """A subscription, as far as a reactor knows it."""

    @property
    def closed(self) -> bool:
        """Whether nothing will come any more."""
        ...

    def get(self, timeout: float | None = None) -> Event | None:
        """The next event; ``None`` if there is none in so many seconds, or none will come any more."""
        ...

    def handled(self, event: Event) -> None:
        """It has been dealt with, and need not come again."""
        ...


class Reactor:
    """Runs something for each batch of changes that are not its own."""

    def __init__(
        self,
        store: Store,
        events: Events,
        run: Callable[[list[Event], str], Any],
        *,
        name: str | None = None,
        debounce: float = 0.0,
    ) -> None:
        """``run`` gets the events of a batch, one for each key, and the id of the run that it is to be.

        By its ``name`` a reactor that is started again knows what it wrote before. ``debounce``: for so many seconds
        the first event of a batch waits for others.
        """
        self._store, self._events, self._run = store, events, run
        self._debounce = debounce
        self._prefix = f"reactor:{uuid.uuid4().hex if name is None else _escaped(name)}:"
        self._began: datetime | None = None

    def react(
        self, retries: Retries, failed: Failed, limit: int | None = None, done: Callable[[Any], object] | None = None
    ) -> int:
        """React until there are no more events, or to so many batches; how many of them were given up.

        A batch that fails once too often is given up: it is not said to be handled. ``done`` gets what each run
        returned; what it raises is raised.
        """
        given_up = batches = 0
        while batches != limit and (batch := self._batch()):
            batches += 1
            results = self._attempt(batch, retries, failed)
            if not results:
                given_up += not self._events.closed
            else:
                for event in batch:
                    self._events.handled(event)
                if done is not None:
                    done(results[0])
        return given_up

    def _attempt(self, batch: list[Event], retries: Retries, failed: Failed) -> tuple[Any, ...]:
        """Run it until it succeeds: what it returned, or nothing if it was given up."""
        failures = 0
        while True:
            self._began = datetime.now(UTC)
            try:
                return (self._run(batch, self._prefix + uuid.uuid4().hex),)
            except KeyboardInterrupt:
                raise
            except BaseException as error:  # an agent may also end by sys.exit(), or cancel itself
                failures += 1
                pause = retries.pause(failures)
                failed(error, failures, pause)
            if pause is None or not self._sleep(pause):
                return ()

    def _sleep(self, seconds: float) -> bool:
        """Wait, unless the events end before."""
        end = time.monotonic() + seconds
        while not self._events.closed:
            left = end - time.monotonic()
            if left <= 0:
                return True
            time.sleep(min(left, _GLANCE))
        return False

    def _batch(self) -> list[Event]:
        """All that waits, or is the first to come, with one event for each key; nothing if nothing will come."""
        batch: dict[tuple[str, str], Event] = {}
        own: dict[str | None, bool] = {}
        until = 0.0
        while (event := self._events.get(max(0.0, until - time.monotonic()) if batch else None)) is not None:
            if event.kind == "ready":
                continue
            name, run = (event.namespace, event.key), event.source.run
            if run not in own:
                own[run] = self._is_own(run)
            if own[run]:
                self._events.handled(event)
                batch.pop(name, None)  # what somebody else made of the key did not last
            else:
                until = until if batch else time.monotonic() + self._debounce
                older = batch.get(name)
                batch[name] = event if older is None else merged(older, event)
        return [] if self._events.closed else [*batch.values()]

    def _is_own(self, run: str | None) -> bool:
        """Whether it is a run of this reactor, or one that was begun within such a run."""
        seen: set[str] = set()
        while run is not None and run not in seen and not run.startswith(self._prefix):
            seen.add(run)
            run = parent_of(run) or self._committed_parent(run)
        return run is not None and run not in seen

    def _committed_parent(self, run: str) -> str | None:
        """In which run another process began this one: its commit says so.

        Only commits since our last run began are looked at: what was begun within it, and has ended, is among them.
        """
        if self._began is None:
            return None
        with contextlib.suppress(StoreError):  # no history, or nothing in it
            for commit in self._store.log(run=run, since=self._began - _MOMENT, limit=1):
                return commit.parent_run
        return None


def react(
    agent: str | os.PathLike[str] | Agent,
    input: Mapping[str, Any] | None = None,
    *,
    store: Namespace | CurrentHandle | str | os.PathLike[str],
    namespace: str | None = None,
    prefix: str | None = None,
    name: str | None = None,
    replay: bool = False,
    debounce: float = 0.0,
    retries: int = 5,
    limit: int | None = None,
    agent_name: str | None = None,
    data_namespace: str = "default",
    tools: Mapping[str, Any] | None = None,
    snapshot: bool = True,
    on_error: OnError = "keep",
) -> int:
    """Run an agent for each batch of changes of a namespace (or of all), or of the keys there that start with a prefix.

    As `run_agent` does, for all since the last time: ``events`` of the input is a list with one event for each key
    (`Event.as_dict`), the rest is ``input``. What it writes then, itself or through programs and runs that it begins,
    does not set it off; of a key that others write too, the last writer counts. A run that raises is repeated
    after 0.5 s, 1 s, and so on up to 30 s, ``retries`` times; then its events are given up, and the logger ``fsstore``
    is told. With a ``name`` it goes on after a restart where it was, and what was given up comes again.

    ``debounce``: seconds that the first event of a batch waits for others; ``replay`` is that of `Store.watch`,
    ``data_namespace`` that of the agent's ``data_store``. Goes on until the store is closed, or for ``limit``
    batches; how many were given up.
    """
    with opening(store) as opened:

        def run(batch: list[Event], run_id: str) -> None:
            run_agent(
                agent,
                with_events(input, batch),
                store=opened,
                name=agent_name,
                namespace=data_namespace,
                tools=tools,
                snapshot=snapshot,
                on_error=on_error,
                run_id=run_id,
            )

        with opened.store.watch(prefix, namespace, name=name, replay=replay, manual=True) as events:
            reactor = Reactor(opened.store, events, run, name=name, debounce=debounce)
            return reactor.react(Retries(retries), _warn, limit)


def _escaped(name: str) -> str:
    """A name without what divides it from its neighbours, and what no run's id may hold."""
    return name.replace("%", "%25").replace(":", "%3A").replace("\0", "%00")


def _warn(error: BaseException, failures: int, pause: float | None) -> None:
    then = "given up" if pause is None else f"again in {pause:g} s"
    _log.warning("a run for changes failed (%s: %s); %s", type(error).__name__, error, then)


def with_events(input: Mapping[str, Any] | None, batch: list[Event]) -> dict[str, Any]:
    """The input of a run that reacts."""
    return {**(input or {}), "events": [event.as_dict() for event in batch]}
