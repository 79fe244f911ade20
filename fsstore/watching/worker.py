"""The thread that calls the callback of one subscription, one event at a time. It decides nothing about events."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from fsstore.events import Event

if TYPE_CHECKING:
    from fsstore.watching.entries import Entry
    from fsstore.watching.pending import Pending
    from fsstore.watching.progress import Progress

_log = logging.getLogger("fsstore")
_here = threading.local()

Callback = Callable[[Event], object]


class Worker(threading.Thread):
    """Calls the callback with every event that waits, until no more will come."""

    def __init__(self, pending: Pending, progress: Progress, callback: Callback) -> None:
        super().__init__(name="fsstore-callback", daemon=True)
        self._pending = pending
        self._progress = progress
        self._callback = callback

    def run(self) -> None:
        """Call it, and note what it has handled. Nothing that is raised ends the thread."""
        _here.calls = True
        handle, following = self._handle, self._pending.next
        while (found := following(None)) is not None:
            try:
                if isinstance(found, tuple):
                    handle(found)
                else:
                    found()
            except BaseException:
                _log.exception("what a watcher has handled could not be noted; it is told of it again when it resumes")
        if self._pending.error is not None:
            _log.error("a subscription ended: %s", self._pending.error)

    def _handle(self, entry: Entry) -> None:
        try:
            self._callback(entry[0])
        except BaseException:
            kind, namespace, key = entry[0][:3]
            _log.exception("the callback %r failed: %s %r in namespace %r", self._callback, kind, key, namespace)
            self._progress.failed(entry)
        else:
            self._progress.handled(entry)


def is_callback() -> bool:
    """Whether the calling code is, or was called by, a callback of a subscription."""
    return getattr(_here, "calls", False)
