"""Agents and a person with git at work in one store at the same time, each with a log of what they did.

Every value is written once and has the same size, so that a value that comes back was undone by somebody, and one that
is nowhere was lost.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from .stores import TESTS, StoreRepo

AGENTS, KEYS = 4, 3
EVERYTHING = "*"
_EXPECTED = (
    "index.lock",
    "File exists",
    "cannot lock ref",
    "nothing to commit",
    "Changes to be committed",
    "Changes not staged",
    "no changes added",
    "nothing added to commit",
    "No local changes",
    "No stash entries",
    "Failed to resolve 'stash@{0}'",
    "CONFLICT",
    "would be overwritten",
    "did not match any file",
    "Cannot save the current",
    "needs merge",
    "The stash entry is kept",
    "could not write index",
    "Unable to write index",
    "HEAD.lock",
)
"""What git says when somebody else is at work, or when there is nothing to do."""


class Write(NamedTuple):
    """An agent's set of a key: when it began, when it had returned, when its run was committed."""

    key: str
    value: str
    begun: float
    done: float
    committed: float


class Snapshot(NamedTuple):
    """An agent's snapshot that made commits: their ids, when it began, when they were visible."""

    commits: list[str]
    begun: float
    done: float


class Act(NamedTuple):
    """A person's command, on a key or on everything."""

    name: str
    key: str
    begun: float
    done: float
    value: str = ""
    """What is staged now."""


def text_of(value: str) -> str:
    """A file with this value."""
    return json.dumps({"value": value}, indent=2) + "\n"


# -- the agents ------------------------------------------------------------------------------------------


def start(repo: StoreRepo, number: int, seed: int) -> subprocess.Popen[str]:
    """Start an agent; it is at work when this returns."""
    log = str(repo.home / f"log{number}")
    command = [sys.executable, "-m", "history.mixed_agent", str(repo.root), str(number), str(seed), log]
    pipe = subprocess.PIPE
    found = subprocess.Popen(command, cwd=TESTS, env=repo.environment, stdin=pipe, stdout=pipe, stderr=pipe, text=True)
    assert found.stdout is not None
    assert found.stdout.readline() == "ready\n"
    return found


# -- the person ----------------------------------------------------------------------------------------


