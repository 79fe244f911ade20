"""Where the kernel does not tell, the files are looked at again and again: the same promises, later."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from files.mounts import folding_disk
from files.needs import need

from .orders import Process
from .scene import SCALE, Scene, all_at, check

TREES = {"forward": False}


@pytest.fixture
def polled(scratch: Path) -> Iterator[Scene]:
    """A store that is set to be polled."""
    made = Scene(scratch, {"watch": "polling"})
    yield made
    made.close()


def _storm(scene: Scene, watcher: Process) -> dict[str, Any]:
    works: list[tuple[Process, str, dict[str, Any]]] = [
        (scene.agent(1), "sets", {"count": 500 * SCALE, "keys": 100}),
        (scene.agent(2), "comings_and_goings", {"count": 200 * SCALE}),
        (scene.agent(3), "deep", {"count": 100 * SCALE}),
        (scene.person(11), "edits", {"editor": "vscode", "count": 50 * SCALE}),
        (scene.person(12), "edits", {"editor": "vim", "count": 50 * SCALE}),
        (scene.mover(), "moves", {"count": 50 * SCALE}),
    ]
    for _ in range(2):
        all_at(*works)
        found = check(watcher)
    return found


def test_a_store_that_is_set_to_be_polled(polled: Scene) -> None:
    found = _storm(polled, polled.watcher({"called": True}, {}, checks=TREES))
    assert found["status"]["mode"] == "polling"
    assert found["status"]["reason"]


def test_sources_are_known_when_polling_too(polled: Scene) -> None:
    watcher, agent, person = polled.watcher({"called": True}, {}), polled.agent(), polled.person()
    for _ in range(2):
        all_at(
            (agent, "sets", {"count": 300, "keys": 100}),
            (agent, "batches", {"count": 10}),
            (person, "edits", {"editor": "replace", "count": 100}),
        )
        check(watcher)


def _with_a_limit(watches: int) -> tuple[str, ...]:
    """A command for a program that the kernel lets watch no more directories: in a user namespace of its own."""
    limited = (
        "unshare",
        "-Ur",
        "sh",
        "-c",
        f'echo {watches} >/proc/sys/user/max_inotify_watches && exec "$0" "$@"',
    )
    try:
        possible = subprocess.run([*limited, "true"], capture_output=True).returncode == 0
    except FileNotFoundError:
        possible = False
    need(possible, "needs user namespaces")
    return limited


def test_directories_that_the_kernel_refuses_are_polled(scene: Scene) -> None:
    scene.agent(9).ask("deep", count=30)
    watcher = scene.watcher({"called": True}, {}, checks=TREES, before=_with_a_limit(40))
    found = _storm(scene, watcher)
    assert found["status"]["unwatched"]
    shutil.rmtree(scene.root / "deep3")
    check(watcher)
    assert watcher.ask("resources")["watched"] <= 40


def test_a_file_system_that_tells_nothing(scratch: Path) -> None:
    with folding_disk(scratch / "disk") as disk:
        scene = Scene(scratch, root=disk / "store")
        try:
            watcher, agent, person = scene.watcher({"called": True}, {}), scene.agent(), scene.person()
            all_at(
                (agent, "sets", {"count": 200, "keys": 50}),
                (person, "edits", {"editor": "vscode", "count": 20}),
            )
            check(watcher)
        finally:
            scene.close()
