"""Flaws that can be put into the real engine of this process, each one switch, to see that a harness notices them."""

from __future__ import annotations

import itertools
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from fsstore.engines.files import carrying, layout, log, preparing, recovery, stripes, writer
from fsstore.engines.files.atomic import Tree
from fsstore.engines.files.carrying import Carrier
from fsstore.engines.files.consistent import Consistency
from fsstore.engines.files.directories import Directories
from fsstore.engines.files.intents import NOTHING_OPEN, Entry, Intents, Overlay
from fsstore.engines.files.log import Log
from fsstore.engines.files.placing import Placing
from fsstore.engines.files.plans import Planning
from fsstore.engines.files.reader import FileReader
from fsstore.engines.files.recovery import Recovery
from fsstore.engines.files.stripes import Stripe, Stripes

from .snapshot_flaws import SNAPSHOT_FLAWS

Patch = Callable[[pytest.MonkeyPatch], None]


def _nothing(*args: Any, **options: Any) -> None:
    """Instead of doing something."""


def _in_place_write(patch: pytest.MonkeyPatch) -> None:
    def put(self: Placing, staged: bytes, parent: bytes, name: bytes, directories: Directories) -> None:
        with open(staged, "rb") as new:
            content = new.read()
        fd = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, dir_fd=directories.make(parent))
        os.write(fd, content)
        os.close(fd)
        os.unlink(staged)

    patch.setattr(Placing, "put", put)


def _record_removed_first(patch: pytest.MonkeyPatch) -> None:
    sound = Placing.apply

    def apply(self: Placing, entry: Entry, directories: Directories) -> None:
        for name in os.listdir(f"{self._tree.root}/{layout.COMMITS}"):
            os.unlink(f"{self._tree.root}/{layout.COMMITS}/{name}")
        sound(self, entry, directories)

    patch.setattr(Placing, "apply", apply)


def _no_recovery(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Recovery, "after_opening", _nothing)
    patch.setattr(Recovery, "finish_dead", lambda self, numbers: self._stripes.gate.end(numbers))


def _unlock_forgotten(patch: pytest.MonkeyPatch) -> None:
    sound = stripes.release

    def release(held: list[Stripe]) -> None:
        if sys.exc_info()[0] is None:
            sound(held)

    patch.setattr(writer, "release", release)


def _no_discard(patch: pytest.MonkeyPatch) -> None:
    for module in (preparing, carrying):
        patch.setattr(module, "discard", _nothing)


def _no_lock(patch: pytest.MonkeyPatch) -> None:
    def acquire(
        self: Stripes, numbers: list[int], timeout: float | None = None, *, into: list[Stripe] | None = None
    ) -> list[Stripe]:
        held = [] if into is None else into
        for number in numbers:
            stripe = self._stripes[number]
            if stripe.fd < 0:
                stripe.adopt(os.open(stripe.path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC))
            held.append(stripe)
        return held

    patch.setattr(Stripes, "acquire", acquire)
    patch.setattr(Stripes, "require_outside", _nothing)


def _stale_cache(patch: pytest.MonkeyPatch) -> None:
    sound = FileReader.get
    known: dict[tuple[str, str], dict[str, Any]] = {}
    calls = itertools.count(1)

    def get(self: FileReader, namespace: str, keys: Any) -> dict[str, Any]:
        if len(keys) != 1:
            return sound(self, namespace, keys)
        if (namespace, keys[0]) not in known or next(calls) % 4 == 0:
            known[namespace, keys[0]] = sound(self, namespace, keys)
        return known[namespace, keys[0]]

    patch.setattr(FileReader, "get", get)


def _no_gate(patch: pytest.MonkeyPatch) -> None:
    def view(self: Consistency, stripes: Any, read: Callable[[Overlay], Any], *others: Any) -> Any:
        return read(NOTHING_OPEN)

    patch.setattr(Consistency, "view", view)


def _renamed_before_sync(patch: pytest.MonkeyPatch) -> None:
    sound = Placing.put
    late: list[Log] = []

    def put(self: Placing, staged: bytes, parent: bytes, name: bytes, directories: Directories) -> None:
        sound(self, staged, parent, name, directories)
        for each in late:
            if each._file.fd >= 0:
                os.fdatasync(each._file.fd)
        late.clear()

    patch.setattr(Log, "sync", lambda self, at: late.append(self))
    patch.setattr(Placing, "put", put)


def _no_checksum(patch: pytest.MonkeyPatch) -> None:
    class Zlib:
        crc32 = staticmethod(lambda payload, epoch: 0)

    patch.setattr(log, "zlib", Zlib)


def _no_sync_of_a_new_store(patch: pytest.MonkeyPatch) -> None:
    sound = Tree.stage
    patch.setattr(Tree, "stage", lambda self, path, raw, like=None, sync=False: sound(self, path, raw, like))
    patch.setattr(layout, "sync_files", _nothing)
    patch.setattr(log, "sync_directories", _nothing)


def _setting(owner: object, name: str) -> Patch:
    return lambda patch: patch.setattr(owner, name, _nothing)


FLAWS: dict[str, Patch] = {
    "in-place-write": _in_place_write,
    "no-intent": _setting(Intents, "publish"),
    "record-removed-first": _record_removed_first,
    "no-recovery": _no_recovery,
    "no-sweep": _setting(Recovery, "_sweep"),
    "no-discard": _no_discard,
    "descriptors-left-open": _setting(Directories, "close"),
    "unlock-forgotten": _unlock_forgotten,
    "no-comparison": _setting(Planning, "require_same"),
    "no-taking-back": _setting(Carrier, "_take_back"),
    "no-lock": _no_lock,
    "stale-cache": _stale_cache,
    "no-gate": _no_gate,
    "no-sync-of-the-log": _setting(Log, "sync"),
    "renamed-before-sync": _renamed_before_sync,
    "no-checksum": _no_checksum,
    "no-sync-of-a-new-store": _no_sync_of_a_new_store,
    "no-sync-at-a-checkpoint": _setting(recovery, "sync_all"),
    "no-replay": _setting(Recovery, "_replay"),
    **SNAPSHOT_FLAWS,
}


@contextmanager
def flawed(name: str) -> Iterator[None]:
    """The engine with this flaw."""
    with pytest.MonkeyPatch.context() as patch:
        FLAWS[name](patch)
        yield
