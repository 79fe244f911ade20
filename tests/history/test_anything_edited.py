"""Whatever people do to files, what a snapshot finds with a hub is what one finds that looks at every file."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

from .hubs import OURS, found_by, some_store, watched
from .stores import StoreRepo

SEEDS = int(os.environ.get("FSSTORE_EDIT_ROUNDS", "4"))


@pytest.fixture
def repo(scratch: Path) -> StoreRepo:
    return some_store(scratch / "store")


class Accidents:
    """What may happen to files between two snapshots, at random but repeatable."""

    def __init__(self, root: Path, seed: int) -> None:
        self.root = root
        self.random = random.Random(seed)
        self.steps = 0

    def happen(self) -> None:
        """Some of it."""
        for _ in range(self.random.randint(1, 4)):
            self.steps += 1
            self.random.choice(
                [self.edit] * 4 + [self.make, self.remove, self.move, self.mode, self.moved, self.save]
            )()

    def _files(self) -> list[Path]:
        found = [path for path in self.root.rglob("*") if path.is_file() and path.suffix in (".json", ".txt", ".md")]
        return sorted(p for p in found if p.relative_to(self.root).parts[0] not in (*OURS, "fsstore.json"))

    def edit(self) -> None:
        with open(self.random.choice(self._files()), "r+") as file:
            file.write(f"{self.steps % 10}")

    def save(self) -> None:
        path = self.random.choice(self._files())
        beside = path.with_name(f"{path.name}.tmp")
        beside.write_text(f"{self.steps}")
        beside.replace(path)

    def make(self) -> None:
        name = self.random.choice(
            ["n/x.json", "default/m/y.json", f"default/{self.steps}.json", "default/.meta/a.json"]
        )
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{self.steps}")

    def remove(self) -> None:
        self.random.choice(self._files()).unlink()

    def move(self) -> None:
        path = self.random.choice(self._files())
        path.rename(path.with_name(f"moved{self.steps}{path.suffix}"))

    def mode(self) -> None:
        path = self.random.choice(self._files())
        path.chmod(path.stat().st_mode ^ 0o111)

    def moved(self) -> None:
        places = [self.root / "default/m", self.root / "n", self.root / "default/d"]
        there = [path for path in places if path.exists()]
        free = [path for path in places if not path.exists()]
        if there and free:
            there[0].rename(free[0])


@pytest.mark.parametrize("seed", range(SEEDS))
def test_nothing_is_left_to_who_looks_at_every_file(repo: StoreRepo, seed: int) -> None:
    accidents = Accidents(repo.root, seed)
    with repo.open() as store, watched(store):
        store.snapshot()
        for _ in range(12):
            accidents.happen()
            store.snapshot()
            left = found_by(repo, lambda: store.snapshot(verify=True))
            assert left == []
    repo.check()
