"""A watching process forks: its own watching goes on, the child's copy is ended, and the child may watch anew."""

from __future__ import annotations

import pytest

from .scene import Scene, all_at, check


@pytest.mark.parametrize("called", [True, False])
def test_a_child_has_no_part_in_its_parents_watching(scene: Scene, called: bool) -> None:
    watcher, agent = scene.watcher({}, {"called": called}), scene.agent()
    agent.ask("sets", count=300, keys=100)
    check(watcher)
    for number in range(3):
        all_at(
            (watcher, "fork", {"namespace": "from-a-child", "key": f"k{number}"}),
            (agent, "sets", {"count": 300, "keys": 100}),
        )
        agent.ask("comings_and_goings", count=50)
    check(watcher)
    report = watcher.ask("fork", namespace="from-a-child", key="last")
    ended, _, own = report.partition("; ")
    assert ended in ("Closed", "StopIteration"), report
    assert own == "created last True", report
    watcher.ask("news")
    resources = watcher.ask("resources")
    assert resources["inotify"] == 1
