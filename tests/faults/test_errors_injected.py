"""An error at every system call of every verb: typed, all or nothing, no litter, no descriptor, and on it goes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from fsstore import Store

from .disturbed import ERRORS, ROUNDS, Scene, far_apart
from .flaws import flawed
from .tally import TALLY
from .traced import Call
from .verbs import VERBS, Verb, complaint, litter

pytestmark = pytest.mark.usefixtures("strace")

KEPT = (".ndjson", "/gate", "/wal", "/users")
"""Files that a store keeps open."""


def aftermath(scene: Scene, failed: str) -> str | None:
    """What the process that met the error has left open or behind, asked in that process."""
    leaked = [path for path in open_files(scene.root) if not path.endswith(KEPT)]
    if leaked:
        return f"leaked {leaked}"
    if not failed.startswith(("unlink", "rmdir")) and (left := litter(scene.root)):
        return f"left {left}"  # where removing failed it stays, until the next who opens the store
    return None


def open_files(root: Path) -> list[str]:
    """The files below a directory that this process has open."""
    opened = [os.readlink(f"/proc/self/fd/{fd}") for fd in os.listdir("/proc/self/fd") if _is_there(fd)]
    return [path for path in opened if path.startswith(f"{root}/")]


def _is_there(fd: str) -> bool:
    try:
        os.readlink(f"/proc/self/fd/{fd}")
    except OSError:  # the listing's own
        return False
    return True


def probe(store: Store) -> None:
    """A write that needs the locks of all keys."""
    with store.transaction() as tx:
        assert "probe" not in tx.list_keys()
        tx.set("probe", 1)
    assert store.pop("probe") == 1


def failures(scene: Scene, call: Call, errors: list[str]) -> Iterator[str]:
    """What goes wrong when this call fails."""

    def after(store: Store) -> None:
        assert (wrong := aftermath(scene, call.name)) is None, wrong
        with ThreadPoolExecutor(1) as other:  # the locks let the thread that forgot them in again
            error = other.submit(probe, store).exception()
        assert error is None, f"afterwards: {error!r}"

    for error in errors:
        TALLY["errors"] += 1
        ended = scene.run(f"{call.name}:error={error}:when={call.nth}", after)
        kind, _, text = ended.answer.partition(": ")
        wrong = complaint(scene.root, scene.before, scene.after, done=kind == "ok", durability=scene.durability)
        if kind != "ok" and not kind.startswith("fsstore.errors."):
            wrong = f"{kind}: {text}"
        if wrong:
            yield f"{call} {error}: {wrong}"


@pytest.mark.parametrize("verb", VERBS, ids=lambda verb: verb.name)
@pytest.mark.parametrize("durability", ["process", "power"])
def test_an_error_at_every_call(verb: Verb, durability: str, scratch: Path) -> None:
    scene = Scene(scratch, verb, durability)
    step = 1 if ROUNDS > 1 else 7 if durability == "process" else 19
    cases = [(call, error) for call in scene.telling_calls() for error in ERRORS.get(call.name, [])][::step]
    assert len(cases) >= 4
    assert [wrong for call, error in cases for wrong in failures(scene, call, [error])] == []


@pytest.mark.parametrize(
    ("name", "verb"),
    [
        ("no-discard", "set-over"),
        ("descriptors-left-open", "set-over"),
        ("unlock-forgotten", "set-over"),
        ("in-place-write", "set-over"),
        ("no-taking-back", "set_many"),
    ],
)
def test_flaws_are_seen(name: str, verb: str, scratch: Path) -> None:
    with flawed(name), pytest.MonkeyPatch.context() as patch:
        patch.setattr("fsstore.engines.files.stripes.TIMEOUT", 0.2)
        scene = Scene(scratch, next(each for each in VERBS if each.name == verb))
        cases = [(call, error) for call in scene.calls() for error in ERRORS.get(call.name, [])]
        assert any(wrong for call, error in far_apart(cases) for wrong in failures(scene, call, [error]))
