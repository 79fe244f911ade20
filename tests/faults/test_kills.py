"""SIGKILL at every system call of every verb: all of it or nothing, as readers, the next writer and the doctor see."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from files.children import line, start

import fsstore

from .disturbed import ROUNDS, Scene, far_apart
from .flaws import flawed
from .tally import TALLY
from .traced import Call
from .verbs import VERBS, Verb, complaint

pytestmark = pytest.mark.usefixtures("strace")


def killed(scene: Scene, calls: list[Call]) -> Iterator[tuple[Call, str]]:
    """Each call at which a kill leaves something wrong, and what."""
    for call in calls:
        ended = scene.run(f"{call.name}:signal=KILL:when={call.nth}")
        assert ended.signal == signal.SIGKILL, ended
        TALLY["kills"] += 1
        if wrong := complaint(scene.root, scene.before, scene.after, done=False, durability=scene.durability):
            yield call, wrong


@pytest.mark.parametrize("verb", VERBS, ids=lambda verb: verb.name)
def test_killed_at_every_call(verb: Verb, scratch: Path) -> None:
    scene = Scene(scratch, verb)
    calls = scene.telling_calls()
    assert len(calls) >= 8
    assert list(killed(scene, calls if ROUNDS > 1 else calls[:: 2 if verb.writes > 1 else 1])) == []


@pytest.mark.parametrize("verb", VERBS, ids=lambda verb: verb.name)
def test_killed_with_a_log(verb: Verb, scratch: Path) -> None:
    scene = Scene(scratch, verb, "power")
    calls = scene.telling_calls()
    assert {"fdatasync"} <= {call.name for call in calls}
    assert list(killed(scene, calls if ROUNDS > 1 else calls[:: 1 + len(calls) // 12])) == []


@pytest.mark.parametrize("name", ["in-place-write", "no-intent", "no-recovery", "record-removed-first", "no-sweep"])
def test_flaws_are_seen(name: str, scratch: Path) -> None:
    verb = next(verb for verb in VERBS if verb.name == ("set-over" if name == "in-place-write" else "set_many"))
    with flawed(name):
        scene = Scene(scratch, verb)
        assert next(killed(scene, far_apart(scene.calls())), None) is not None


HOLDER = """
import sys, time, fsstore
fsstore.open(sys.argv[1]).update("n", lambda value: (print("inside", flush=True), time.sleep(60)))
"""


def test_a_killed_holder_frees_its_key(disk: fsstore.Store, root: Path, scratch: Path) -> None:
    disk.set("n", 1)
    holder = start(HOLDER, root)
    assert line(holder) == "inside"
    with pytest.MonkeyPatch.context() as patch, pytest.raises(fsstore.LockTimeout) as caught:
        patch.setattr("fsstore.engines.files.stripes.TIMEOUT", 0.05)
        disk.set("n", 2)
    assert caught.value.pid == holder.pid
    holder.kill()
    holder.wait(60)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("fsstore.engines.files.stripes.TIMEOUT", 1.0)
        assert disk.increment("n") == 2
