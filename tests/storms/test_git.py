"""A person checks out other commits of the store: a thousand files change at once, in place and by removal."""

from __future__ import annotations

import os
import subprocess

from .scene import SCALE, Scene, all_at, check

TREES = {"forward": False}


def _git(scene: Scene, *arguments: str) -> str:
    """Run git in the store, without anybody's settings."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    environment = {**kept, "HOME": str(scene.scratch), "GIT_CONFIG_NOSYSTEM": "1"}
    done = subprocess.run(["git", *arguments], cwd=scene.root, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_checkouts_a_thousand_files_apart(scene: Scene) -> None:
    agent = scene.agent()
    for directory in range(20):
        agent.ask("set_many", namespace="sets", keys=[f"{directory}:{number}" for number in range(50)])
    agent.ask("set", namespace="sets", key="stays")
    first = agent.ask("snapshot")
    for directory in range(2, 20):  # most change, some go, some come, and a directory with them
        agent.ask("set_many", namespace="sets", keys=[f"{directory}:{number}" for number in range(50)])
    for number in range(50):
        agent.ask("delete", namespace="sets", key=f"0:{number}")
        agent.ask("set", namespace="sets", key=f"new:{number}:leaf")
    second = agent.ask("snapshot")
    changed = _git(scene, "diff", "--name-only", first, second).splitlines()
    assert len(changed) == 1000
    watcher = scene.watcher({"called": True}, {}, {"prefix": "1"}, checks=TREES)
    for _ in range(3 * SCALE):
        for commit in (first, second):
            _git(scene, "checkout", "-q", commit)
            found = check(watcher)
    kinds = found["kinds"][0]
    assert kinds["created"] == kinds["deleted"] >= 100 * 3 * SCALE
    assert kinds["updated"] + kinds["created"] == 1900 * 3 * SCALE  # git unlinks what it replaces: that may be seen


def test_checkouts_while_agents_write(scene: Scene) -> None:
    agent = scene.agent()
    agent.ask("deep", count=300)
    first = agent.ask("snapshot")
    agent.ask("deep", count=300)
    agent.ask("snapshot")
    watcher, other = scene.watcher({"called": True}, {}, checks=TREES), scene.agent(2)
    branch = _git(scene, "symbolic-ref", "--short", "HEAD")

    def there_and_back() -> None:
        for commit in (first, branch):
            _git(scene, "checkout", "-q", commit)

    for _ in range(2 * SCALE):
        all_at((other, "sets", {"count": 1000, "keys": 100}), meanwhile=there_and_back)
        check(watcher)
