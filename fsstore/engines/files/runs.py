"""Which runs are under way, and what the keys were before those that may be taken back. It makes no snapshot.

A run is a file in `.fsstore/runs`, locked while it lasts, so that a killed process's run is told from one that goes on.
Beside it lie the before-images of an undoable run: one file for each key, written under the key's lock before the
run's first write of it, by whatever process of the run that is.
"""

from __future__ import annotations

import contextlib
import hashlib
import math
import os
import shutil
import weakref
from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

import orjson
from filelock import lock_descriptor, unlock_descriptor

from fsstore.engine import already_under_way
from fsstore.engines.files.atomic import READ, READ_WRITE, Tree, discard
from fsstore.engines.files.layout import RUNS, TMP
from fsstore.engines.files.locked import sharing
from fsstore.engines.files.waiting import pauses
from fsstore.records import Author, Run

_LIMIT = 1 << 40
_ENDING = ".json"
_IMAGES = ".before"
_STOPPED = 10.0  # seconds for which whoever looks at a run is waited for


class Image(NamedTuple):
    """What a key was before a run."""

    namespace: str
    key: str
    raw: bytes | None
    """The value's file; ``None`` if there was none."""
    sidecar: bytes | None
    author: Author
    """Who had left it so."""


_everywhere: weakref.WeakSet[Runs] = weakref.WeakSet()


