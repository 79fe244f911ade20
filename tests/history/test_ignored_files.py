"""Files that git ignores: rules that change count at once, and very many of them cost and leave little."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from .stores import StoreRepo


@pytest.fixture
def repo(scratch: Path) -> StoreRepo:
    found = StoreRepo(scratch / "store")
    (found.root / "default/.gitignore").write_text("*.txt\n")
    (found.root / "default/a.txt").write_text("a\n")
    with (found.root / ".gitignore").open("a") as file:
        file.write("*.tmp\n")
    (found.root / "default/b.tmp").write_text("b\n")
    found.snapshot()
    found.check()
    return found


@pytest.mark.parametrize("verify", [True, False])
@pytest.mark.parametrize("name", [".gitignore", "default/.gitignore"])
def test_what_is_ignored_no_longer_is_committed(repo: StoreRepo, name: str, verify: bool) -> None:
    time.sleep(0.05)  # the directory's time tells nothing new
    file = repo.root / name
    staged = repo.root / f"{name}.new"
    staged.write_text(file.read_text().replace("*.txt\n", "").replace("*.tmp\n", ""))
    os.rename(staged, file)
    repo.snapshot(verify=verify)
    repo.check()
    assert ("default/b.tmp" in repo.lines("ls-files")) == (name == ".gitignore")
    assert ("default/a.txt" in repo.lines("ls-files")) == (name != ".gitignore")


def test_ignored_files_that_are_gone_are_forgotten(repo: StoreRepo) -> None:
    state = repo.root / ".git/fsstore/state"
    for number in range(1000):
        (repo.root / f"default/{number}.tmp").write_text("")
    started = time.process_time()
    repo.snapshot()
    assert time.process_time() - started < 2
    assert b"999.tmp" in state.read_bytes()
    for number in range(1000):
        (repo.root / f"default/{number}.tmp").unlink()
    repo.snapshot()
    assert b"999.tmp" not in state.read_bytes()
    repo.check()
