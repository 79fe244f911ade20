"""What a person puts together with git's commands stays theirs, whatever snapshots come between."""

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


def test_a_staged_file_stays_theirs(repo: StoreRepo) -> None:
    before = repo.head()
    repo.write("a", '"staged"\n')
    repo.git("add", "default/a.json")
    assert repo.snapshot() is None
    repo.run("other", b=20)
    assert repo.commits(before) == ["other: M default/b.json"]
    repo.check("M  default/a.json")
    repo.git("commit", "-qm", "mine")
    assert repo.commits(before)[1:] == ["Ann: M default/a.json"]
    repo.check()


def test_what_was_edited_after_staging_stays_theirs_too(repo: StoreRepo) -> None:
    before = repo.head()
    repo.write("a", '"staged"\n')
    repo.git("add", "default/a.json")
    repo.write("a", '"edited"\n')
    assert repo.snapshot() is None
    repo.check("MM default/a.json")
    repo.git("commit", "-qm", "mine")
    repo.snapshot()
    assert repo.commits(before) == ["Ann: M default/a.json", "Ann: M default/a.json"]
    assert [repo.at("default/a.json", name) for name in ("HEAD~1", "HEAD")] == ['"staged"\n', '"edited"\n']
    repo.check()


def test_a_staged_file_that_a_run_wrote_goes_first_as_theirs(repo: StoreRepo) -> None:
    before = repo.head()
    repo.write("a", '"staged"\n')
    repo.git("add", "default/a.json")
    repo.run("other", a="later")
    assert repo.commits(before) == ["Ann: M default/a.json", "other: M default/a.json"]
    assert [repo.at("default/a.json", name) for name in ("HEAD~1", "HEAD")] == ['"staged"\n', '"later"\n']
    repo.check()


def test_a_staged_file_that_a_run_deleted_goes_first_as_theirs(repo: StoreRepo) -> None:
    before = repo.head()
    repo.write("a", '"staged"\n')
    repo.git("add", "default/a.json")
    repo.run("other", "a")
    assert repo.commits(before) == ["Ann: M default/a.json", "other: D default/a.json"]
    repo.check()


def test_a_staged_new_file_that_a_run_wrote_goes_first_as_theirs(repo: StoreRepo) -> None:
    before = repo.head()
    repo.write("new", '"staged"\n')
    repo.git("add", "default/new.json")
    repo.run("other", new="later")
    assert repo.commits(before) == ["Ann: A default/new.json", "other: M default/new.json"]
    repo.check()


def test_a_run_that_wrote_the_value_of_before_undoes_nothing_that_is_staged(repo: StoreRepo) -> None:
    before = repo.head()
    repo.write("a", '"staged"\n')
    repo.git("add", "default/a.json")
    repo.run("other", a=1)
    repo.git("commit", "-qm", "mine", check=False)
    repo.snapshot()
    assert repo.commits(before) == ["Ann: M default/a.json", "other: M default/a.json"]
    assert repo.at("default/a.json", "HEAD~1") == '"staged"\n'
    repo.check()


def test_a_file_that_is_to_leave_the_history_is_not_put_back(repo: StoreRepo) -> None:
    before = repo.head()
    repo.git("rm", "-q", "--cached", "default/a.json")
    assert repo.snapshot() is None
    repo.run("other", b=20)
    assert repo.commits(before) == ["other: M default/b.json"]
    repo.check("D  default/a.json", "?? default/a.json")
    repo.git("commit", "-qm", "gone")
    assert repo.commits(before)[1:] == ["Ann: D default/a.json"]
    assert repo.snapshot() is not None  # a key is always kept
    assert repo.commits(before)[2:] == ["Ann: A default/a.json"]  # it was she who took it out
    repo.check()


def test_a_file_that_is_to_leave_the_history_and_is_written_again(repo: StoreRepo) -> None:
    before = repo.head()
    repo.git("rm", "-q", "--cached", "default/a.json")
    repo.run("other", a=10)
    assert repo.commits(before) == ["Ann: D default/a.json", "other: A default/a.json"]
    repo.check()


def test_removed_with_git(repo: StoreRepo) -> None:
    repo.git("rm", "-q", "default/a.json")
    assert repo.snapshot() is None
    repo.check("D  default/a.json")
    with repo.open() as store:
        assert "a" not in store


def test_meant_to_be_added(repo: StoreRepo) -> None:
    before = repo.head()
    repo.write("new", "1\n")
    repo.git("add", "-N", "default/new.json")
    repo.snapshot()
    assert repo.commits(before) == ["Ann: A default/new.json"]
    repo.check()


def test_meant_to_be_added_while_other_things_are_committed(repo: StoreRepo) -> None:
    repo.write("notes", "1\n")
    repo.git("add", "-N", "default/notes.json")
    with repo.open("other") as store, store.run() as data:
        data.set("a", 5)
    repo.check()


