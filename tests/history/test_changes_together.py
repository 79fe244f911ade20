"""Several processes at one table: snapshots that append, readers that bring it up to date, people who commit."""

from __future__ import annotations

from pathlib import Path

import pytest
from files.children import finish, start

import fsstore

from .gitrepo import GitRepo

_WRITE = """
import sys, fsstore
with fsstore.open(sys.argv[1], agent=sys.argv[2]) as store:
    for number in range(15):
        store.set(sys.argv[2], number)
        store.set("both", [sys.argv[2], number])
        store.snapshot()
"""
_READ = """
import subprocess, sys
from fsstore.history.changes import Changes
from fsstore.history.repository import Repository
path = "default/both.json"
seen = 0
while seen < 12:
    repository = Repository(sys.argv[1])
    tip = repository.refs.head().commit
    view = Changes(repository.objects, repository.tree).view(tip, follow=True)
    found = [commit.hex() for commit, _ in view.search(path.encode())]
    git = ["git", "-C", sys.argv[1], "log", "--format=%H", tip.hex(), "--", path]
    told = subprocess.run(git, capture_output=True, text=True, check=True).stdout.split()
    assert found == told, (found, told)
    seen += 1
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    with fsstore.open(tmp_path / "store") as store:
        store.set("both", None)
        store.snapshot()
    return tmp_path / "store"


def test_writers_readers_and_a_person(root: Path) -> None:
    repo = GitRepo(root)
    processes = [start(_WRITE, root, name) for name in ("one", "two")] + [start(_READ, root) for _ in range(2)]
    for number in range(6):
        repo.git("commit", "-q", "--allow-empty", "-m", f"by hand {number}", check=False)
    for process in processes:
        finish(process)
    assert repo.found("default/both.json") == repo.lines("log", "--format=%H", "--", "default/both.json")
    assert repo.lines("fsck") == []
    with fsstore.open(root, read_only=True) as store:
        assert [each.commit.id for each in store.history("one")] == repo.lines(
            "log", "--format=%H", "--", "default/one.json"
        )


def test_snapshots_keep_the_table_up_to_date(root: Path) -> None:
    with fsstore.open(root, agent="writer") as store:
        for number in range(5):
            store.set("k", number)
            store.snapshot()
        versions = [(each.old, each.new, each.commit.agent) for each in store.history("k")]
    assert versions == [(new - 1 if new else None, new, "writer") for new in (4, 3, 2, 1, 0)]
    repo = GitRepo(root)
    table = repo.changes()._load()
    assert table.last is not None
    assert (table.last.hex(), table.count) == (repo.head(), len(repo.lines("log", "--format=%H")))
