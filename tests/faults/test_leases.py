"""A kill or an error at every system call of a write under a lease: the name is free again, and nothing is left."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from files.holders import entries, is_free

import fsstore
from fsstore import Store, StoreError
from fsstore.engines.files.locks import HOLDERS, LOCKS, FileLocks
from fsstore.records import Claim

from .disturbed import ERRORS, ROUNDS, Scene
from .traced import Call, Ended, run
from .verbs import Verb, litter

pytestmark = pytest.mark.usefixtures("strace")


def write_under_lease(store: Store) -> None:
    with store.lock("x", ttl=60) as held:
        store.set("k", 1, lease=held)


def write_and_let_go(store: Store) -> None:
    """The same, then what the process that met an error finds itself."""
    try:
        write_under_lease(store)
    finally:
        assert is_free(store, "x", timeout=1), "its own process keeps the lock"
        left = [path for path in open_paths() if f"/{LOCKS}/" in path or f"/{HOLDERS}/" in path]
        assert not left, f"left open: {left}"
        store.set("k", 2)


def open_paths() -> list[str]:
    paths = []
    for fd in os.listdir("/proc/self/fd"):
        try:
            paths.append(os.readlink(f"/proc/self/fd/{fd}"))
        except OSError:  # the listing's own
            continue
    return paths


def complaint(root: Path, expected: list[Any]) -> str | None:
    """What others find wrong afterwards."""
    with fsstore.open(root) as store:
        if not is_free(store, "x", timeout=1):
            return f"still held by {store.locked_by('x')}"
        if store.get("k") not in expected:
            return f"the key has {store.get('k')!r}"
        with store.lock("x") as held:
            store.set("k", 3, lease=held)
    with fsstore.open(root) as store:
        with store.lock("another"):  # the first lock of a store sweeps
            pass
        left = [*entries(root, LOCKS), *(name for name in entries(root, HOLDERS) if name != "next"), *litter(root)]
        return f"left {left}" if left else None


def a_scene(scratch: Path) -> tuple[Scene, list[Call]]:
    scene = Scene(scratch, Verb("lease", write_under_lease, 1))
    return scene, scene.calls()


def under(scene: Scene, inject: str, *, live: bool) -> Ended:
    with scene.opened() as store:
        return run(lambda: write_and_let_go(store) if live else write_under_lease(store), inject)


def kills(scene: Scene, calls: list[Call]) -> Iterator[str]:
    """What is wrong after a kill at each of these calls."""
    for call in calls:
        assert under(scene, f"{call.name}:signal=KILL:when={call.nth}", live=False).signal == signal.SIGKILL, call
        if wrong := complaint(scene.root, [None, 1]):
            yield f"{call}: {wrong}"


def errors(scene: Scene, calls: list[Call], step: int = 1) -> Iterator[str]:
    """What is wrong after each error of each of these calls."""
    cases = [(call, error) for call in calls for error in ERRORS.get(call.name, [])]
    for call, error in cases[::step]:
        answer = under(scene, f"{call.name}:error={error}:when={call.nth}", live=True).answer
        if answer != "ok" and not answer.startswith("fsstore.errors."):
            yield f"{call} {error}: {answer}"
        elif wrong := complaint(scene.root, [2]):
            yield f"{call} {error}: {answer}, but {wrong}"


def test_killed_at_every_call(scratch: Path) -> None:
    scene, calls = a_scene(scratch)
    assert len(calls) >= 20
    assert list(kills(scene, calls)) == []


def test_an_error_at_every_call(scratch: Path) -> None:
    scene, calls = a_scene(scratch)
    assert list(errors(scene, calls, 1 if ROUNDS > 1 else 2)) == []


@pytest.mark.parametrize(
    ("name", "flawed"),
    [("_proof_holds", lambda self, path: self._tree.exists(path)), ("sweep", lambda self: None)],
)
def test_flaws_are_seen_after_a_kill(name: str, flawed: Any, scratch: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FileLocks, name, flawed)
    assert next(kills(*a_scene(scratch)), None) is not None


def test_a_release_that_gives_up_is_seen(scratch: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sound, kept = FileLocks.release, []

    def release(self: FileLocks, claim: Claim) -> None:
        try:
            with self._guarded(claim):  # type: ignore[arg-type]
                pass
        except (StoreError, OSError):
            kept.append(claim)
        else:
            sound(self, claim)

    scene, calls = a_scene(scratch)
    monkeypatch.setattr(FileLocks, "release", release)
    last = max(n for n, call in enumerate(calls) if call.name == "openat2")  # of the guard that is to be removed
    assert any("keeps the lock" in wrong for wrong in errors(scene, calls[last : last + 1]))
