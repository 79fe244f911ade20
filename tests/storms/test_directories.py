"""Whole directories come, go, and come back, by any program; what is in them is told, and what was in them."""

from __future__ import annotations

import os
import shutil
from typing import Any

from .orders import Process
from .scene import SCALE, Scene, all_at, check

TREES = {"forward": False}
"""What is told when files come back with what they held before."""


def test_a_thousand_deep_directories_made_and_filled_at_once(scene: Scene) -> None:
    watcher, agent, person = scene.watcher({"called": True}, {}), scene.agent(), scene.person()
    all_at(
        (agent, "deep", {"count": 500 * SCALE}),
        (person, "deep", {"count": 500 * SCALE}),
    )
    assert check(watcher)["keys"] == 1000 * SCALE


def _news(watcher: Process) -> dict[str, int]:
    counts: dict[str, int] = {}
    for told in watcher.ask("news"):
        for kind, _, _ in told:
            counts[kind] = counts.get(kind, 0) + 1
    check(watcher)
    return counts


def test_a_namespace_is_moved_out_made_anew_and_brought_back(scene: Scene) -> None:
    watcher, agent, person = scene.watcher(checks=TREES), scene.agent(), scene.person()
    at, away, aside = scene.root / "plans", scene.outside / "plans", scene.outside / "newer"
    agent.ask("fill", namespace="plans", prefix="a:b:", count=100)
    person.ask("fill", namespace="plans", prefix="c", count=100)
    assert _news(watcher) == {"created": 200}
    for _ in range(3 * SCALE):
        at.rename(away)
        assert _news(watcher) == {"deleted": 200}
        person.ask("fill", namespace="plans", prefix="a:b:", count=50)
        assert _news(watcher) == {"created": 50}
        agent.ask("fill", namespace="plans", prefix="a:b:", count=60)
        assert _news(watcher) == {"updated": 50, "created": 10}
        at.rename(aside)
        away.rename(at)
        _news(watcher)
        agent.ask("fill", namespace="plans", prefix="c", count=100)
        assert _news(watcher).get("updated", 0) >= 100
        shutil.rmtree(aside)


def test_what_is_written_in_a_directory_that_was_moved_away_is_not_told(scene: Scene) -> None:
    watcher, person = scene.watcher(checks=TREES), scene.person()
    person.ask("fill", namespace="plans", prefix="a:b:", count=10)
    assert _news(watcher) == {"created": 10}
    (scene.root / "plans").rename(scene.outside / "plans")
    (scene.root / "plans/a/b").mkdir(parents=True)
    assert _news(watcher) == {"deleted": 10}
    (scene.outside / "plans/a/b/11.json").write_text('{"sum": 1}\n')
    assert _news(watcher) == {}
    person.ask("fill", namespace="plans", prefix="a:b:", count=12)
    assert _news(watcher) == {"created": 12}


def test_a_directory_gets_another_name_and_its_old_name_another_directory(scene: Scene) -> None:
    watcher, person = scene.watcher(checks=TREES), scene.person()
    person.ask("fill", namespace="plans", prefix="old:", count=10)
    assert _news(watcher) == {"created": 10}
    for _ in range(3):
        os.rename(scene.root / "plans/old", scene.root / "plans/new")
        assert _news(watcher) == {"deleted": 10, "created": 10}
        person.ask("fill", namespace="plans", prefix="old:", count=5)
        person.ask("fill", namespace="plans", prefix="new:", count=10)
        assert _news(watcher) == {"created": 5, "updated": 10}
        shutil.rmtree(scene.root / "plans/old")
        os.rename(scene.root / "plans/new", scene.root / "plans/old")
        _news(watcher)


def test_a_tree_is_moved_in(scene: Scene) -> None:
    watcher, person = scene.watcher({"called": True}, {}, checks=TREES), scene.person()
    for number in range(3 * SCALE):
        person.ask("deep", count=200)
        check(watcher)
        at = scene.root / "deep11"
        at.rename(scene.outside / f"deep{number}")
        check(watcher)
    for number in range(3 * SCALE):
        (scene.outside / f"deep{number}").rename(scene.root / f"back{number}")
    assert check(watcher)["keys"] == 600 * SCALE


def test_a_namespace_is_removed_and_filled_again(scene: Scene) -> None:
    watcher, agent, person = scene.watcher({"called": True}, {}, checks=TREES), scene.agent(), scene.person()
    for _ in range(5 * SCALE):
        all_at((agent, "deep", {"count": 100}), (person, "deep", {"count": 100}))
        shutil.rmtree(scene.root / "deep1")
        person.ask("fill", namespace="deep1", prefix="a0:b0:", count=20)
        agent.ask("deep", count=10)
        check(watcher)


def _others(watcher: Process) -> int:
    """How many watches the kernel has for it beside those of the store's directories."""
    watched: int = watcher.ask("resources")["watched"]
    known: int = watcher.ask("status")["directories"]
    return watched - known


def test_a_storm_of_moves_and_no_watch_is_left_behind(scene: Scene) -> None:
    watcher, movers = scene.watcher({"called": True}, {}, checks=TREES), [scene.mover(number) for number in (21, 22)]
    others = _others(watcher)
    for _ in range(3):
        all_at(*((mover, "moves", {"count": 200 * SCALE}) for mover in movers))
        check(watcher)
        assert _others(watcher) == others


def test_everything_at_once(scene: Scene) -> None:
    watcher = scene.watcher({"called": True}, {}, {"namespace": "mixed"}, checks=TREES)
    works: list[tuple[Process, str, dict[str, Any]]] = [
        (scene.mover(), "moves", {"count": 200 * SCALE}),
        (scene.agent(1), "comings_and_goings", {"count": 400 * SCALE}),
        (scene.agent(2), "deep", {"count": 200 * SCALE}),
        (scene.person(11), "edits", {"editor": "vscode", "count": 100 * SCALE}),
        (scene.person(12), "edits", {"editor": "vim", "count": 100 * SCALE}),
    ]
    for _ in range(2):
        all_at(*works)
        check(watcher)