def test_moved_with_git(repo: StoreRepo) -> None:
    before = repo.head()
    repo.git("mv", "default/a.json", "default/moved.json")
    assert repo.snapshot() is None
    repo.run("other", b=20)
    repo.check("R  default/a.json -> default/moved.json")
    repo.git("commit", "-qm", "moved")
    assert repo.commits(before) == ["other: M default/b.json", "Ann: D default/a.json, A default/moved.json"]
    repo.check()


def test_part_of_a_file_staged(repo: StoreRepo) -> None:
    """What `git add -p` makes: the index has something that no file had."""
    before = repo.head()
    blob = _blob(repo, b'"a part"\n')
    repo.git("update-index", "--cacheinfo", f"100644,{blob},default/a.json")
    repo.run("other", a="whole")
    assert repo.commits(before) == ["Ann: M default/a.json", "other: M default/a.json"]
    assert repo.at("default/a.json", "HEAD~1") == '"a part"\n'
    repo.check()


def _blob(repo: StoreRepo, content: bytes) -> str:
    path = repo.home / "blob"
    path.write_bytes(content)
    return repo.git("hash-object", "-w", "--no-filters", str(path)).strip()


def test_staged_by_the_person_and_written_by_a_run_that_goes_on(repo: StoreRepo) -> None:
    before = repo.head()
    with repo.open("other") as store:
        with store.run(run_id="r") as data:
            data.set("a", "of the run")
            repo.git("add", "default/a.json")
            assert repo.snapshot_elsewhere() == ""
            repo.check("M  default/a.json")
        assert repo.commits(before) == ["other: M default/a.json"]
    repo.check()


def test_committed_by_the_person_while_the_run_goes_on(repo: StoreRepo) -> None:
    before = repo.head()
    with repo.open("other") as store, store.run() as data:
        data.set("a", "first")
        repo.git("commit", "-qam", "took it")
        data.set("b", "second")
    assert repo.commits(before) == ["Ann: M default/a.json", "other: M default/b.json"]
    repo.check()


def test_a_commit_given_up_but_kept_staged(repo: StoreRepo) -> None:
    """Somebody makes one commit of several: what was staged by a soft reset waits for them."""
    before = repo.head()
    repo.run("one", a=10)
    repo.run("two", b=20)
    repo.git("reset", "-q", "--soft", "HEAD~2")
    assert repo.snapshot() is None
    repo.check("M  default/a.json", "M  default/b.json")
    repo.run("three", c=30)
    repo.git("commit", "-qm", "both")
    assert repo.commits(before) == ["three: M default/c.json", "Ann: M default/a.json, M default/b.json"]
    repo.check()


@pytest.mark.parametrize("kind", ["--mixed", "--hard"])
def test_commits_given_up(repo: StoreRepo, kind: str) -> None:
    before = repo.head()
    repo.run("one", a=10)
    repo.git("reset", "-q", kind, "HEAD~1")
    repo.snapshot()
    assert repo.commits(before) == ([] if kind == "--hard" else ["one: M default/a.json"])
    repo.check()
    with repo.open() as store:
        assert store.get("a") == (1 if kind == "--hard" else 10)


def test_amended(repo: StoreRepo) -> None:
    repo.run("one", a=10)
    repo.write("b", '"mine"\n')
    repo.git("commit", "-qa", "--amend", "-m", "amended")
    repo.run("two", c=30)
    assert repo.commits()[-2:] == ["one: M default/a.json, M default/b.json", "two: M default/c.json"]
    repo.check()


def test_only_some_paths_committed(repo: StoreRepo) -> None:
    before = repo.head()
    repo.write("a", '"staged"\n')
    repo.git("add", "default/a.json")
    repo.write("b", '"only"\n')
    repo.git("commit", "-qm", "only b", "--only", "default/b.json")
    repo.run("other", c=30)
    assert repo.commits(before) == ["Ann: M default/b.json", "other: M default/c.json"]
    repo.check("M  default/a.json")


def test_stash_and_pop(repo: StoreRepo) -> None:
    before = repo.head()
    repo.write("a", '"mine"\n')
    repo.git("add", "default/a.json")
    repo.write("b", '"too"\n')
    repo.git("stash", "-q")
    repo.run("other", c=30)
    repo.check()
    repo.git("stash", "pop", "-q", "--index")
    assert repo.snapshot() is not None
    assert repo.commits(before) == ["other: M default/c.json", "Ann: M default/b.json"]
    repo.check("M  default/a.json")


def test_a_staged_conflict_without_a_merge(repo: StoreRepo) -> None:
    repo.write("a", '"mine"\n')
    repo.git("stash", "-q")
    repo.run("other", a="theirs")
    repo.git("stash", "pop", "-q", check=False)
    with pytest.raises(RepositoryState, match="conflicts"):
        repo.snapshot()
    repo.write("a", '"settled"\n')
    repo.git("add", "default/a.json")
    repo.git("commit", "-qm", "settled")
    assert repo.snapshot() is None
    repo.check()
