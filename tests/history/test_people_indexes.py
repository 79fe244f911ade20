"""In whatever form a person's git keeps its index: nothing is lost or deleted, and what is not known is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from fsstore.errors import RepositoryState

from .stores import StoreRepo


@pytest.fixture
def repo(scratch: Path) -> StoreRepo:
    found = StoreRepo(scratch / "store")
    found.run("maker", a=1, b=2, c=3)
    return found


@pytest.mark.parametrize("version", ["2", "3", "4"])
def test_any_version_of_the_index(repo: StoreRepo, version: str) -> None:
    repo.git("update-index", "--index-version", version)
    before = repo.head()
    repo.write("a", '"mine"\n')
    repo.run("other", b=20, new=1)
    assert repo.commits(before) == ["Ann: M default/a.json", "other: M default/b.json, A default/new.json"]
    repo.check()
    repo.git("update-index", "--index-version", version)
    assert repo.snapshot() is None
    repo.check()


def test_caches_in_the_index(repo: StoreRepo) -> None:
    repo.git("update-index", "--untracked-cache")
    repo.git("config", "core.fsmonitor", "false")
    repo.git("config", "core.untrackedCache", "true")
    repo.git("config", "feature.manyFiles", "true")
    for number in range(3):
        repo.status()
        repo.write("a", f'"{number}"\n')
        (repo.root / f"new{number}").write_text("1\n")
        repo.run("other", b=number)
        repo.check()
    assert repo.commits()[-1] == "other: M default/b.json"


def test_files_of_which_git_is_to_assume_no_change(repo: StoreRepo) -> None:
    repo.git("update-index", "--assume-unchanged", "default/a.json")
    repo.write("a", '"mine"\n')
    repo.run("other", b=20)
    assert repo.at("default/a.json") == '"mine"\n'
    repo.check()


@pytest.mark.parametrize("way", ["--cone", "--no-cone"])
def test_a_sparse_checkout_deletes_nothing(repo: StoreRepo, way: str) -> None:
    with repo.open("maker") as store:
        store.use_namespace("far").set("away", 1)
        store.snapshot()
    before = repo.head()
    repo.git("sparse-checkout", "set", way, *(["default"] if way == "--cone" else ["/default/", "/*.json"]))
    assert not (repo.root / "far").exists()
    assert repo.snapshot() is None
    repo.run("other", b=20)
    assert repo.commits(before) == ["other: M default/b.json"]
    repo.check()
    with repo.open("late") as store:
        store.use_namespace("far").set("new", 1)
        store.use_namespace("far").set("away", 2)
        store.snapshot()
    assert repo.commits(before)[1:] == ["late: M far/away.json, A far/new.json"]
    repo.git("sparse-checkout", "disable")
    repo.check()


def test_a_sparse_index_is_refused(repo: StoreRepo) -> None:
    with repo.open("maker") as store:
        store.use_namespace("far").set("away:from:here", 1)
        store.snapshot()
    repo.git("sparse-checkout", "set", "--cone", "--sparse-index", "default")
    with pytest.raises(RepositoryState, match="sparse"):
        repo.snapshot()
    repo.git("sparse-checkout", "disable")
    assert repo.snapshot() is None
    repo.check()


def test_a_split_index_is_refused(repo: StoreRepo) -> None:
    repo.git("update-index", "--split-index")
    with pytest.raises(RepositoryState, match="--no-split-index"):
        repo.snapshot()
    repo.run("other", b=20)
    repo.git("update-index", "--no-split-index")
    repo.snapshot()
    assert repo.commits()[-1] == "other: M default/b.json"
    repo.check()


def test_no_index_at_all(repo: StoreRepo) -> None:
    before = repo.head()
    (repo.root / ".git/index").unlink()
    repo.snapshot()
    assert repo.commits(before) == []
    repo.git("reset", "-q")
    repo.snapshot()
    assert repo.commits(before) == []
    repo.check()
