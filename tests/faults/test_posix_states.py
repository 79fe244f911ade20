"""Every state that a strict disk may be in after a crash in a verb with durability "power": nothing is lost."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from fsstore.engines.files import log

from .disturbed import ROUNDS, Scene
from .flaws import flawed
from .posix import CALLS, Acknowledged, Model, Sync, materialise, states
from .tally import TALLY
from .traced import Child
from .verbs import VERBS, Verb, complaint

pytestmark = pytest.mark.usefixtures("strace")


@pytest.fixture(autouse=True)
def _short_log(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log, "SIZE", 64 * 1024)  # each state has a copy of it


def recorded(scene: Scene, to: Path) -> Model:
    """What a verb does to the disk."""
    with scene.opened() as store:
        model = Model.of(scene.root)
        child = Child(lambda: scene.verb.act(store), log=to, calls=CALLS, strings=1 << 20, hexadecimal=True)
        child.begin()
        assert child.end().answer == "ok"
    model.read(to)
    assert sum(isinstance(event, Acknowledged) for event in model.events) == 1
    return model


def complaints(verb: Verb, directory: Path, step: int = 1) -> Iterator[str]:
    """What is wrong in which state."""
    scene = Scene(directory, verb, "power")
    model = recorded(scene, directory / "log")
    for acknowledged, label, names, contents in list(states(model))[::step]:
        TALLY["states of a disk after a crash"] += 1
        materialise(model, names, contents, directory / "state")
        wrong = complaint(directory / "state", scene.before, scene.after, done=acknowledged, durability="power")
        if wrong:
            yield f"{label}: {wrong}"


@pytest.mark.parametrize("verb", VERBS, ids=lambda verb: verb.name)
def test_every_state(verb: Verb, scratch: Path) -> None:
    assert list(complaints(verb, scratch, 1 if ROUNDS > 1 or verb.writes == 1 else 4)) == []


@pytest.mark.parametrize("name", ["no-sync-of-the-log", "renamed-before-sync", "no-replay"])
def test_flaws_are_seen(name: str, scratch: Path) -> None:
    with flawed(name):
        assert next(complaints(next(verb for verb in VERBS if verb.name == "set-over"), scratch), None) is not None


def test_the_log_is_synced_once(scratch: Path) -> None:
    scene = Scene(scratch, next(verb for verb in VERBS if verb.name == "set_many"), "power")
    model = recorded(scene, scratch / "log")
    assert sum(isinstance(event, Sync) for event in model.events) == 1
