"""Writes and snapshots in a fixed order, and what of them must be found after a loss of power somewhere in it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import fsstore
from fsstore import Store

from .repositories import AGENT, OLD, Counter, Keys, git, wrong_history

GONE = object()


class Step(NamedTuple):
    """A key that is set, or deleted (`GONE`); without a key a snapshot."""

    key: str | None = None
    value: Any = None

    def take(self, store: Store) -> None:
        """Do it."""
        if self.key is None:
            assert store.snapshot() is not None
        elif self.value is GONE:
            store.handle(agent=AGENT).delete(self.key)
        else:
            store.handle(agent=AGENT).set(self.key, self.value)


PLAN = (
    Step("a", {"text": "first " * 50}),
    Step("deep:new", [1]),
    Step(),
    Step("a", {"text": "second " * 50}),
    Step("b", OLD["b"]),
    Step("d", GONE),
    Step("deep:new", {"text": "second " * 50}),
    Step(),
    Step("a", {"text": "third " * 50}),
    Step("d", "again"),
    Step("deep:new", GONE),
)


def act(store: Store, counter: Counter) -> None:
    """All steps; each is counted when it is acknowledged."""
    for step in PLAN:
        step.take(store)
        counter.step()


def complaint(root: Path, before: list[str], done: int) -> str | None:
    """What is wrong with a store whose power was cut after so many steps, and which had these commits before."""
    if broken := git(root, "fsck", "--full", "--strict", "--no-dangling", check=False):
        return f"git fsck: {broken}"
    expected = _Expected(done)
    try:
        with fsstore.open(root) as store:
            if staged := git(root, "diff", "--cached", "--name-only").split():
                return f"a commit by hand would take {staged}, though nothing was staged"
            tip = git(root, "rev-list", "HEAD").split()
            if len(tip) < len(before) + expected.snapshots:
                return f"HEAD has {len(tip)} commits, {len(before)} + {expected.snapshots} were acknowledged"
            if wrong := expected.wrong(store.get_all(), store.at("HEAD").get_all()):
                return wrong
            store.snapshot()
            return wrong_history(root, [*before, *tip], []) or expected.wrong(
                store.get_all(), store.at("HEAD").get_all()
            )
    except fsstore.StoreError as error:
        return f"{type(error).__name__}: {error}"


class _Expected:
    """What may be found after so many acknowledged steps."""

    def __init__(self, done: int) -> None:
        self.snapshots = sum(step.key is None for step in PLAN[:done])
        self._lives: dict[str, list[Any]] = {key: [value] for key, value in OLD.items()}
        """What each key was asked to be, oldest first, the step under way included."""
        self._least: dict[str, int] = {}
        """Where in its life a key was when the last acknowledged snapshot was made."""
        for number, step in enumerate(PLAN[: done + 1]):
            if step.key is not None:
                self._lives.setdefault(step.key, [GONE]).append(step.value)
            elif number < done:
                self._least = {key: len(life) - 1 for key, life in self._lives.items()}

    def wrong(self, files: Keys, committed: Keys) -> str | None:
        """Which keys are older than the snapshot, newer than all, torn, or older in the files than in HEAD."""
        for key, life in self._lives.items():
            allowed = life[self._least.get(key, 0) :]
            found, kept = files.get(key, GONE), committed.get(key, GONE)
            if found not in allowed or kept not in allowed:
                return f"{key} is {_short(found)}, in HEAD {_short(kept)}"
            if max(at for at, value in enumerate(life) if value == found) < life.index(kept):
                return f"{key} is older than in HEAD: {_short(found)}"
        return None


def _short(value: Any) -> str:
    return "gone" if value is GONE else str(value)[:30]
