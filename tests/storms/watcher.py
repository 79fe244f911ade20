"""A program that watches a store, and says what is wrong with what it was told: ``-m storms.watcher OPTIONS``."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import pickle
import sys
import threading
import time
from pathlib import Path
from typing import Any

import fsstore
from fsstore.events import Event

from .disk import Place, read_all
from .flaws import FLAWS, PAUSES, be_patient
from .orders import Orders
from .told import Told
from .values import checked

SECONDS = 100.0
"""How long any sync may take, whatever else the machine does."""
NAME = "watcher"


class Watch:
    """One subscription, and what came of it."""

    def __init__(self, store: fsstore.Store, root: str, options: dict[str, Any], checks: dict[str, Any]) -> None:
        self._options = dict(options)
        self._store = store
        self._slow = self._options.pop("slow", 0.0)
        self._stuck_at, self._until = self._options.pop("stuck_at", ("", ""))
        self._log = self._options.pop("log", "")
        called = self._options.pop("called", False)
        self.events: list[Event] = []
        self.taking = True
        replayed = self._options.get("replay") or self._options.get("name") or self._options.get("since")
        self.told = Told({} if replayed else self._mine(read_all(root)), me=NAME, **checks)
        self.subscription = store.watch(callback=self._take if called else None, **self._options)
        self.iterates = not called

    def drain(self, timeout: float = 0.0) -> None:
        """Take what has come, if it has to be asked for; wait for the first so many seconds."""
        while self.iterates and self.taking and (event := self.subscription.get(timeout)) is not None:
            self._take(event)
            timeout = 0.0

    def drain_all(self) -> None:
        """Take what has come, and wait for what is put off."""
        while self.iterates and self.taking and self.subscription.pending:
            self.drain(0.01)

    def compare(self, there: dict[Place, Any]) -> None:
        """With what it is about of all that is there."""
        self.told.compare(self._mine(there))

    def _mine(self, there: dict[Place, Any]) -> dict[Place, Any]:
        namespace, prefix = self._options.get("namespace"), self._options.get("prefix") or ""
        return {
            place: value
            for place, value in there.items()
            if namespace in (None, place[0]) and place[1].startswith(prefix)
        }

    def _take(self, event: Event) -> None:
        if event.kind == "resync":
            values = {name: self._store.use_namespace(name).get_all() for name in self._store.list_namespaces()}
            self.told.read_anew(
                self._mine({(name, key): value for name, found in values.items() for key, value in found.items()})
            )
        self.told.take(event)
        self.events.append(event)  # so it is known that it is in hand
        while self._stuck_at and self._stuck_at == event.key and not os.path.exists(self._until):
            time.sleep(0.001)
        if self._slow:
            time.sleep(self._slow)
        if self._log:
            self._write(event)

    def _write(self, event: Event) -> None:
        fd = os.open(self._log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.write(fd, base64.b64encode(pickle.dumps(event)) + b"\n")
        os.close(fd)


class Watcher:
    """The verbs of this program."""

    def __init__(self, options: dict[str, Any]) -> None:
        self._root: str = options["root"]
        self.store = fsstore.open(self._root, NAME, create=False)
        checks = options.get("checks", {})
        self._watches = [Watch(self.store, self._root, each, checks) for each in options["watches"]]
        self._since = [0] * len(self._watches)
        self._count = 0

    def meanwhile(self) -> None:
        """Take what comes."""
        asked = [each for each in self._watches if each.iterates and each.taking]
        if not asked:
            time.sleep(0.005)
        for number, each in enumerate(asked):
            each.drain(0 if number else 0.01)

    @property
    def iterates(self) -> bool:
        """Whether something has to be asked for."""
        return any(each.iterates for each in self._watches)

    def check(self, *, sync: bool = True) -> dict[str, Any]:
        """Compare with the disk, after a sync; nobody may write meanwhile."""
        if sync:
            self.sync()
        there = read_all(self._root)
        for each in self._watches:
            if each.taking:
                each.compare(there)
        faults: dict[str, int] = {}
        for each in self._watches:
            for name, count in each.told.faults.items():
                faults[name] = faults.get(name, 0) + count
        return {
            "faults": faults,
            "samples": [sample for each in self._watches for sample in each.told.samples],
            "keys": len(there),
            "kinds": [dict(each.told.kinds) for each in self._watches],
            "merged": [each.told.merged for each in self._watches],
            "again": [each.told.again for each in self._watches],
            "status": self.status(),
        }

    def sync(self) -> None:
        """Be told all that has happened."""
        self.store.sync(SECONDS)
        for each in self._watches:
            each.drain_all()

    def news(self) -> list[list[list[Any]]]:
        """Kind, key and number of each event since the last call, by subscription, after a sync."""
        self.sync()
        return self.so_far()

    def so_far(self) -> list[list[list[Any]]]:
        """The same without a sync."""
        found = []
        for number, each in enumerate(self._watches):
            each.drain()
            events = each.events[self._since[number] :]
            self._since[number] += len(events)
            found.append([[event.kind, event.key, _number(event)] for event in events])
        return found

    def status(self) -> dict[str, Any]:
        """How the watching goes."""
        found: dict[str, Any] = self.store.watch_status()._asdict()
        return found

    def sleep(self) -> None:
        """Take nothing until `wake`."""
        for each in self._watches:
            each.taking = False

    def wake(self) -> None:
        """Take again what comes."""
        for each in self._watches:
            each.taking = True

    def set(self, namespace: str, key: str) -> None:
        """A change of this process itself."""
        self._count += 1
        self.store.use_namespace(namespace).set(key, checked(key, self._count, NAME))

    def resources(self) -> dict[str, Any]:
        """The threads and the descriptors of inotify that this process has now."""
        links = {}
        for name in os.listdir("/proc/self/fd"):
            with contextlib.suppress(OSError):
                links[name] = os.readlink(f"/proc/self/fd/{name}")
        inotify = [name for name, link in links.items() if link == "anon_inode:inotify"]
        watched = sum(Path(f"/proc/self/fdinfo/{name}").read_text().count("inotify wd:") for name in inotify)
        ours = [thread.name for thread in threading.enumerate() if thread.name not in ("MainThread", "orders")]
        return {"threads": ours, "inotify": len(inotify), "watched": watched, "descriptors": len(links)}

    def close(self) -> dict[str, Any]:
        """End all watching; what is left of it."""
        self.sleep()
        for each in self._watches:
            each.subscription.close()
        self.store.close()
        return self.resources()

    def fork(self, namespace: str, key: str) -> str:
        """What a forked child saw that wrote a key, and watched; it has ended when this returns."""
        from .forked import in_child

        return in_child(self.store, self._watches[0].subscription, namespace, key)


def _number(event: Event) -> Any:
    return event.value.get("number") if isinstance(event.value, dict) else None


def _verbs(watcher: Watcher) -> dict[str, Any]:
    names = ("check", "sync", "news", "so_far", "status", "sleep", "wake", "set", "resources", "close", "fork")
    return {name: getattr(watcher, name) for name in names}


if __name__ == "__main__":
    given = json.loads(sys.argv[1])
    be_patient(given.get("patience", {}))
    if "pause" in given:
        at, *what = given["pause"]
        PAUSES[at](*what)
    if given.get("flaw"):
        FLAWS[given["flaw"]]()
    work = Watcher(given)
    Orders().serve(_verbs(work), work.meanwhile if work.iterates else None)
    sys.stdout.flush()
    os._exit(0) if given.get("abrupt") else work.store.close()
