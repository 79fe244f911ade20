"""Which commits changed which paths, compared with what git says, whatever people do to the history."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from fsstore.errors import DamagedHistory
from fsstore.history import gathering
from fsstore.history.changes import Changes
from fsstore.history.gathering import changed_by
from fsstore.history.objects import Objects, RawCommit

from .gitrepo import Accidents, GitRepo


@pytest.fixture
def repo(tmp_path: Path) -> GitRepo:
    return GitRepo(tmp_path / "store")


def ancestors(repo: GitRepo) -> dict[str, set[str]]:
    """Each commit with all its ancestors."""
    found: dict[str, set[str]] = {}
    for line in reversed(repo.lines("rev-list", "--topo-order", "--parents", "HEAD")):
        commit, *parents = line.split()
        found[commit] = set(parents).union(*(found[parent] for parent in parents))
    return found


def compare(repo: GitRepo, changes: Changes | None = None) -> None:
    """Every path of the accidents has the history that git says, and children come before their parents."""
    before = ancestors(repo)
    expected: dict[str, set[str]] = {}
    for path in Accidents.paths:
        found = repo.found(path, changes)
        assert set(found) == repo.expected(path), path
        assert len(set(found)) == len(found)
        assert not any(later in before[earlier] for number, earlier in enumerate(found) for later in found[:number])
        expected[path] = set(found)
    for namespace in ("default/", "other/"):
        inside = [commits for path, commits in expected.items() if path.startswith(namespace)]
        assert set(repo.found(namespace, changes)) == set().union(*inside)


@pytest.mark.parametrize("seed", range(6))
def test_it_says_what_git_says(repo: GitRepo, seed: int) -> None:
    accidents = Accidents(repo, seed)
    accidents.edit()
    kept = repo.changes()
    for number in range(24):
        happened = accidents.happen()
        if happened == "edit" and accidents.random.random() < 0.7:
            repo.append(kept)  # as a snapshot does
        if number % 6 == 5:
            compare(repo, accidents.random.choice([None, kept]))
    compare(repo)
    compare(repo, kept)


def test_a_linear_history_is_in_the_order_of_git(repo: GitRepo) -> None:
    accidents = Accidents(repo, 7)
    for _ in range(12):
        accidents.edit()
    for path in Accidents.paths:
        assert repo.found(path) == repo.lines("log", "--format=%H", "--", path)


def test_a_path_is_not_found_in_another(repo: GitRepo) -> None:
    paths = ["a/b.json", "a/b.json2", "a/b", "x/a/b.json", "a%/b/c.json", "a/b.jso", "b.json", "a/b.json/c"]
    commits = {path: repo.put(path, path) for path in paths[:-1]}
    for path in paths[:-1]:
        assert repo.found(path) == [commits[path]]
    assert repo.found(paths[-1]) == []
    assert repo.found("a%/b/") == [commits["a%/b/c.json"]]
    assert repo.found("a%/") == []
    assert repo.found("/") == [commits["b.json"]]


@pytest.fixture
def long(repo: GitRepo) -> GitRepo:
    return lengthened(repo)


def lengthened(repo: GitRepo) -> GitRepo:
    """A repository with a table of two commits, and one commit after it."""
    repo.put("default/a.json", 1)
    repo.put("default/b.json", 1)
    repo.found("default/a.json")
    repo.put("default/a.json", 2)
    return repo


def table(repo: GitRepo) -> Path:
    return repo.root / ".git/fsstore/changes"


def test_a_snapshot_appends_and_readers_need_no_objects(long: GitRepo, monkeypatch: pytest.MonkeyPatch) -> None:
    long.append(long.changes())
    monkeypatch.setattr(gathering, "gather", None)
    monkeypatch.setattr(Changes, "_recent", None)
    assert long.found("default/a.json") == long.lines("log", "--format=%H", "--", "default/a.json")


def test_the_first_snapshot_makes_the_table(repo: GitRepo, monkeypatch: pytest.MonkeyPatch) -> None:
    repo.put("default/a.json", 1)
    repo.append(repo.changes())
    monkeypatch.setattr(gathering, "gather", None)
    assert repo.found("default/a.json") == [repo.head()]


def last(repo: GitRepo) -> str:
    """The commit that the table ends with."""
    table = repo.changes()._load()
    assert table.last is not None
    return table.last.hex()


def test_a_few_commits_of_others_are_made_up_for(long: GitRepo) -> None:
    long.put("default/b.json", 2)
    long.put("default/b.json", 3)
    inode = table(long).stat().st_ino
    long.append(long.changes())
    assert last(long) == long.head()
    assert table(long).stat().st_ino == inode  # not written anew
    assert long.found("default/b.json") == long.lines("log", "--format=%H", "--", "default/b.json")


@pytest.mark.parametrize("accident", ["amend", "reset", "merge", "rebase"])
def test_commits_given_up_and_merges_are_made_up_for(long: GitRepo, accident: str) -> None:
    long.append(long.changes())
    getattr(Accidents(long, 3), accident)()
    long.put("default/b.json", 2)
    long.append(long.changes())
    assert last(long) == long.head()
    compare(long)


def test_many_commits_of_others_are_left_to_readers(long: GitRepo) -> None:
    before = table(long).read_bytes()
    for number in range(40):
        long.put("default/b.json", number)
    long.append(long.changes())
    assert table(long).read_bytes() == before
    table(long).unlink()
    long.append(long.changes())
    assert not table(long).exists() or not table(long).read_bytes()
    assert long.found("default/b.json") == long.lines("log", "--format=%H", "--", "default/b.json")


def test_many_records_become_columns(long: GitRepo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fsstore.history.tablefile._TAIL", 100)
    kept = long.changes()
    long.append(kept)
    inode = table(long).stat().st_ino
    long.put("default/c.json", 2)
    long.append(kept)
    assert table(long).stat().st_ino != inode
    assert long.found("default/a.json") == long.lines("log", "--format=%H", "--", "default/a.json")


@pytest.mark.parametrize("end", range(1, 400, 7))
def test_a_torn_tail_is_cut_off(long: GitRepo, end: int) -> None:
    long.append(long.changes())
    whole = table(long).read_bytes()
    os.truncate(table(long), max(len(whole) - end, 0))
    expected = long.lines("log", "--format=%H", "--", "default/a.json")
    assert long.found("default/a.json") == expected
    long.put("default/a.json", 3)
    long.append(long.changes())
    assert long.found("default/a.json") == [long.head(), *expected]


def flipped(raw: bytes) -> Iterator[bytes]:
    for at in range(0, len(raw), 3):
        yield raw[:at] + bytes([raw[at] ^ 0x41]) + raw[at + 1 :]


def test_a_damaged_table_is_made_anew(long: GitRepo) -> None:
    long.append(long.changes())
    whole = table(long).read_bytes()
    expected = {path: long.lines("log", "--format=%H", "--", path) for path in Accidents.paths}
    for number, raw in enumerate(flipped(whole)):
        table(long).write_bytes(raw)
        changes = long.changes(read_only=number % 2 == 0)
        for path in ("default/a.json", "default/b.json"):
            assert long.found(path, changes) == expected[path], number
    for raw in (b"", b"\0" * len(whole), whole[: len(whole) // 2], b"fsschng2", os.urandom(500)):
        table(long).write_bytes(raw)
        assert long.found("default/a.json") == expected["default/a.json"]


def test_a_flaw_without_checksums_is_noticed(repo: GitRepo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("zlib.crc32", lambda raw: 0)
    lengthened(repo)
    with pytest.raises((AssertionError, DamagedHistory)):
        test_a_damaged_table_is_made_anew(repo)


def test_a_flaw_of_merges_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def first_parent_only(objects: Objects, commit: RawCommit) -> object:
        return changed_by(objects, commit._replace(parents=commit.parents[:1]))

    monkeypatch.setattr(gathering, "changed_by", first_parent_only)
    with pytest.raises(AssertionError):
        for seed in (2, 5):
            test_it_says_what_git_says(GitRepo(tmp_path / str(seed)), seed)


def test_a_flaw_of_resets_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fsstore.history.table.Table.ancestors", lambda self, tips: bytearray(b"\1" * self.count))
    with pytest.raises(AssertionError):
        for seed in (2, 5):
            test_it_says_what_git_says(GitRepo(tmp_path / str(seed)), seed)


def test_a_read_only_store_writes_nothing(long: GitRepo) -> None:
    table(long).unlink()
    changes = long.changes(read_only=True)
    assert long.found("default/a.json", changes) == long.lines("log", "--format=%H", "--", "default/a.json")
    long.append(changes)
    assert not table(long).exists()


def test_nobody_waits_for_who_is_at_it(long: GitRepo) -> None:
    for number in range(40):  # more than are looked through one by one
        long.put("default/a.json", number)
    before = table(long).read_bytes()
    with open(table(long).with_name("changes.lock"), "wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert long.found("default/a.json") == long.lines("log", "--format=%H", "--", "default/a.json")
        long.append(long.changes())
        assert table(long).read_bytes() == before
    long.found("default/a.json")
    assert table(long).read_bytes() != before


def test_a_view_stays_as_it_is(long: GitRepo) -> None:
    tip = bytes.fromhex(long.head())
    changes = long.changes()
    long.append(changes)
    view = changes.view(tip)
    expected = [
        tip,
        *(bytes.fromhex(line) for line in long.lines("log", "--format=%H", "HEAD~1", "--", "default/a.json")),
    ]
    search = view.search(b"default/a.json")
    first = next(search)[0]
    for number in range(3):
        long.put("default/a.json", f"later {number}")
        long.append(changes)
    assert [first, *(commit for commit, _ in search)] == expected
    assert [commit for commit, _ in view.search(b"default/a.json")] == expected


def test_an_older_tip_sees_only_what_it_had(long: GitRepo) -> None:
    long.append(long.changes())
    before = table(long).read_bytes()
    view = long.changes().view(bytes.fromhex(long.git("rev-parse", "HEAD~1").strip()))
    assert [commit.hex() for commit, _ in view.search(b"default/a.json")] == [long.git("rev-parse", "HEAD~2").strip()]
    assert table(long).read_bytes() == before


def test_a_shallow_clone_begins_where_it_was_cut(long: GitRepo, tmp_path: Path) -> None:
    long.put("default/b.json", 3)
    long.git("clone", "-q", "--depth", "2", f"file://{long.root}", str(tmp_path / "shallow"))
    shallow = GitRepo(tmp_path / "shallow")
    for path in Accidents.paths[:2]:
        assert shallow.found(path) == shallow.lines("log", "--format=%H", "--", path)


def test_missing_objects_are_an_error(long: GitRepo) -> None:
    table(long).unlink()
    parent = long.git("rev-parse", "HEAD~1").strip()
    (long.root / ".git/objects" / parent[:2] / parent[2:]).unlink()
    with pytest.raises(DamagedHistory, match=parent):
        long.found("default/a.json")


@pytest.mark.timeout(10)
def test_truncated_objects_are_an_error(long: GitRepo) -> None:
    table(long).unlink()
    tree = long.git("rev-parse", "HEAD~1:default").strip()
    file = long.root / ".git/objects" / tree[:2] / tree[2:]
    raw = file.read_bytes()
    for size in range(0, len(raw), 5):
        file.unlink()
        file.write_bytes(raw[:size])
        with pytest.raises(DamagedHistory, match=tree):
            long.found("default/a.json")
