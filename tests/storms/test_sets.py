"""Agents that set and delete keys by the thousand; every watcher knows all in the end, and nothing false before."""

from __future__ import annotations

import time
from typing import Any

from .scene import SCALE, Scene, all_at, check, total

BOTH = [{"called": True}, {}]
"""A callback and an iterator."""


def test_twenty_thousand_sets_of_two_thousand_keys(scene: Scene) -> None:
    watcher, agents = scene.watcher(*BOTH), [scene.agent(number) for number in (1, 2)]
    for _ in range(4):
        all_at(*((agent, "sets", {"count": 2500 * SCALE, "keys": 1000}) for agent in agents))
        found = check(watcher)
    assert found["keys"] == 2000
    for told, merged in zip(total(found["kinds"]), found["merged"], strict=True):
        assert 2000 <= told <= 20_000 * SCALE
        assert told + merged <= 20_000 * SCALE


def test_sets_deletions_and_batches_at_once(scene: Scene) -> None:
    watcher, agents = scene.watcher(*BOTH), [scene.agent(number) for number in (1, 2, 3)]
    for _ in range(3):
        all_at(
            (agents[0], "comings_and_goings", {"count": 500 * SCALE}),
            (agents[1], "comings_and_goings", {"count": 500 * SCALE}),
            (agents[2], "batches", {"count": 40 * SCALE}),
        )
        check(watcher)


def test_eight_subscriptions(scene: Scene) -> None:
    each: list[dict[str, Any]] = [
        {},
        {"prefix": "1:"},
        {"namespace": "sets"},
        {"prefix": "2:1", "namespace": "mixed", "debounce": 0.02},
    ]
    watcher = scene.watcher(*each, *({**options, "called": True} for options in each))
    agents = [scene.agent(number) for number in (1, 2)]
    for _ in range(2):
        all_at(
            (agents[0], "sets", {"count": 1000 * SCALE, "keys": 300}),
            (agents[1], "comings_and_goings", {"count": 600 * SCALE}),
        )
        found = check(watcher)
    assert all(total(found["kinds"])[:3])
    resources = watcher.ask("resources")
    assert resources["inotify"] == 1
    assert len(resources["threads"]) == 1 + 4, resources
    left = watcher.ask("close")
    assert (left["inotify"], left["threads"]) == (0, [])


def test_a_subscriber_that_sleeps_keeps_nobody_waiting_and_gets_the_newest_of_each_key(scene: Scene) -> None:
    watcher, agent = scene.watcher({"called": True}, {}), scene.agent()
    agent.ask("sets", count=500, keys=500)
    watcher.ask("news")
    watcher.ask("sleep")
    for _ in range(4):
        agent.ask("sets", count=1500 * SCALE, keys=500)
        watcher.ask("sync")
    called, asleep = watcher.ask("so_far")
    assert len(called) > 500
    assert asleep == []
    watcher.ask("wake")
    found = check(watcher)
    assert found["kinds"][1] == {"created": 500, "updated": 500}
    assert found["merged"][1] >= 500 * 3


def test_a_callback_that_takes_its_time(scene: Scene) -> None:
    watcher, agent = scene.watcher({"called": True, "slow": 0.001}), scene.agent()
    for _ in range(3):
        agent.ask("sets", count=1000 * SCALE, keys=100)
        check(watcher)


def test_too_many_keys_for_a_subscriber_are_told_as_one_resync(scene: Scene) -> None:
    watcher, agent = (
        scene.watcher({"max_pending": 100}, {"called": True, "max_pending": 100, "slow": 0.001}),
        scene.agent(),
    )
    watcher.ask("sleep")
    agent.ask("sets", count=3000, keys=1000)
    watcher.ask("wake")
    found = check(watcher)
    assert found["kinds"][0]["resync"] >= 1
    agent.ask("comings_and_goings", count=300 * SCALE)
    check(watcher)


def test_debounced_events_come_late_but_true(scene: Scene) -> None:
    watcher, agent = scene.watcher({"debounce": 0.1}, {"debounce": 0.1, "called": True}), scene.agent()
    begun = time.monotonic()
    agent.ask("sets", count=2000 * SCALE, keys=10)
    lasted = time.monotonic() - begun
    found = check(watcher)
    for told in total(found["kinds"]):
        assert told <= 10 * (2 + lasted / 0.1)