class Runs:
    """The runs of one store."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        self._held: dict[str, int] = {}
        """Descriptors of this process's runs."""
        _everywhere.add(self)

    def begin(self, run: Run) -> None:
        """Note a run that begins. Raises `Conflict` if one of that id is under way."""
        os.close(self._tree.make_directories(RUNS))
        fd = self._claimed(run.id)
        try:
            self._write(fd, run)
            if run.undoable:
                os.close(self._tree.make_directories(_images(run.id)))
        except BaseException:
            os.close(fd)
            raise
        self._held[run.id] = fd

    def _claimed(self, run: str) -> int:
        """The file of a run, locked for it alone.

        Others may look at the one of an earlier run of this id, or remove it; they share their lock, so that they are
        told from a run, and waited for.
        """
        path = _path(run)
        for _ in pauses(_STOPPED):
            fd = self._tree.open(path, READ_WRITE)
            try:
                if lock_descriptor(fd, blocking=False):
                    if self._is_at(path, fd):
                        return fd
                else:
                    with sharing(fd) as is_looked_at:
                        if not is_looked_at:
                            raise already_under_way(run)
            except BaseException:
                os.close(fd)
                raise
            os.close(fd)
        raise already_under_way(run)

    def _is_at(self, path: str, fd: int) -> bool:
        try:
            return os.path.samestat(self._tree.stat(path), os.fstat(fd))
        except FileNotFoundError:
            return False

    def end(self, run: Run) -> None:
        """Note how a run of this process ended; it stays on the list until it is forgotten."""
        fd = self._held.pop(run.id, -1)
        if fd < 0:
            return
        try:
            self._write(fd, run)
        finally:
            unlock_descriptor(fd)  # closing is not enough where a child was forked meanwhile
            os.close(fd)
        shutil.rmtree(f"{self._tree.root}/{_images(run.id)}", ignore_errors=True)

    def start_over(self) -> None:
        """In a forked child: its parent's runs are not its own, and end with the parent, though the child goes on."""
        held, self._held = self._held, {}
        for fd in held.values():
            os.close(fd)  # which unlocks nothing while the parent has it

    def forget(self, runs: list[Run]) -> None:
        """Take runs that ended off the list, but for those whose id is in use again."""
        for run in runs:
            try:
                fd = self._tree.open(_path(run.id), READ)
            except OSError:
                continue
            try:
                with sharing(fd) as is_over:
                    if is_over and ((noted := _read(fd)) is None or noted.since == run.since):
                        discard(self._tree.absolute(_path(run.id)))
                        shutil.rmtree(f"{self._tree.root}/{_images(run.id)}", ignore_errors=True)
            finally:
                os.close(fd)

    def all(self) -> dict[str, Run]:
        """The runs on the list; of one that has no process any more the status is ``killed``."""
        try:
            names = os.listdir(f"{self._tree.root}/{RUNS}")
        except FileNotFoundError:
            return {}
        found = [self._load(f"{RUNS}/{name}") for name in names if name.endswith(_ENDING)]
        return {run.id: run for run in found if run is not None}

    def oldest(self) -> float:
        """When the first run on the list began, in seconds since the epoch; infinite without any."""
        began = [datetime.fromisoformat(run.since).timestamp() for run in self.all().values()]
        return min(began, default=math.inf)

    def _load(self, path: str) -> Run | None:
        try:
            fd = self._tree.open(path, READ)
        except OSError:
            return None
        try:
            run = _read(fd)
            if run is None or run.status != "running" or run.id in self._held:
                return run
            with sharing(fd) as is_over:
                run = _read(fd)  # it may have ended meanwhile
                return run._replace(status="killed") if is_over and run and run.status == "running" else run
        finally:
            os.close(fd)

    def _write(self, fd: int, run: Run) -> None:
        raw = orjson.dumps(tuple(run)) + b"\n"  # what a longer one leaves behind it is not read
        os.pwrite(fd, raw, 0)
        os.ftruncate(fd, len(raw))

    # -- before-images -----------------------------------------------------------------------------

    def keeps_images(self, run: str) -> bool:
        """Whether what this run overwrites is to be kept."""
        return os.access(self._tree.absolute(_images(run)), os.F_OK)

    def keep(self, run: str, image: Image, stripe: int) -> None:
        """Keep what a key was, unless an earlier image of it is there. The caller holds the key's stripe."""
        head = [image.namespace, image.key, _size(image.raw), _size(image.sidecar), *image.author]
        path = self._tree.absolute(f"{_images(run)}/{_name(image.namespace + chr(0) + image.key)}")
        if os.access(path, os.F_OK):
            return
        staged = self._tree.absolute(f"{TMP}/{self._tree.new_name(stripe)}")
        os.close(self._tree.make_directories(TMP))
        self._tree.stage(staged, orjson.dumps(head) + b"\n" + (image.raw or b"") + (image.sidecar or b""))
        with contextlib.suppress(FileNotFoundError):  # the run has ended
            os.rename(staged, path)
        discard(staged)

    def images(self, run: str) -> Iterator[Image]:
        """What the keys of a run were."""
        directory = _images(run)
        try:
            names = sorted(os.listdir(f"{self._tree.root}/{directory}"))
        except FileNotFoundError:
            return
        for name in names:
            head, _, rest = self._tree.read(f"{directory}/{name}", _LIMIT).partition(b"\n")
            namespace, key, size, below, *author = orjson.loads(head)
            raw = None if size is None else rest[:size]
            yield Image(namespace, key, raw, None if below is None else rest[size or 0 :], Author(*author))


def _after_fork_in_child() -> None:
    for runs in list(_everywhere):
        runs.start_over()


os.register_at_fork(after_in_child=_after_fork_in_child)


def _read(fd: int) -> Run | None:
    try:
        return Run(*orjson.loads(os.pread(fd, 1 << 20, 0).partition(b"\n")[0]))
    except (ValueError, TypeError):
        return None


def _name(text: str) -> str:
    return hashlib.sha1(text.encode("utf-8", "surrogatepass"), usedforsecurity=False).hexdigest()


def _path(run: str) -> str:
    return f"{RUNS}/{_name(run)}{_ENDING}"


def _images(run: str) -> str:
    return f"{RUNS}/{_name(run)}{_IMAGES}"


def _size(raw: bytes | None) -> int | None:
    return None if raw is None else len(raw)
