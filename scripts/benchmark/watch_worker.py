"""What runs in a process of its own for the rows about watching: a watcher, a writer, one who begins to watch."""

from __future__ import annotations

import gc
import os
import select
import sys
import time
from typing import Any

import fsstore
from benchmark import workload
from benchmark.calls import serve
from benchmark.watch_contenders import CONTENDERS, NAMESPACE, Inotify, Ours
from fsstore import values

_PATIENCE = 60  # seconds for what should take far less than one
_VALUES = workload.values(500)
_LOOK = 0.02  # seconds between two looks whether all were told


class Watcher:
    """Notes when it is told what. Its main thread waits in a read while others work."""

    def __init__(self, kind: str, root: str) -> None:
        self._numbers: list[int] = []
        self._times: list[int] = []
        numbers, times, clock = self._numbers, self._times, time.monotonic_ns

        def told(value: Any) -> None:
            times.append(clock())
            numbers.append(value["number"])

        self._watching = CONTENDERS[kind](root, told)

    def take(self, count: int) -> list[tuple[int, int]]:
        """The number of each value told since the last call and when (see `Writer`), when there are so many."""
        until = time.monotonic() + _PATIENCE
        while len(self._numbers) < count:
            assert time.monotonic() < until, (len(self._numbers), count)
            time.sleep(_LOOK)
        found = list(zip(self._numbers, self._times, strict=True))
        self._numbers.clear()
        self._times.clear()
        return found

    def settled(self) -> list[tuple[int, int]]:
        """The same when all that happened before has been told, however much it was."""
        assert isinstance(self._watching, Ours)
        self._watching.store.sync()
        assert self._watching.store.watch_status().overflows == 0
        return self.take(0)


class Writer:
    """Changes the keys of several stores, with fsstore and without it. Times are the system's monotonic nanoseconds."""

    def __init__(self) -> None:
        self._stores: dict[str, fsstore.Store] = {}
        self._renamed: list[int] = []
        rename, renamed, clock = os.rename, self._renamed, time.monotonic_ns

        def timed(*names: Any, **directories: Any) -> None:
            renamed.append(clock())
            rename(*names, **directories)

        os.rename = timed

    def _store(self, root: str) -> fsstore.Store:
        if root not in self._stores:
            self._stores[root] = fsstore.open(root, agent="writer")
        return self._stores[root]

    def set(self, root: str, keys: list[str], first: int, pause: float) -> list[tuple[int, int]]:
        """Give each key its next value, numbered from ``first``: number, time right before the rename."""
        store, times = self._store(root), []
        for number, key in enumerate(keys, first):
            value = _value(number)
            time.sleep(pause)
            self._renamed.clear()
            store.set(key, value)
            times.append((number, self._renamed[-1]))
        return times

    def save(self, root: str, key: str, first: int, count: int, pause: float) -> list[tuple[int, int]]:
        """Save a file in place as VS Code does, in pieces: number, time of the close."""
        times = []
        for number in range(first, first + count):
            raw = _raw(number)
            time.sleep(pause)
            fd = os.open(_path(root, key), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
            for at in range(0, len(raw), 512):
                os.write(fd, raw[at : at + 512])
            times.append((number, time.monotonic_ns()))
            os.close(fd)
        return times

    def vim(self, root: str, key: str, number: int) -> None:
        """Save a file as vim does: try the directory, move the file away, write it anew, remove the old one."""
        path, raw = _path(root, key), _raw(number)
        probe = f"{os.path.dirname(path)}/4913"
        os.close(os.open(probe, os.O_CREAT | os.O_WRONLY))
        os.unlink(probe)
        os.rename(path, f"{path}~")
        fd = os.open(path, os.O_WRONLY | os.O_CREAT, 0o644)
        os.write(fd, raw)
        os.fsync(fd)
        os.close(fd)
        os.chmod(path, 0o644)
        os.unlink(f"{path}~")

    def snapshot(self, root: str) -> bool:
        """Commit what was changed; whether anything was."""
        return self._store(root).snapshot() is not None

    def read(self, root: str, keys: list[str]) -> int:
        """Read each key and list them all; how many there were."""
        store = self._store(root)
        return sum(store.get(key) is not None for key in keys) + len(store.list_keys())


class Beginner:
    """Begins to watch a store, and ends it, again and again; or walks over its files, which is the least of that."""

    def __init__(self, root: str) -> None:
        self._root = root
        self._store = fsstore.open(root)

    def walk(self) -> int:
        """How many files there are, each with its status."""
        count, directories = 0, [self._root]
        while directories:
            with os.scandir(directories.pop()) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        directories.append(entry.path)
                    else:
                        entry.stat(follow_symlinks=False)
                        count += 1
        return count

    def start(self) -> None:
        """Begin to watch."""
        self._subscription = self._store.watch()

    def resume(self, count: int) -> None:
        """Begin to watch where a watcher of this name ended, and be told of so many changes in between."""
        self._subscription = self._store.watch(name="resumed")
        for _ in range(count):
            assert self._subscription.get(_PATIENCE) is not None

    def end(self) -> int:
        """Stop watching, and be ready for the next time; how many events were left."""
        left: int = self._subscription.pending
        with self._subscription:
            pass
        gc.collect()
        return left

    def memory(self) -> int:
        """Bytes of this process that are no other's and no file's."""
        gc.collect()
        with open("/proc/self/smaps_rollup", encoding="ascii") as lines:
            return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("Anonymous:"))


