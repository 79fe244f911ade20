"""Those who are told of the changes of one store, all by one thread. It finds no change."""

from __future__ import annotations

import logging

from fsstore.engine import Sink
from fsstore.errors import StoreError
from fsstore.events import GONE, REVISION, Event, Kind

Strange = dict[tuple[str, str], bytes]

_log = logging.getLogger("fsstore")

_TOGETHER = 64  # events


class Audience:
    """The sinks, and the events that they are to get."""

    def __init__(self) -> None:
        self._sinks: list[tuple[Sink, str | None, Strange]] = []
        self._untold: list[Event] = []

    def add(self, sink: Sink, namespace: str | None, strange: Strange) -> None:
        """Tell it what follows, of one namespace or of all.

        ``strange``: of some keys it does not know what all others do, but has this mark of them, or an empty one.
        """
        self._sinks.append((sink, namespace, strange))

    def remove(self, sink: Sink) -> None:
        """Tell it nothing more. Nothing, if it is not there."""
        self._sinks = [each for each in self._sinks if each[0] is not sink]

    def tell(self, event: Event) -> None:
        """Gather what is to be told: with one event at a time the threads of watchers would be woken for each."""
        self._untold.append(event)
        if len(self._untold) >= _TOGETHER:
            self.hand_over()

    def hand_over(self) -> None:
        """Let all have what was gathered."""
        if not self._untold:
            return
        events, self._untold = self._untold, []
        for sink, namespace, strange in self._sinks:
            put = sink.put
            for event in events:
                if namespace is None or namespace == event.namespace:
                    told = _as_known(event, strange) if strange else event
                    try:
                        if told is not None:
                            put(told)
                    except Exception:
                        _log.exception("a watcher could not take a change")  # its failure is its own

    def end(self, error: StoreError | None) -> None:
        """Nothing more will come; with the error why, if it was not asked for."""
        sinks, self._sinks = self._sinks, []
        for sink, _, _ in sinks:
            sink.end(error)


def _as_known(event: Event, strange: Strange) -> Event | None:
    """The event as it is for somebody who knows some keys otherwise; ``None`` if it is none for them."""
    old = strange.pop((event.namespace, event.key), None)
    if old is None:
        return event
    if (event.kind in GONE and not old) or (old and old[-REVISION:] == event.mark[-REVISION:]):
        return None
    kind: Kind = event.kind if event.kind in (*GONE, "invalid") else "updated" if old else "created"
    return event._replace(kind=kind, old_mark=old)
