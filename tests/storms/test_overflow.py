"""The kernel's queue is too short: more happens while the watcher stands still than it holds."""

from __future__ import annotations

import shutil
from pathlib import Path

from files.needs import need

from .scene import SCALE, Scene, check

TREES = {"forward": False}


def queue_length() -> int:
    """How many events the kernel keeps for a watcher."""
    length = int(Path("/proc/sys/fs/inotify/max_queued_events").read_text())
    need(length <= 100_000, "needs a queue that can be filled")
    return length


def test_what_the_kernel_forgot_is_found(scene: Scene) -> None:
    length = queue_length()
    watcher, person, agent = scene.watcher({"called": True}, {}), scene.person(), scene.agent()
    person.ask("replaces", count=3000, keys=3000)
    check(watcher)
    for number in range(1, 1 + SCALE):
        watcher.stop()
        person.ask("replaces", count=length // 3 + 3000, keys=3000)  # three events each
        agent.ask("sets", count=500, keys=500)
        agent.ask("deep", count=100)
        agent.ask("comings_and_goings", count=200)
        watcher.go_on()
        found = check(watcher)
        assert found["status"]["overflows"] == number
        assert found["status"]["rescans"] >= number
    agent.ask("deep", count=200)
    check(watcher)


def test_directories_that_the_kernel_forgot_are_watched(scene: Scene) -> None:
    length = queue_length()
    watcher, person, agent = scene.watcher({"called": True}, {}, checks=TREES), scene.person(), scene.agent()
    person.ask("replaces", count=500, keys=500)
    agent.ask("deep", count=100)
    check(watcher)
    watcher.stop()
    person.ask("replaces", count=length // 3 + 1000, keys=3000)
    (scene.root / "deep1").rename(scene.outside / "deep1")
    shutil.rmtree(scene.root / "replaced/11/n1")
    (scene.root / "replaced/11/n2").rename(scene.root / "replaced/11/n1")
    agent.ask("deep", count=50)
    watcher.go_on()
    check(watcher)
    agent.ask("deep", count=60)
    person.ask("replaces", count=500, keys=500)
    check(watcher)
