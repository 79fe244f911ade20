"""Flaws that can be put into the real hub of this process, each one switch, to see that a storm notices them."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from fsstore.engines.files.watching import held
from fsstore.engines.files.watching.directories import Directory
from fsstore.engines.files.watching.inotify import Inotify
from fsstore.engines.files.watching.reconcile import Reconciler
from fsstore.engines.files.watching.scan import Scan
from fsstore.events import Event
from fsstore.watching.entries import Entry, Name
from fsstore.watching.pending import Pending
from fsstore.watching.worker import Worker


def _replace(owner: type, name: str, function: Callable[..., object]) -> None:
    """From now on, in this process."""
    assert hasattr(owner, name)
    setattr(owner, name, function)


def be_patient(patience: Mapping[str, float]) -> None:
    """Let the hub of this process wait longer than it does by default: names of `held`, in seconds."""
    for name, seconds in patience.items():
        assert hasattr(held, name)
        setattr(held, name, int(seconds * 1e9))


def pause(where: str, stage: str) -> None:
    """Wait until another process calls `go_on`."""
    with open(f"{where}/{stage}", "w"):
        pass
    while os.path.exists(f"{where}/{stage}"):
        time.sleep(0.001)


def pause_at_watches(directory: str, where: str) -> None:
    """Pause ``before`` and ``after`` the first watch of a directory of this name."""
    add, stages = Inotify.add, ["after", "before"]

    def paused(self: Inotify, path: bytes, fd: int) -> int:
        if os.path.basename(os.fsdecode(path)) != directory or not stages:
            return add(self, path, fd)
        pause(where, stages.pop())
        number = add(self, path, fd)
        pause(where, stages.pop())
        return number

    _replace(Inotify, "add", paused)


def pause_at_files(key: str, where: str) -> None:
    """Pause when the file of a key is going to be ``opened``, and when it was found ``absent``: each time once."""
    settle, absent, stages = Reconciler._settle, Reconciler._absent, {"opened", "absent"}

    def once(stage: str, path: str) -> None:
        if path.endswith(f"/{key}.json") and stage in stages:
            stages.remove(stage)
            pause(where, stage)

    def paused(self: Reconciler, path: str, mask: int) -> None:
        once("opened", path)
        settle(self, path, mask)

    def paused_again(self: Reconciler, directory: Directory, name: str, mask: int) -> None:
        once("absent", directory.prefix + name)
        absent(self, directory, name, mask)

    _replace(Reconciler, "_settle", paused)
    _replace(Reconciler, "_absent", paused_again)


PAUSES: dict[str, Callable[[str, str], None]] = {"watches": pause_at_watches, "files": pause_at_files}


def go_on(where: Path, stage: str, meanwhile: Callable[[], object]) -> None:
    """Wait until a hub is paused at a stage, do something, and let it go on. For another process."""
    while not (where / stage).exists():
        time.sleep(0.001)
    meanwhile()
    (where / stage).unlink()


def _no_rescan() -> None:
    sound = Reconciler.hint

    def hint(self: Reconciler, raw: bytes) -> None:
        sound(self, raw)
        self._everything = False

    _replace(Reconciler, "hint", hint)


def _no_hold() -> None:
    def is_whole(self: Reconciler, *args: Any) -> bool:
        return True

    _replace(Reconciler, "_is_whole", is_whole)


def _listed_before_watched() -> None:
    watch, compare = Scan._watch, Scan._compare

    def not_yet(self: Scan, path: str, fd: int) -> int:
        return self.directories[path].watch

    def compare_first(self: Scan, directory: Directory, fd: int) -> set[str]:
        below = compare(self, directory, fd)
        self._note_watch(directory, watch(self, directory.path, fd))
        return below

    _replace(Scan, "_watch", not_yet)
    _replace(Scan, "_compare", compare_first)


def _moves_of_the_store_ignored() -> None:
    """Nor is what was not found looked for once more, by which most of it would be found."""
    sound = Reconciler._hint_itself

    def hint_itself(self: Reconciler, number: int, directory: Directory | None, mask: int) -> None:
        everything = self._everything
        sound(self, number, directory, mask)
        self._everything = everything

    _replace(Reconciler, "_hint_itself", hint_itself)
    _replace(Scan, "_mode", lambda self, path: 0)


def _moved_watches_kept() -> None:
    watch = Scan._watch
    kept: dict[str, int] = {}

    def unwatch(self: Scan, directory: Directory) -> None:
        kept[directory.path] = directory.watch

    def watch_once(self: Scan, path: str, fd: int) -> int:
        return kept[path] if path in kept else watch(self, path, fd)

    _replace(Scan, "_unwatch", unwatch)
    _replace(Scan, "_watch", watch_once)


def _noted_in_hand() -> None:
    sound = Worker._handle

    def handle(self: Worker, entry: Entry) -> None:
        self._progress.handled(entry)
        sound(self, entry)

    _replace(Worker, "_handle", handle)


def _oldest_kept() -> None:
    def merge(self: Pending, name: Name, old: Entry, event: Event) -> None:
        """What waits is told."""

    _replace(Pending, "_merge", merge)


FLAWS: dict[str, Callable[[], None]] = {
    "no rescan after an overflow": _no_rescan,
    "no hold of half-written files": _no_hold,
    "new directories are listed before they are watched": _listed_before_watched,
    "a moved directory's watches are kept": _moved_watches_kept,
    "a store that was away for an instant is not looked through": _moves_of_the_store_ignored,
    "a cursor notes what is still in hand": _noted_in_hand,
    "the oldest state of a key is kept": _oldest_kept,
}
