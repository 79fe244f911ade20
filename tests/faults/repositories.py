"""A store with a history and work that waits for a snapshot, made anew for each case; and what is wrong with one."""

from __future__ import annotations

import json
import mmap
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pygit2  # noqa: F401 - so that no child imports it among the calls that are counted

import fsstore
from fsstore import Store
from fsstore.history import upkeep
from fsstore.revisions import revision

from .traced import Call, Ended, run, trace

PERSON, AGENT = "Ann", "crawler"
STAGED = "notes.txt"
"""What the person has staged, and nothing else may be."""
_SMALL = {"open", "openat", "openat2", "creat", "close"}  # unless they make a file
ENVIRONMENT = {
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_CONFIG_SYSTEM": "/dev/null",
    "GIT_AUTHOR_NAME": PERSON,
    "GIT_AUTHOR_EMAIL": "ann@example.org",
    "GIT_COMMITTER_NAME": PERSON,
    "GIT_COMMITTER_EMAIL": "ann@example.org",
}
"""In which git is the person, whatever this machine's configuration says."""

Keys = dict[str, Any]
"""All that the namespace ``default`` holds."""


def git(root: Path, *arguments: str, check: bool = True) -> str:
    """Run git as the person; what it printed on both streams."""
    environment = {**os.environ, **ENVIRONMENT}
    done = subprocess.run(["git", *arguments], cwd=root, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0 or not check, f"git {arguments}: {done.stdout}{done.stderr}"
    return done.stdout + done.stderr


class Counter:
    """How many steps were acknowledged, known to a parent whose child is killed."""

    def __init__(self) -> None:
        self._shared = mmap.mmap(-1, 1)

    @property
    def done(self) -> int:
        """The steps since the last `clear`."""
        return self._shared[0]

    def step(self) -> None:
        """One more."""
        self._shared[0] += 1

    def clear(self) -> None:
        """None yet."""
        self._shared[0] = 0


class Act(NamedTuple):
    """One way to come to a commit."""

    name: str
    act: Callable[[Store, Counter], Any]
    states: list[Keys]
    """What the namespace holds before it, and after each step that it acknowledges."""
    first: bool = False
    """The store has no repository yet."""


OLD: Keys = {"a": {"v": "old"}, "b": {"v": "old"}, "d": {"v": "old"}, "deep:er/still": [1, 2, 3]}
PENDING: Keys = {"a": {"v": "agent's"}, "b": {"v": "own"}, "deep:er/still": [1, 2, 3], "deep:new": {"n": 1}}


def _run(store: Store, counter: Counter) -> None:
    with store.run(AGENT) as handle:
        handle.set("a", {"v": "run"})
        counter.step()
        handle.delete("deep:new")
        counter.step()


def _joining(store: Store, _: Counter) -> None:
    upkeep._MANY = 2  # in a child: nobody else sees it
    store.snapshot()


_AFTER_SET: Keys = {**PENDING, "a": {"v": "run"}}
_AFTER_RUN: Keys = {key: value for key, value in _AFTER_SET.items() if key != "deep:new"}
ACTS = [
    Act("snapshot", lambda store, _: store.snapshot(), [PENDING]),
    Act("first-snapshot", lambda store, _: store.snapshot(), [OLD], first=True),
    Act("joining", _joining, [PENDING]),
    Act("gc", lambda store, _: store.gc(), [PENDING]),
    Act("run", _run, [PENDING, _AFTER_SET, _AFTER_RUN]),
]


def prepare(store: Store) -> None:
    """The first keys, by an agent."""
    store.handle(agent=AGENT).set_many(OLD)


def commit_some(root: Path, store: Store) -> None:
    """A few commits: the store's, an agent's, a person's."""
    store.snapshot()
    git(root, "config", "user.name", PERSON)
    git(root, "config", "user.email", "ann@example.org")
    (root / "README.txt").write_text("read me\n")
    git(root, "add", "README.txt")
    git(root, "commit", "-q", "-m", "by a person")
    with store.run(AGENT) as handle:
        handle.set("a", {"v": "older"})
    with store.run(AGENT) as handle:
        handle.set("a", OLD["a"])


def change(root: Path, store: Store) -> None:
    """What is to be committed: an agent's writes, a person's edit in place; and what is not: what they staged."""
    agent = store.handle(agent=AGENT)
    agent.set("a", PENDING["a"])
    agent.set("deep:new", PENDING["deep:new"])
    agent.delete("d")
    (root / "default/b.json").write_text(json.dumps(PENDING["b"], indent=2) + "\n")
    (root / STAGED).write_text("to be committed by hand\n")
    git(root, "add", STAGED)


class Ground:
    """A directory for the cases of one act."""

    def __init__(self, directory: Path, act: Act) -> None:
        self.act = act
        self.root = directory / "store"
        self.counter = Counter()
        self.commits: list[str] = []
        """Acknowledged before each case, newest first."""
        self._fresh, self._log = directory / "fresh", directory / "trace"
        with fsstore.open(self._fresh) as store:
            prepare(store)
            if not act.first:
                commit_some(self._fresh, store)

    def calls(self, *, all_opens: bool = False) -> list[Call]:
        """The system calls of the act that change a file or a lock; with ``all_opens`` those that open one too."""
        with self.opened() as store:
            return calls_of(lambda: self.act.act(store, self.counter), self.root, self._log, all_opens=all_opens)

    @contextmanager
    def opened(self) -> Iterator[Store]:
        """The store with its changes, opened by this process for its children."""
        shutil.rmtree(self.root, ignore_errors=True)
        shutil.copytree(self._fresh, self.root, symlinks=True)
        if not self.act.first:
            with fsstore.open(self.root) as store:
                store.snapshot()  # so that index and state know the copied files
                self.commits = git(self.root, "rev-list", "HEAD").split()
                change(self.root, store)
        self.counter.clear()
        with fsstore.open(self.root) as store:
            yield store

    def run(self, inject: str, after: Callable[[Store], Any] | None = None) -> Ended:
        """The act in a child, with one of its system calls disturbed; then ``after``, whatever came of it."""

        def act(store: Store) -> None:
            try:
                self.act.act(store, self.counter)
            finally:
                if after is not None:
                    after(store)

        with self.opened() as store:
            return run(lambda: act(store), inject)

    def complaint(self) -> str | None:
        """What is wrong now, what is after the next snapshot, and after the person's own commit."""
        if wrong := self.unsafe():
            return f"before the next snapshot: {wrong}"
        return self.complaint_after_recovery()

    def complaint_after_recovery(self) -> str | None:
        """The same, but for how it is before the next snapshot."""
        try:
            with fsstore.open(self.root) as store:
                store.snapshot()
        except fsstore.StoreError as error:
            return f"the next snapshot raised {type(error).__name__}: {error}"
        staged = [] if self.act.first else [STAGED]
        return self._values() or wrong_history(self.root, self.commits, staged) or self._authors() or self._by_hand()

    def unsafe(self) -> str | None:
        """What a person's plain commit would take that they did not stage, if git let them commit."""
        lock = self.root / ".git/index.lock"
        if self.act.first or lock.exists():
            return None
        staged = git(self.root, "diff", "--cached", "--name-only").split()
        return None if staged == [STAGED] else f"a commit by hand would take {staged}"

    def _values(self) -> str | None:
        done = self.counter.done
        with fsstore.open(self.root, read_only=True) as reader:
            found = reader.get_all()
            committed = reader.at("HEAD").get_all()
        if found not in self.act.states[done : done + 2]:
            return f"after {done} steps the files hold {found}"
        return None if committed == found else f"the files hold {found}, HEAD {committed}"

    def _authors(self) -> str | None:
        if self.act.first:
            return None
        names = {
            path: git(self.root, "log", "-1", "--format=%an", "--", f"default/{path}.json").strip() for path in "ab"
        }
        return None if names == {"a": AGENT, "b": PERSON} else f"committed by {names}"

    def _by_hand(self) -> str | None:
        if self.act.first:
            return None
        git(self.root, "commit", "-q", "-m", "by hand")
        taken = git(self.root, "show", "--format=", "--name-only").split()
        return None if taken == [STAGED] else f"a commit by hand took {taken}"


def calls_of(act: Callable[[], Any], root: Path, log: Path, *, all_opens: bool = False) -> list[Call]:
    """The system calls that change a file or a lock below a directory; with ``all_opens`` those that open one too."""
    kept = [call for call in trace(act, log) if f"{root}/" in call.arguments]
    return kept if all_opens else [call for call in kept if call.name not in _SMALL or "O_CREAT" in call.arguments]


def copy(root: Path, to: Path) -> None:
    """Copy a store as it is, with the links that tell whose a lock of git is."""
    shutil.rmtree(to, ignore_errors=True)
    subprocess.run(["cp", "-a", str(root), str(to)], check=True)


def wrong_history(root: Path, commits: list[str], staged: list[str]) -> str | None:
    """What is wrong with a repository at rest that should have these commits, and these files staged."""
    if broken := git(root, "fsck", "--full", "--strict", "--no-dangling", check=False):
        return f"git fsck: {broken}"
    if lost := set(commits) - set(git(root, "rev-list", "HEAD").split()):
        return f"lost commits: {lost}"
    if (status := git(root, "status", "--porcelain").splitlines()) != [f"A  {path}" for path in staged]:
        return f"git status: {status}"
    if left := litter(root):
        return f"left behind: {left}"
    return _different(root)


def litter(root: Path) -> list[str]:
    """Locks, and staged files that no finished snapshot leaves."""
    inside = root / ".git"
    found = [
        *inside.glob("*.lock"),
        *inside.glob("refs/**/*.lock"),
        *inside.glob("fsstore/index.*"),
        *inside.glob("fsstore/ref.*"),
    ]
    return sorted(str(path.relative_to(root)) for path in found)


def _different(root: Path) -> str | None:
    """Which files git has wrong, by their bytes and not by its index."""
    for line in git(root, "ls-tree", "-r", "HEAD").splitlines():
        head, path = line.split("\t")
        if revision((root / path).read_bytes()) != head.split()[2]:
            return f"HEAD has another {path}"
    return None
