"""Courses of events, in which nothing is left to chance, that a hub with a certain flaw gets wrong.

Each gets the name of the flaw, or an empty one, and returns the faults that were found.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from .flaws import go_on
from .orders import Process
from .scene import Scene
from .test_overflow import queue_length

TREES = {"forward": False}


def _faults(watcher: Process) -> Any:
    return watcher.ask("check")["faults"]


def _overflow(scene: Scene, flaw: str) -> Any:
    length = queue_length()
    watcher, person, agent = scene.watcher(flaw=flaw), scene.person(), scene.agent()
    person.ask("replace", namespace="a", key="full:0")
    watcher.ask("sync")
    watcher.stop()
    person.ask("fill", namespace="a", prefix="full:", count=length // 3 + 100)
    agent.ask("set", namespace="a", key="after")
    watcher.go_on()
    return _faults(watcher)


def _half_written(scene: Scene, flaw: str) -> Any:
    watcher = scene.watcher(flaw=flaw, patience={"SETTLED": 60.0, "INVALID_AFTER": 60.0})
    person, agent = scene.person(), scene.agent()
    agent.ask("set", namespace="a", key="before")
    watcher.ask("sync")  # from now on each close is seen
    person.ask("begin", namespace="a", key="edited", whole=True)
    person.ask("finish")
    watcher.ask("sync")
    person.ask("begin", namespace="a", key="edited", whole=True)
    agent.ask("set", namespace="a", key="after")
    while "after" not in [key for _, key, _ in watcher.ask("so_far")[0]]:
        pass
    person.ask("finish")
    return _faults(watcher)


def _new_directory(scene: Scene, flaw: str) -> Any:
    where = scene.outside
    watcher, person = scene.watcher(flaw=flaw, pause=["watches", "new", str(where)]), scene.person()
    person.ask("replace", namespace="a", key="new:first")
    for stage in ("before", "after"):
        go_on(where, stage, partial(person.ask, "replace", namespace="a", key=f"new:{stage}"))
    return _faults(watcher)


def _moved_out(scene: Scene, flaw: str) -> Any:
    watcher, person = scene.watcher(flaw=flaw, checks=TREES), scene.person()
    person.ask("fill", namespace="a", prefix="b:", count=5)
    watcher.ask("sync")
    (scene.root / "a").rename(scene.outside / "a")
    watcher.ask("sync")
    person.ask("fill", namespace="a", prefix="b:", count=5)
    watcher.ask("sync")
    person.ask("fill", namespace="a", prefix="b:", count=5)
    return _faults(watcher)


def _away_for_an_instant(scene: Scene, flaw: str) -> Any:
    where, away = scene.outside, scene.outside / "store"
    agent = scene.agent()
    for key in ("paused", "other"):
        agent.ask("set", namespace="a", key=key)
    watcher = scene.watcher(flaw=flaw, checks=TREES, pause=["files", "paused", str(where)])
    scene.person().ask("replace", namespace="a", key="paused")
    go_on(where, "opened", lambda: scene.root.rename(away))
    go_on(where, "absent", lambda: away.rename(scene.root))
    return _faults(watcher)


def _killed_in_the_handler(scene: Scene, flaw: str) -> Any:
    agent = scene.agent()
    options = {"called": True, "name": "planner"}
    watcher = scene.watcher({**options, "stuck_at": ("in-hand", "/never")}, flaw=flaw)
    agent.ask("set", namespace="a", key="in-hand")
    while watcher.ask("so_far") == [[]]:
        pass
    watcher.kill()
    told = scene.watcher(options, flaw=flaw).ask("news")
    return {} if told == [[["created", "in-hand", 1]]] else {"lost": 1}


def _asleep(scene: Scene, flaw: str) -> Any:
    watcher, agent = scene.watcher({}, flaw=flaw), scene.agent()
    watcher.ask("sleep")
    for _ in range(2):
        agent.ask("set", namespace="a", key="twice")
        watcher.ask("sync")
    watcher.ask("wake")
    return _faults(watcher)


COURSES: dict[str, Callable[[Scene, str], Any]] = {
    "no rescan after an overflow": _overflow,
    "no hold of half-written files": _half_written,
    "new directories are listed before they are watched": _new_directory,
    "a moved directory's watches are kept": _moved_out,
    "a store that was away for an instant is not looked through": _away_for_an_instant,
    "a cursor notes what is still in hand": _killed_in_the_handler,
    "the oldest state of a key is kept": _asleep,
}
"""By the name of the flaw."""
