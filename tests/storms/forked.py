"""What a child forked from a watching process has of it. Run inside the watcher."""

from __future__ import annotations

import os
import traceback
import warnings
from typing import Any

import fsstore

from .values import checked

NAME = "a child"
_SECONDS = 60.0


def in_child(store: fsstore.Store, inherited: Any, namespace: str, key: str) -> str:
    """Fork; what the child reports of the inherited subscription and of its own, after it has ended."""
    reading, writing = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # forking beside threads is what is tested
        pid = os.fork()
    if pid == 0:
        try:
            report = _work(store, inherited, namespace, key)
        except BaseException:
            report = traceback.format_exc()
        os.write(writing, report.encode())
        os._exit(0)
    os.close(writing)
    with open(reading) as file:
        report = file.read()
    os.waitpid(pid, 0)
    return report


def _work(store: fsstore.Store, inherited: Any, namespace: str, key: str) -> str:
    try:
        ended = f"an event: {inherited.get(_SECONDS)}"
    except (fsstore.StoreError, StopIteration) as error:
        ended = type(error).__name__
    with store.watch(namespace=namespace) as own:
        store.handle(namespace, agent=NAME).set(key, checked(key, 1, NAME))
        store.sync(_SECONDS)
        event = own.get(0)
    store.close()
    return f"{ended}; {event.kind if event else None} {event.key if event else None} {event.own if event else None}"
