"""Branches, states in between, and what git keeps its references and objects in: snapshots go with all of it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

import fsstore
from fsstore.errors import HistoryUnavailable, RepositoryState

from .stores import StoreRepo


@pytest.fixture
def repo(scratch: Path) -> StoreRepo:
    found = StoreRepo(scratch / "store")
    found.run("maker", a=1, b=2, c=3)
    return found


def value(repo: StoreRepo, key: str) -> object:
    with repo.open() as store:
        return store.get(key)


def test_a_foreign_commit(repo: StoreRepo) -> None:
    before = repo.head()
    repo.write("a", '"mine"\n')
    repo.git("commit", "-qam", "mine")
    repo.run("other", b=20)
    assert repo.commits(before) == ["Ann: M default/a.json", "other: M default/b.json"]
    repo.check()


def test_another_branch_checked_out(repo: StoreRepo) -> None:
    before = repo.head()
    repo.git("switch", "-qc", "topic/with/slashes")
    repo.run("other", a=10, new=1)
    repo.git("switch", "-q", "main")
    assert value(repo, "a") == 1
    assert repo.snapshot() is None
    repo.check()
    repo.run("third", b=20)
    assert repo.commits(before) == ["third: M default/b.json"]
    repo.git("switch", "-q", "topic/with/slashes")
    assert repo.snapshot() is None
    assert repo.commits(before) == ["other: M default/a.json, A default/new.json"]
    assert (value(repo, "a"), value(repo, "b")) == (10, 2)
    repo.check()


def test_edits_carried_to_another_branch(repo: StoreRepo) -> None:
    before = repo.head()
    repo.write("a", '"carried"\n')
    repo.git("switch", "-qc", "side")
    repo.snapshot()
    assert repo.commits(before) == ["Ann: M default/a.json"]
    assert repo.git("rev-parse", "main").strip() == before
    repo.check()


def test_a_detached_head(repo: StoreRepo) -> None:
    repo.run("other", a=10)
    repo.git("switch", "-q", "--detach", "HEAD~1")
    before = repo.head()
    with pytest.raises(RepositoryState, match="detached"):
        repo.snapshot()
    repo.run("third", b=20)  # a run ends well all the same
    assert repo.head() == before
    repo.check(" M default/b.json")
    repo.git("switch", "-qc", "rescued")
    repo.snapshot()
    assert repo.commits(before) == ["third: M default/b.json"]
    repo.check()


def test_an_orphan_branch(repo: StoreRepo) -> None:
    repo.git("checkout", "-q", "--orphan", "fresh")
    repo.run("other", a=10)
    assert repo.commits() == ["Ann: A default/a.json", "other: M default/a.json"]
    assert all(line.startswith("A  ") for line in repo.status())
    repo.git("commit", "-qm", "all the rest")
    assert repo.snapshot() is None
    repo.check()
    repo.git("switch", "-q", "main")
    assert value(repo, "a") == 1
    repo.check()


def conflict(repo: StoreRepo) -> None:
    """Two branches that say otherwise of a; a topic branch is behind."""
    repo.git("switch", "-qc", "side")
    repo.run("side", a="side")
    repo.git("switch", "-q", "main")
    repo.run("main", a="main")


@pytest.mark.parametrize(
    ("begin", "name", "settle"),
    [
        (("merge", "side"), "a merge", ("commit", "-qm", "merged")),
        (("cherry-pick", "side"), "a cherry-pick", ("cherry-pick", "--continue")),
        (("rebase", "side"), "a rebase", ("rebase", "--continue")),
        (("rebase", "--apply", "side"), "a rebase", ("rebase", "--continue")),
        (("revert", "HEAD~1"), "a revert", ("revert", "--continue")),
    ],
    ids=["merge", "cherry-pick", "rebase", "rebase-apply", "revert"],
)
def test_in_the_middle(repo: StoreRepo, begin: tuple[str, ...], name: str, settle: tuple[str, ...]) -> None:
    conflict(repo)
    if begin[0] == "revert":
        repo.run("main", a="main again")
    repo.git(*begin, check=False)
    with pytest.raises(RepositoryState, match=name):
        repo.snapshot()
    before = repo.git("rev-parse", "HEAD")
    repo.run("other", new=1)  # its values stay in the files
    assert repo.git("rev-parse", "HEAD") == before
    repo.write("a", '"settled"\n')
    repo.git("add", "default/a.json")
    repo.git(*settle)
    repo.snapshot()
    assert repo.commits()[-1] == "other: A default/new.json"
    assert repo.at("default/a.json") == '"settled"\n'
    repo.check()


def test_a_merge_given_up(repo: StoreRepo) -> None:
    conflict(repo)
    repo.git("merge", "side", check=False)
    with pytest.raises(RepositoryState):
        repo.snapshot()
    repo.git("merge", "--abort")
    assert repo.snapshot() is None
    assert value(repo, "a") == "main"
    repo.check()


def test_a_merge_that_goes_well(repo: StoreRepo) -> None:
    repo.git("switch", "-qc", "side")
    repo.run("side", a="side")
    repo.git("switch", "-q", "main")
    repo.run("main", b="main")
    repo.git("merge", "-q", "-m", "merged", "side")
    assert repo.snapshot() is None
    repo.run("other", c=30)
    assert (value(repo, "a"), value(repo, "b")) == ("side", "main")
    repo.check()


def test_a_squashed_merge_waits_for_its_person(repo: StoreRepo) -> None:
    repo.git("switch", "-qc", "side")
    repo.run("side", a="side")
    repo.git("switch", "-q", "main")
    repo.git("merge", "-q", "--squash", "side")
    repo.run("other", c=30)
    repo.check("M  default/a.json")
    repo.git("commit", "-qm", "squashed")
    assert repo.snapshot() is None
    repo.check()


def test_a_bisection(repo: StoreRepo) -> None:
    for number in range(4):
        repo.run("maker", a=number)
    repo.git("bisect", "start", "HEAD", "HEAD~4")
    with pytest.raises(RepositoryState, match="bisect"):
        repo.snapshot()
    repo.git("bisect", "reset")
    assert repo.snapshot() is None
    repo.check()


def test_packed_references(repo: StoreRepo) -> None:
    repo.git("branch", "other")
    repo.git("pack-refs", "--all")
    assert not (repo.root / ".git/refs/heads/main").exists()
    repo.run("one", a=10)
    repo.git("pack-refs", "--all")
    repo.git("branch", "-d", "other", check=False)
    repo.run("two", a=11)
    assert repo.commits()[-2:] == ["one: M default/a.json", "two: M default/a.json"]
    repo.check()


def test_a_branch_below_the_name_of_one_that_is_gone(repo: StoreRepo) -> None:
    repo.git("switch", "-qc", "topic/one")
    repo.run("one", a=10)
    repo.git("switch", "-q", "main")
    repo.git("branch", "-q", "-D", "topic/one")
    repo.git("switch", "-qc", "topic")
    repo.run("two", a=11)
    repo.git("switch", "-q", "main")
    repo.git("branch", "-q", "-D", "topic")
    repo.git("switch", "-qc", "topic/two")
    repo.run("three", a=12)
    assert repo.commits()[-1] == "three: M default/a.json"
    repo.check()


def test_housekeeping_between_snapshots(repo: StoreRepo) -> None:
    """One handle stays open, and finds its objects wherever git has put them."""
    commands = [("gc", "-q"), ("repack", "-adq"), ("pack-refs", "--all"), ("gc", "-q", "--prune=now")]
    with repo.open("keeper") as store:
        for number, command in enumerate([*commands, ("reflog", "expire", "--expire=now", "--all"), *commands]):
            store.set("a", number)
            assert store.snapshot() is not None
            repo.git(*command)
            assert next(store.history("a")).new == number
    assert [commit.partition(":")[0] for commit in repo.commits()].count("keeper") == 9
    repo.check()


def test_a_second_work_tree(repo: StoreRepo) -> None:
    second = repo.root.parent / "second"
    repo.git("worktree", "add", "-q", str(second), "-b", "second")
    repo.run("one", a=10)
    repo.check()
    with fsstore.open(second) as store:
        store.set("a", "there")
        with pytest.raises(HistoryUnavailable, match="is a file"):
            store.snapshot()
        with store.run("other") as data:
            data.set("b", "there")
        assert store.get("a") == "there"
    repo.git("worktree", "remove", "--force", str(second))
    repo.run("two", a=11)
    repo.check()


def test_the_repository_is_removed_and_another_made(repo: StoreRepo) -> None:
    with repo.open("keeper") as store:
        store.set("a", 10)
        store.snapshot()
        shutil.rmtree(repo.root / ".git")
        repo.git("init", "-q", "-b", "main")
        store.set("a", 11)
        assert store.snapshot() is not None
        store.set("b", 12)
        assert store.snapshot() is not None
        assert [version.new for version in store.history("a")] == [11]
    assert repo.commits()[-1] == "keeper: M default/b.json"
    assert len(repo.lines("ls-files")) == len(repo.lines("ls-tree", "-r", "HEAD")) == 8
    repo.check()


def test_the_repository_is_removed(repo: StoreRepo) -> None:
    with repo.open("keeper") as store:
        store.set("a", 10)
        store.snapshot()
        shutil.rmtree(repo.root / ".git")
        assert store.get("a") == 10
        with pytest.raises(HistoryUnavailable):
            list(store.log())
        with store.run("other") as data:
            data.set("a", 11)
    assert len(repo.lines("rev-list", "HEAD")) >= 1  # made again
    repo.check()


def test_the_runtime_directory_is_removed(repo: StoreRepo) -> None:
    before = repo.head()
    with repo.open("keeper") as store:
        store.set("a", 10)
        shutil.rmtree(repo.root / ".fsstore")
        store.set("b", 20)
        store.snapshot(verify=True)
        store.set("c", 30)
        store.snapshot()
    assert repo.commits(before)[-1] == "keeper: M default/c.json"
    assert (repo.at("default/a.json"), repo.at("default/b.json")) == ("10\n", "20\n")
    repo.check()


def test_the_runtime_directory_is_removed_while_a_run_goes_on(repo: StoreRepo) -> None:
    with repo.open("keeper") as store:
        with store.run() as data:
            data.set("a", 10)
            shutil.rmtree(repo.root / ".fsstore")
            data.set("b", 20)
        store.snapshot(verify=True)
    assert (repo.at("default/a.json"), repo.at("default/b.json")) == ("10\n", "20\n")
    repo.check()
