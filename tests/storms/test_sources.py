"""Who made each change: agents and people at work on the same keys, and each event names the right one."""

from __future__ import annotations

import time

from .scene import SCALE, Scene, all_at, check

EACH = 500
SHARED = {"alone": False}
"""Several write the same keys, so that the numbers of the values do not only grow."""


def test_people_and_agents_on_the_same_keys(scene: Scene) -> None:
    watcher = scene.watcher({"called": True}, {}, checks=SHARED)
    agents, person = [scene.agent(number) for number in (1, 2)], scene.person()
    for _ in range(2):
        all_at(
            *((agent, "beside_people", {"count": EACH // 4 * SCALE}) for agent in agents),
            (person, "beside_agents", {"count": EACH // 2 * SCALE}),
        )
        check(watcher)


def test_each_of_five_hundred_sets_and_edits_is_told_as_its_authors(scene: Scene) -> None:
    watcher, agent, person = scene.watcher({"called": True}, {}), scene.agent(), scene.person()
    all_at(
        (agent, "fill", {"namespace": "a", "prefix": "of agent 1:", "count": EACH}),
        (person, "fill", {"namespace": "a", "prefix": "of a person:", "count": EACH}),
    )
    found = check(watcher)
    assert found["kinds"] == [{"created": 2 * EACH}] * 2
    all_at(
        (agent, "remove", {"namespace": "a", "prefix": "of agent 1:", "count": EACH}),
        (person, "remove", {"namespace": "a", "prefix": "of a person:", "count": EACH}),
    )
    found = check(watcher)
    assert found["kinds"] == [{"created": 2 * EACH, "deleted": 2 * EACH}] * 2


def test_one_change_at_a_time_is_told_as_its_authors(scene: Scene) -> None:
    watcher, agent, person = scene.watcher({"called": True}, checks=SHARED), scene.agent(), scene.person()
    editors = ("vscode", "vim", "emacs", "replace", "sed")
    for number in range(30 * SCALE):
        agent.ask("set", namespace="notes", key="a")
        assert len(watcher.ask("news")[0]) == 1
        person.ask(editors[number % len(editors)], namespace="notes", key="a")
        assert len(watcher.ask("news")[0]) >= 1
        check(watcher)


def test_what_this_process_writes_is_its_own(scene: Scene) -> None:
    watcher = scene.watcher({"called": True}, {"own": False})
    agent = scene.agent()
    for number in range(20):
        watcher.ask("set", namespace="a", key=f"mine:{number}")
        agent.ask("set", namespace="a", key=f"other:{number}")
    everything, others = watcher.ask("news")
    assert len(everything) == 40
    assert len(others) == 20
    assert all(key.startswith("other") for _, key, _ in others)


def test_a_persons_removal_after_an_agents_that_nobody_saw(scene: Scene) -> None:
    watcher, agent, person = scene.watcher({"called": True}), scene.agent(), scene.person()
    key = "of a person:0"
    agent.ask("set", namespace="a", key=key)
    watcher.ask("news")
    watcher.stop()
    agent.ask("delete", namespace="a", key=key)
    time.sleep(0.1)  # the times of files are coarse
    person.ask("fill", namespace="a", prefix=key[:-1], count=1)
    watcher.go_on()
    check(watcher)
    person.ask("remove", namespace="a", prefix=key[:-1], count=1)
    check(watcher)
