"""A watcher with a name is killed, at any instant, and comes back: nothing is missed, and little told twice."""

from __future__ import annotations

import base64
import pickle
import random
import time
from pathlib import Path
from typing import Any

from .disk import path_of, read_all
from .orders import Process
from .scene import SCALE, Scene, total
from .told import Told

ROUNDS = 20


class Logbook:
    """What all lives of one watcher had handled, in a file of the handler's own, and whether it is true."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.told = Told({})
        self._read = 0

    def read(self) -> int:
        """Take what was handled since; how many events."""
        if not self.path.exists():
            return 0
        raw = self.path.read_bytes()[self._read :]
        lines = raw[: raw.rfind(b"\n") + 1].splitlines()
        for line in lines:
            self.told.take(pickle.loads(base64.b64decode(line)))
        self._read += len(raw)
        return len(lines)

    def cut(self) -> None:
        """After a kill: a last line without an end was not handled."""
        raw = self.path.read_bytes() if self.path.exists() else b""
        self.path.write_bytes(raw[: raw.rfind(b"\n") + 1])

    def compare(self, scene: Scene) -> None:
        """Nothing that is on the disk was missed."""
        self.told.compare(read_all(scene.root))
        assert self.told.faults == {}, self.told.samples


def _reader(scene: Scene, log: Path, **options: Any) -> Process:
    return scene.watcher({"called": True, "name": "planner", "replay": True, "log": str(log)}, **options)


def test_twenty_kills_and_returns(scene: Scene) -> None:
    draw, book = random.Random(7), Logbook(scene.scratch / "handled")
    agents = [scene.agent(number) for number in (1, 2)]
    told_again = []
    for number in range(ROUNDS * SCALE):
        watcher = _reader(scene, book.path)
        agents[0].order("comings_and_goings", count=150)
        agents[1].order("deep", count=5 * number)
        time.sleep(draw.random() * 0.05)
        if number % 2:
            for agent in agents:
                agent.answer()
            watcher.ask("sync")
            book.read()
            book.compare(scene)
            agents[0].order("sets", count=200, keys=200)
            agents[1].order("batches", count=10)
            time.sleep(draw.random() * 0.03)
        watcher.kill()
        book.cut()
        book.read()
        told_again.append(book.told.again)
        book.told.begin_anew()
        for agent in agents:
            agent.answer()
        agents[0].ask("comings_and_goings", count=20)
    watcher = _reader(scene, book.path)
    watcher.ask("sync")
    book.read()
    book.compare(scene)
    assert book.told.again <= ROUNDS * SCALE, told_again  # each life handled at most one event that it had not noted


def test_what_was_deleted_meanwhile_is_told(scene: Scene) -> None:
    book, agent, person = Logbook(scene.scratch / "handled"), scene.agent(), scene.person()
    agent.ask("fill", namespace="plans", prefix="a:", count=50)
    person.ask("fill", namespace="plans", prefix="b:", count=50)
    watcher = _reader(scene, book.path)
    watcher.ask("sync")
    book.read()
    watcher.kill()
    agent.ask("remove", namespace="plans", prefix="a:", count=20)
    person.ask("remove", namespace="plans", prefix="b:", count=20)
    person.ask("replace", namespace="plans", key="b:30")
    book.told.begin_anew()
    watcher = _reader(scene, book.path)
    watcher.ask("sync")
    book.read()
    assert book.told.kinds == {"created": 100, "deleted": 40, "updated": 1, "ready": 2}
    book.compare(scene)


def _until_told(watcher: Process, key: str, subscription: int = 0) -> None:
    """Wait until a handler has got an event of a key; it may not have returned."""
    while key not in [key for _, key, _ in watcher.ask("so_far")[subscription]]:
        pass


def _while_catching_up(scene: Scene, first: str, meanwhile: str, afterwards: str) -> list[tuple[str, str]]:
    """Change y before a watcher is back, while it catches up with x, and after it was killed; what it is told then."""
    agent, go_on = scene.agent(), scene.outside / "go-on"
    options = {"called": True, "name": "planner", "replay": True}
    agent.ask("set", namespace="plans", key="x")
    if first == "delete":
        agent.ask("set", namespace="plans", key="y")
    watcher = scene.watcher(options)
    watcher.ask("sync")
    watcher.kill()
    agent.ask("set", namespace="plans", key="x")
    agent.ask(first, namespace="plans", key="y")
    watcher = scene.watcher({**options, "stuck_at": ("x", str(go_on))}, {"prefix": "y"})
    _until_told(watcher, "x")
    agent.ask(meanwhile, namespace="plans", key="y")  # told together with the first change, which waits
    _until_told(watcher, "y", subscription=1)
    go_on.touch()
    watcher.ask("sync")
    watcher.kill()
    if afterwards:
        agent.ask(afterwards, namespace="plans", key="y")
    [told] = scene.watcher(options).ask("news")
    return [(kind, key) for kind, key, _ in told if key]


def test_what_is_handled_while_it_catches_up_is_not_forgotten(scene: Scene) -> None:
    assert _while_catching_up(scene, "delete", "set", "delete") == [("deleted", "y")]


def test_what_came_and_went_while_it_caught_up_is_not_believed_to_be_there(scene: Scene) -> None:
    assert _while_catching_up(scene, "set", "delete", "") == []


def test_an_edit_of_a_person_while_nobody_watched(scene: Scene) -> None:
    book, agent = Logbook(scene.scratch / "handled"), scene.agent()
    agent.ask("set", namespace="plans", key="a")
    watcher = _reader(scene, book.path)
    watcher.ask("sync")
    watcher.end()
    book.read()
    path = path_of(scene.root, "plans", "a")
    Path(path).write_text("{")
    book.told.begin_anew()
    watcher = _reader(scene, book.path)
    watcher.ask("sync")
    book.read()
    assert book.told.kinds["invalid"] == 1
    book.compare(scene)


def test_two_at_once_have_cursors_of_their_own(scene: Scene) -> None:
    agent = scene.agent()
    watches = [{"called": True, "name": "one"}, {"called": True, "name": "two", "slow": 0.001}]
    first = scene.watcher(*watches)
    agent.ask("sets", count=500, keys=100)
    first.ask("check")
    first.kill()
    agent.ask("sets", count=500, keys=100)
    found = scene.watcher(*watches).ask("check")
    assert total(found["kinds"]) == [100, 100]
