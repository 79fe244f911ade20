"""The store's own directory goes away and comes back: only what differs then is told."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

from .orders import Process
from .scene import SCALE, Scene, check
from .values import checked, text_of

TREES = {"forward": False}


def _until_missing(watcher: Process, missing: bool) -> None:
    while watcher.ask("status")["missing"] is not missing:
        time.sleep(0.005)


def test_it_is_moved_away_and_back(scene: Scene) -> None:
    watcher, agent = scene.watcher({"called": True}, {}), scene.agent()
    agent.ask("sets", count=200, keys=200)
    agent.ask("deep", count=100)
    check(watcher)
    watcher.ask("so_far")
    for number in range(3 * SCALE):
        scene.root.rename(scene.outside / "store")
        _until_missing(watcher, True)
        (scene.outside / f"store/sets/1/0/{number + 5}.json").unlink(missing_ok=True)
        assert watcher.ask("so_far") == [[], []]
        (scene.outside / "store").rename(scene.root)
        _until_missing(watcher, False)
        agent.ask("sets", count=1, keys=1)
        for told in watcher.ask("news"):
            assert len(told) <= 2
        check(watcher)
    agent.ask("deep", count=200)
    agent.ask("sets", count=200, keys=200)
    check(watcher)


def test_it_is_deleted_and_put_back(scene: Scene) -> None:
    watcher, agent = scene.watcher({"called": True}, {}, checks=TREES), scene.agent()
    agent.ask("deep", count=100)
    agent.ask("sets", count=200, keys=200)
    check(watcher)
    for _ in range(2 * SCALE):
        copy = scene.outside / "copy"
        shutil.copytree(scene.root, copy)
        shutil.rmtree(scene.root)
        _until_missing(watcher, True)
        shutil.copytree(copy, scene.root)
        shutil.rmtree(copy)
        _until_missing(watcher, False)
        check(watcher)
        scene.person().ask("fill", namespace="after", prefix="a:", count=50)
        check(watcher)


def test_another_store_is_put_in_its_place(scene: Scene) -> None:
    watcher, agent, person = scene.watcher({"called": True}, {}, checks=TREES), scene.agent(), scene.person()
    agent.ask("sets", count=200, keys=200)
    shutil.copytree(scene.root, scene.outside / "other")
    agent.ask("sets", count=300, keys=200)
    check(watcher)
    scene.root.rename(scene.outside / "first")
    (scene.outside / "other").rename(scene.root)
    person.ask("fill", namespace="after", prefix="a:", count=50)
    _until_missing(watcher, False)
    check(watcher)


def _save(path: Path, number: int) -> None:
    path.write_bytes(text_of(checked(path.stem, number, None)))


def test_it_is_away_for_an_instant_again_and_again(scene: Scene) -> None:
    watcher, agent = scene.watcher({"called": True}, {}, checks=TREES), scene.agent()
    agent.ask("sets", count=200, keys=200)
    agent.ask("deep", count=100)
    check(watcher)
    away = scene.outside / "store"
    for number in range(200 * SCALE):
        there = number % 20
        scene.root.rename(away)
        _save(away / f"sets/1/{there}/new.json", number)
        if number % 3:
            (away / f"sets/1/{there}/{there}.json").unlink(missing_ok=True)
        away.rename(scene.root)
        _save(scene.root / f"sets/1/{there}/{there}.json", number)
        if number % 50 == 0:
            check(watcher)
    check(watcher)
