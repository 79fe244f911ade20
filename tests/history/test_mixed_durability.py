"""Snapshots that survive a loss of power, built upon some that were not to."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

import pytest

from fsstore.engines.files import durable
from fsstore.engines.files.atomic import Tree
from fsstore.history import publish

from .stores import StoreRepo


def _unsynced(repo: StoreRepo, monkeypatch: pytest.MonkeyPatch, *durabilities: str) -> set[str]:
    """The packs that no sync has seen after snapshots of these durabilities."""
    synced: set[int] = set()
    fsync, sync_all = os.fsync, durable.sync_all
    before = set((repo.root / ".git/objects/pack").glob("*.pack"))

    def noting(fd: int) -> None:
        synced.add(os.fstat(fd).st_ino)
        fsync(fd)

    def noting_all(tree: Tree, paths: Iterable[str]) -> None:
        paths = list(paths)
        synced.update((repo.root / ".git" / path).stat().st_ino for path in paths)
        sync_all(tree, paths)

    monkeypatch.setattr(os, "fsync", noting)
    monkeypatch.setattr(publish, "sync_all", noting_all)
    for number, durability in enumerate(durabilities):
        with repo.open(durability=durability) as store, store.run("agent") as data:
            data.set(f"k{number}", number)
    return {
        path.name for path in (repo.root / ".git/objects/pack").glob("*.pack") if path.stat().st_ino not in synced
    } - {path.name for path in before}


def test_what_it_builds_upon_is_synced_too(scratch: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    repo = StoreRepo(scratch / "store")
    assert _unsynced(repo, monkeypatch, "process", "process", "snapshot") == set()
    assert not (repo.root / ".git/fsstore/unsynced").exists()
    repo.check()


def test_without_it_nothing_is(scratch: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    repo = StoreRepo(scratch / "store")
    assert len(_unsynced(repo, monkeypatch, "process", "process")) == 2
    repo.check()


def test_what_git_committed_is_synced_before_a_snapshot_builds_upon_it(
    scratch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repo = StoreRepo(scratch / "store")
    repo.write("by-hand", "1\n")
    repo.git("add", "-A")
    repo.git("commit", "-qm", "by hand")
    synced: list[str] = []

    def noting(tree: Tree, paths: Iterable[str]) -> None:
        synced.extend(paths)

    monkeypatch.setattr(publish, "sync_all", noting)
    repo.run("agent", a=1)
    head = repo.git("rev-parse", "HEAD~1").strip()
    assert f"objects/{head[:2]}/{head[2:]}" in synced
    synced.clear()
    repo.run("agent", a=2)
    assert synced == []
