"""Those who tell a function every value that is put below a directory, each at its fastest. No clock here."""

from __future__ import annotations

import ctypes
import os
import select
import struct
import threading
from collections.abc import Callable
from typing import Any

import orjson

import fsstore
from benchmark import peers

Told = Callable[[Any], None]
"""Called with each value, in whatever thread it is found."""
NAMESPACE = "default"
_SUFFIX = ".json"
_BUFFER = 1 << 16
_LARGEST = 1 << 14  # bytes of a value here; a smaller buffer is made faster


def read(path: str | bytes) -> Any:
    """The value of a file, by the fewest calls there are."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        raw = os.read(fd, _LARGEST)
    finally:
        os.close(fd)
    return orjson.loads(raw)


class Ours:
    """A store that is watched, with a function that one thread more calls."""

    def __init__(self, root: str, told: Told) -> None:
        def tell(event: fsstore.Event) -> None:
            told(event.value)

        self.store = fsstore.open(root)
        self.store.watch(callback=tell)


class Inotify:
    """The kernel's descriptor, without a library."""

    MASK = 0x2 | 0x8 | 0x40 | 0x80 | 0x100 | 0x200  # modify, close after writing, moved from and to, create, delete
    MOVED_TO, CREATED = 0x80, 0x100
    HEAD = struct.Struct("iIII")

    def __init__(self) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)
        self.fd: int = self._libc.inotify_init1(os.O_CLOEXEC | os.O_NONBLOCK)
        assert self.fd >= 0, os.strerror(ctypes.get_errno())

    def add(self, directory: str, mask: int) -> int:
        """Watch a directory; the number that its events will have."""
        number: int = self._libc.inotify_add_watch(self.fd, os.fsencode(directory), mask)
        assert number >= 0, (directory, os.strerror(ctypes.get_errno()))
        return number


class Raw:
    """What any watcher must do at least: poll, read the events, open, read, close, parse, call; all in one thread."""

    def __init__(self, root: str, told: Told) -> None:
        self._inotify = Inotify()
        self._told = told
        self._directories = {
            self._inotify.add(parent, Inotify.MASK): os.fsencode(parent)
            for parent, _, _ in os.walk(f"{root}/{NAMESPACE}")
        }
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        fd, unpack, told, directories = self._inotify.fd, Inotify.HEAD.unpack_from, self._told, self._directories
        ready = select.poll()
        ready.register(fd, select.POLLIN)
        while True:
            ready.poll()
            data = os.read(fd, _BUFFER)
            at, end = 0, len(data)
            while at < end:
                number, mask, _, length = unpack(data, at)
                at += 16 + length
                if mask & Inotify.MOVED_TO:
                    told(read(directories[number] + b"/" + data[at - length : at].rstrip(b"\0")))


class Observer:
    """watchdog's Observer, asked for nothing but new files (a rename into the directory is one), and a read."""

    def __init__(self, root: str, told: Told) -> None:
        from watchdog.events import FileCreatedEvent, FileSystemEvent, FileSystemEventHandler
        from watchdog.observers import Observer as _Observer

        class Handler(FileSystemEventHandler):
            def dispatch(self, event: FileSystemEvent) -> None:
                told(read(event.src_path))

        observer = _Observer()
        observer.schedule(Handler(), f"{root}/{NAMESPACE}", recursive=True, event_filter=[FileCreatedEvent])
        observer.start()


class Watchfiles:
    """watchfiles with the shortest waits that it has, and a read."""

    def __init__(self, root: str, told: Told) -> None:
        self._module = peers.load("watchfiles")
        self._told = told
        self._directory = f"{root}/{NAMESPACE}"
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        # It sleeps a step, looks, and gives what it has when a step brought nothing more or `debounce` is over.
        options = {"watch_filter": None, "debounce": 1, "step": 1, "rust_timeout": 100, "raise_interrupt": False}
        for changes in self._module.watch(self._directory, **options):
            for _, path in changes:
                if path.endswith(_SUFFIX):
                    self._told(read(path))


CONTENDERS: dict[str, Callable[[str, Told], object]] = {
    "fsstore": Ours,
    "raw inotify": Raw,
    "Observer": Observer,
    "watchfiles": Watchfiles,
}
