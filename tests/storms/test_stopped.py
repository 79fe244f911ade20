"""The watcher stands still again and again, at random instants, and goes on."""

from __future__ import annotations

import random
import time
from typing import Any

from .orders import Process
from .scene import SCALE, Scene, all_at, check


def test_a_watcher_that_is_stopped_at_random(scene: Scene) -> None:
    draw = random.Random(1)
    watcher = scene.watcher({"called": True}, {}, checks={"forward": False})

    def stop_and_go() -> None:
        for _ in range(8):
            time.sleep(draw.random() * 0.05)
            watcher.stop()
            time.sleep(draw.random() * 0.2)
            watcher.go_on()

    works: list[tuple[Process, str, dict[str, Any]]] = [
        (scene.agent(1), "sets", {"count": 3000 * SCALE, "keys": 500}),
        (scene.agent(2), "comings_and_goings", {"count": 500 * SCALE}),
        (scene.agent(3), "deep", {"count": 300 * SCALE}),
        (scene.mover(), "moves", {"count": 150 * SCALE}),
        (scene.person(), "edits", {"editor": "vscode", "count": 200 * SCALE}),
    ]
    for _ in range(2):
        all_at(*works, meanwhile=stop_and_go)
        check(watcher)