class Person:
    """Somebody who knows nothing of the agents."""

    def __init__(self, repo: StoreRepo, seed: int) -> None:
        self.repo = repo
        self.draw = random.Random(seed)
        self.acts: list[Act] = []
        self.count = 0

    def round(self) -> None:
        """Each of the things that people do, in any order; some of them twice."""
        acts: list[Callable[[], object]] = [self.edit, self.add, self.edit_and_add] * 2
        acts += [self.commit, self.commit_all, self.checkout, self.stash, self.move]
        for number in self.draw.sample(range(len(acts)), len(acts)):
            acts[number]()
            time.sleep(self.draw.choice([0, 0, 0.01]))

    def _key(self) -> str:
        return f"k{self.draw.randrange(AGENTS)}{self.draw.randrange(KEYS)}"

    def _git(self, name: str, key: str, *arguments: str) -> bool:
        """Run git, again while somebody has its locks; whether it worked."""
        for _ in range(20):
            begun = time.monotonic()
            paths = ["--", f"default/{key}.json"] if key else []
            worked, told = self.repo.attempt(*arguments, *paths)
            self.acts.append(Act(name, key or EVERYTHING, begun, time.monotonic()))
            if worked:
                return True
            if told and "index.lock" not in told and "lock ref" not in told:
                assert any(expected in told for expected in _EXPECTED), (arguments, told)
                return False
            time.sleep(0.005)
        return False

    def edit(self, key: str = "") -> str:
        """Save a file as an editor does that writes in place, with the size it had; the value in it."""
        key = key or self._key()
        self.count += 1
        value = f"p0-{self.count:06d}"
        begun = time.monotonic()
        try:
            fd = os.open(self.repo.path(key), os.O_WRONLY)
        except FileNotFoundError:
            return ""
        os.write(fd, text_of(value).encode())
        os.close(fd)
        self.acts.append(Act("edit", key, begun, time.monotonic()))
        return value

    def add(self, key: str = "") -> None:
        """Stage a file; what is in the index then is noted."""
        key = key or self._key()
        if self._git("add", key, "add"):
            act = self.acts.pop()
            blob = self.repo.git("cat-file", "blob", f":default/{key}.json", check=False)
            value = json.loads(blob)["value"] if blob.startswith("{") else ""
            self.acts.append(act._replace(value=value if value.startswith("p") else ""))

    def edit_and_add(self, key: str = "") -> None:
        """Both at once, and then an agent may write the file."""
        key = key or self._key()
        if self.edit(key):
            self.add(key)

    def commit(self) -> None:
        """Commit what is staged."""
        self._git("commit", "", "commit", "-q", "-m", "staged, by hand")

    def commit_all(self) -> None:
        """Commit all files that git knows."""
        self._git("commit -a", "", "commit", "-q", "-a", "-m", "all, by hand")

    def checkout(self) -> None:
        """Give up what was written to a file since it was staged."""
        self._git("checkout", self._key(), "checkout", "-q")

    def stash(self) -> None:
        """Put everything aside, and take it back later."""
        name = f"stash{len(self.acts)}"
        if self._git("stash", "", "stash", "-q") and self._git("tag", "", "tag", name, "stash@{0}"):
            time.sleep(self.draw.choice([0, 0.02]))
            if not self._git("pop", "", "stash", "pop", "-q"):
                self._git("reset", "", "reset", "-q", "--hard")

    def move(self) -> None:
        """Give a key another name, without git."""
        key, begun = self._key(), time.monotonic()
        try:
            self.repo.path(key).rename(self.repo.path(f"moved{len(self.acts)}"))
        except FileNotFoundError:
            return
        self.acts.append(Act("move", key, begun, time.monotonic()))


class Outcome(NamedTuple):
    """What all of them did."""

    writes: list[Write]
    snapshots: list[Snapshot]
    acts: list[Act]
    complaints: list[str]


def begin(repo: StoreRepo) -> None:
    """Give every key its first value."""
    with repo.open("first") as store:
        store.set_many({f"k{number}{key}": {"value": "f0-000000"} for number in range(AGENTS) for key in range(KEYS)})
        store.snapshot()


def work(repo: StoreRepo, rounds: int, seed: int) -> Outcome:
    """Let four agents and a person work for so many rounds of the person."""
    begin(repo)
    person = Person(repo, seed)
    with contextlib.ExitStack() as stack:
        agents = [stack.enter_context(start(repo, number, seed)) for number in range(AGENTS)]
        for each in agents:
            stack.callback(each.kill)
        for _ in range(rounds):
            person.round()
        complaints = [each.communicate(timeout=60)[1] for each in agents]
    writes, snapshots = _logged(repo)
    return Outcome(writes, snapshots, person.acts, [text for text in complaints if text])


def _logged(repo: StoreRepo) -> tuple[list[Write], list[Snapshot]]:
    """What the agents noted."""
    logs = [Path(repo.home, f"log{number}").read_text() for number in range(AGENTS)]
    lines = [json.loads(line) for log in logs for line in log.splitlines()]
    writes = [Write(*line[1:]) for line in lines if line[0] == "write"]
    return writes, [Snapshot(*line[1:]) for line in lines if line[0] == "snapshot"]


def everywhere(repo: StoreRepo) -> set[str]:
    """The values that are in any commit of any reference or its log, in the index, or in the files."""
    names = repo.lines("rev-list", "--objects", "--all", "--reflog", "--indexed-objects")
    ids = "\n".join(name[:40] for name in names)
    done = subprocess.run(
        ["git", "cat-file", "--batch"], cwd=repo.root, input=ids.encode(), capture_output=True, check=True
    )
    texts = [done.stdout.decode(errors="replace")]
    texts += [path.read_text() for path in Path(repo.root, "default").rglob("*.json")]
    return {part[:9] for text in texts for part in text.split('"value": "')[1:]}
