"""Contenders of the rows about the history: each changes some keys, does one thing in time, and is checked after it."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

from benchmark import history_repositories as repositories
from benchmark.calls import Caller
from benchmark.history_repositories import Repositories
from benchmark.timing import Times

Changed = Mapping[int, int]
"""Numbers of keys, with the versions they are to have."""


class Worker(Caller):
    """A process of `benchmark.history_worker`, ready for its first call."""

    def __init__(self, home: Repositories, kind: str, root: str, durability: str | None = None) -> None:
        arguments = (kind, root, repositories.NAMESPACE, *([durability] if durability else []))
        super().__init__("history_worker", *arguments, environment=home.environment)


class Contender:
    """One who does what the row is about, on a copy of its own."""

    def __init__(self, home: Repositories, root: str) -> None:
        self._home, self._root = home, root

    def turn(self, changed: Changed) -> float:
        """Change these keys, do it, check it: the seconds that it took."""
        raise NotImplementedError


class Ours(Contender):
    """A snapshot of the store, in a new process unless there is one that goes on."""

    def __init__(
        self,
        home: Repositories,
        root: str,
        worker: Worker | None = None,
        *,
        verify: bool = False,
        durability: str | None = None,
        key: Any = repositories.key,
    ) -> None:
        super().__init__(home, root)
        self._worker, self._verify, self._durability, self._key = worker, verify, durability, key

    def turn(self, changed: Changed) -> float:
        """The call of ``snapshot`` alone is timed; it is the first one of a new process."""
        kept = self._worker
        opened: AbstractContextManager[Worker] = (
            nullcontext(kept) if kept else Worker(self._home, "ours", self._root, self._durability)
        )
        with opened as worker:
            worker.call("set", [(self._key(number), repositories.value(number, v)) for number, v in changed.items()])
            seconds, commit = worker.call("snapshot", self._verify)
            self._home.check(self._root, commit)
        return seconds


class Git(Contender):
    """``git add -A && git commit``."""

    flat = False

    def turn(self, changed: Changed) -> float:
        """Both commands as a shell runs them."""
        repositories.write_files(self._root, changed, flat=self.flat)
        seconds = self._timed()
        self._home.check(self._root)
        return seconds

    def _timed(self) -> float:
        command = ["sh", "-c", "git add -A && git commit -q -m snapshot"]
        start = time.perf_counter()
        subprocess.run(command, cwd=self._root, env=self._home.environment, check=True)
        return time.perf_counter() - start


class FlatGit(Git):
    """The same with all files in one directory."""

    flat = True


class GitStatus(Git):
    """``git status``, after which all is committed."""

    def _timed(self) -> float:
        start = time.perf_counter()
        found = self._home.git(self._root, "status", "--porcelain")
        seconds = time.perf_counter() - start
        assert found
        super()._timed()
        return seconds


class Pygit2(Contender):
    """``index.add_all()``, ``write_tree``, ``create_commit``; its import is not counted."""

    def __init__(self, home: Repositories, root: str, worker: Worker | None = None) -> None:
        super().__init__(home, root)
        self._worker = worker

    def turn(self, changed: Changed) -> float:
        """The calls alone are timed."""
        repositories.write_files(self._root, changed)
        kept = self._worker
        opened: AbstractContextManager[Worker] = nullcontext(kept) if kept else Worker(self._home, "pygit2", self._root)
        with opened as worker:
            seconds, commit = worker.call("snapshot", False)
            self._home.check(self._root, commit)
        return seconds


class Versions:
    """Versions that no key of a store has had; each turn of all contenders gets the next."""

    def __init__(self) -> None:
        self._version = 0

    def change(self, count: int, keys: int) -> Changed:
        """So many keys, all over the store, with their new versions."""
        self._version += 1
        return dict.fromkeys(repositories.some(self._version, count, keys), self._version)


VERSIONS = Versions()


def take_turns(contenders: Mapping[str, tuple[Contender, int]], changed: int, rounds: int) -> Times:
    """Each does the same right after the others did it; of each the number of keys in its store is given."""
    times = Times()
    for _ in range(rounds):
        for name, (contender, keys) in contenders.items():
            times.add(name, contender.turn(VERSIONS.change(min(changed, keys), keys)))
    return times


@contextmanager
def warm(home: Repositories, kind: str, root: str, durability: str | None = None) -> Iterator[Worker]:
    """A process that has made a snapshot before, and has looked at every file."""
    with Worker(home, kind, root, durability) as worker:
        worker.call("snapshot", True)
        yield worker
