"""The changes of a store in a directory, as the handles of one process see them: all share one observer."""

from __future__ import annotations

import os
import threading
import weakref

from fsstore.engine import Sink
from fsstore.engines.files.watching.hub import Hub, Watched
from fsstore.engines.files.watching.touched import observers
from fsstore.errors import Closed
from fsstore.events import Told, WatchStatus


class FileFeed:
    """What one engine's watchers are attached to."""

    def __init__(self, watched: Watched) -> None:
        self._watched = watched
        self._mutex = threading.RLock()  # a signal handler may close what its own thread attaches
        self._hub: Hub | None = None
        self._sinks: list[Sink] = []
        self._is_closed = False
        _everywhere.add(self)

    def attach(
        self, sink: Sink, namespace: str | None = None, since: Told | None = None, *, tell: bool = False
    ) -> Told | None:
        """Tell a sink of every change from now on; first of all that differs. Raises `Closed`."""
        with self._mutex:
            if self._is_closed:
                raise self._closed()
            if self._hub is not None and self._hub.has_ended:  # by a failure, which its watchers were told
                _leave(self._watched.tree.root, self._hub)
                self._hub, self._sinks = None, []
            if self._hub is None:
                self._hub = _join(self._watched)
            self._sinks.append(sink)
            hub = self._hub
        try:
            told = hub.attach(sink, namespace, since, tell=tell)
        except BaseException:
            self.detach(sink)
            raise
        with self._mutex:
            is_left = sink in self._sinks
        if not is_left:  # it was detached before it came: where others share the observer, it would be told for ever
            hub.detach(sink)
            if self._is_closed:
                raise self._closed()
        return told

    def _closed(self) -> Closed:
        return Closed(f"the store {self._watched.tree.root} was closed while somebody began to watch it.")

    def detach(self, sink: Sink) -> None:
        """Tell it nothing more; the last one of the process ends the thread."""
        with self._mutex:
            hub = self._hub
            if hub is None or sink not in self._sinks:
                return
            self._sinks.remove(sink)
            is_last = not self._sinks
            if is_last:
                self._hub = None
        try:
            hub.detach(sink)
        finally:
            if is_last:
                _leave(self._watched.tree.root, hub)

    def told(self, namespace: str | None = None) -> Told:
        """What is known to be there. Raises `Closed` if nobody watches: then it is not known what is."""
        if (hub := self._hub) is None:
            raise Closed(f"{self._watched.tree.root} is watched by nobody here.")
        return hub.told(namespace)

    def sync(self, timeout: float) -> None:
        """Return when every change that was complete before the call has been put."""
        if (hub := self._hub) is not None:
            try:
                hub.sync(timeout)
            except Closed:  # the last one has gone meanwhile
                if self._is_closed:
                    raise

    def status(self) -> WatchStatus:
        """How it goes."""
        hub = self._hub
        return WatchStatus("off") if hub is None else hub.status(len(self._sinks))

    def close(self) -> None:
        """Detach all; each is told that it has ended. Nobody is attached any more."""
        with self._mutex:
            self._is_closed = True
            sinks = list(self._sinks)
        for sink in sinks:
            self.detach(sink)
            sink.end(None)

    def start_over(self) -> None:
        """In a forked child: nobody watches here."""
        self._mutex = threading.RLock()  # a signal handler may close what its own thread attaches
        self._hub, self._sinks = None, []


_hubs: dict[str, Hub] = {}
_registry_lock = threading.RLock()  # a signal handler may close a store while its own thread begins to watch one
_everywhere: weakref.WeakSet[FileFeed] = weakref.WeakSet()


def _join(watched: Watched) -> Hub:
    """The observer of a store, with one user more."""
    root = watched.tree.root
    with _registry_lock:
        hub = _hubs.get(root)
        if hub is None or hub.has_ended:
            hub = _hubs[root] = observers[root] = Hub(watched)
        hub.users += 1
        return hub


def _leave(root: str, hub: Hub) -> None:
    """One user less; the last one stops it."""
    with _registry_lock:
        hub.users -= 1
        if hub.users:
            return
        if _hubs.get(root) is hub:
            del _hubs[root], observers[root]
    hub.stop()


def _after_fork_in_child() -> None:
    global _registry_lock
    _registry_lock = threading.RLock()
    for feed in list(_everywhere):
        feed.start_over()
    for hub in _hubs.values():
        hub.abandon()
    _hubs.clear()
    observers.clear()


os.register_at_fork(after_in_child=_after_fork_in_child)