class Syncer:
    """Waits for all that is on its way, with a store and with the kernel's descriptor, in turns."""

    def __init__(self, root: str) -> None:
        self._ours = Ours(root, lambda value: None)
        self._directory = f"{root}-raw"
        os.mkdir(self._directory)
        self._inotify = Inotify()
        self._inotify.add(self._directory, Inotify.CREATED)
        self._ready = select.poll()
        self._ready.register(self._inotify.fd, select.POLLIN)

    def turns(self, count: int) -> list[tuple[float, float]]:
        """Seconds of each `sync` and of the round trip after it."""
        sync, clock, found = self._ours.store.sync, time.perf_counter, []
        for number in range(count):
            start = clock()
            sync()
            middle = clock()
            self._round_trip(f"{self._directory}/{number}")
            found.append((middle - start, clock() - middle))
            os.unlink(f"{self._directory}/{number}")
        return found

    def _round_trip(self, path: str) -> None:
        os.close(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC))
        self._ready.poll()
        data = os.read(self._inotify.fd, 4096)
        _, _, _, length = Inotify.HEAD.unpack_from(data, 0)
        assert path.encode().endswith(b"/" + data[16 : 16 + length].rstrip(b"\0"))


class Subscriber:
    """Has several subscriptions of one store."""

    def __init__(self, root: str) -> None:
        self._store = fsstore.open(root)
        self._kept: list[object] = []

    def iterators(self, count: int) -> None:
        """As many more without a function."""
        self._kept += [self._store.watch() for _ in range(count)]

    def callbacks(self, count: int) -> None:
        """As many more with one."""
        self._kept += [self._store.watch(callback=lambda event: None) for _ in range(count)]


WORKERS = {"watcher": Watcher, "writer": Writer, "beginner": Beginner, "syncer": Syncer, "subscriber": Subscriber}


def _path(root: str, key: str) -> str:
    return f"{root}/{NAMESPACE}/{key.replace(':', '/')}.json"


def _raw(number: int) -> bytes:
    return values.encode(_value(number))


def _value(number: int) -> dict[str, Any]:
    """No two alike; making one takes longer than setting it."""
    return {**_VALUES[number % len(_VALUES)], "number": number}


if __name__ == "__main__":
    serve(WORKERS[sys.argv[1]](*sys.argv[2:]))
