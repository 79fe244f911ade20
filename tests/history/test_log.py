"""The log, the versions of a key and the blame of its parts, compared with git or with what was done."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from fsstore.errors import BadValue, InvalidName
from fsstore.history import walking
from fsstore.history.log import time_of
from fsstore.history.objects import Objects

from .gitrepo import Accidents, GitRepo


@pytest.fixture
def repo(tmp_path: Path) -> GitRepo:
    return GitRepo(tmp_path / "store")


def logged(repo: GitRepo, *given: str, **filters: Any) -> list[str]:
    return [commit.id for commit in repo.history().log(*given, **filters)]


# -- log -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", [10, 11, 12, 19])
def test_the_log_is_that_of_git(repo: GitRepo, seed: int) -> None:
    accidents = Accidents(repo, seed)
    accidents.edit()
    base = repo.head()
    for number in range(16):
        accidents.happen()
        if number == 5:
            base = repo.head()
        if accidents.random.random() < 0.2:
            repo.clock -= accidents.random.randrange(200)  # somebody's clock is wrong
    expected = repo.lines("log", "--format=%H")
    assert logged(repo) == expected
    assert logged(repo, limit=3) == expected[:3]
    assert logged(repo, since=bytes.fromhex(base)) == repo.lines("log", "--format=%H", f"{base}..HEAD")
    for path, names in {"default/a.json": ("default", "a"), "default/a/b.json": ("default", "a:b")}.items():
        everything = repo.found(path)
        assert logged(repo, *names) == everything
        some = set(repo.lines("log", "--format=%H", f"{base}..HEAD"))
        assert logged(repo, *names, since=bytes.fromhex(base)) == [each for each in everything if each in some]


def test_a_commit_says_what_git_says(repo: GitRepo) -> None:
    repo.put("default/a.json", 1)
    id = repo.put("default/a.json", 2, "crawler: 1 set in default\n\nAgent: crawler\nRun-Id: r1\nStatus: ok\n")
    commit, first = repo.history().log()
    told = repo.git("log", "-1", "--format=%H%n%P%n%an%n%ae%n%s")
    assert told.splitlines() == [commit.id, *commit.parents, commit.author, commit.email, commit.summary]
    assert (commit.id, commit.agent, commit.run, commit.status) == (id, "crawler", "r1", "ok")
    assert commit.time == datetime.fromtimestamp(repo.clock, UTC).isoformat(timespec="microseconds")
    assert (first.parents, first.agent) == ((), None)


def test_filters(repo: GitRepo) -> None:
    a = repo.put("default/a.json", 1, "x\n\nAgent: crawler\nRun-Id: 1")
    b = repo.put("other/b.json", 1, "x\n\nAgent: crawler\nRun-Id: 2")
    c = repo.put("other/a.json", 1, "x\n\nAgent: writer\nRun-Id: 3")
    d = repo.put("other/a.json", 2, "by hand")
    assert logged(repo) == [d, c, b, a]
    assert logged(repo, "other") == [d, c, b]
    assert logged(repo, "other", "a") == [d, c]
    assert logged(repo, "none") == logged(repo, "other", "none") == []
    assert logged(repo, agent="crawler") == [b, a]
    assert logged(repo, "other", agent="crawler") == [b]
    assert logged(repo, run="3") == [c]
    assert logged(repo, agent="crawler", limit=1) == [b]
    assert logged(repo, limit=0) == []
    with pytest.raises(ValueError, match="limit=-1"):
        logged(repo, limit=-1)
    with pytest.raises(ValueError, match="namespace"):
        repo.history().log(key="a")
    with pytest.raises(InvalidName):
        repo.history().log("")


def test_since_a_time(repo: GitRepo) -> None:
    commits = [repo.put("default/a.json", number) for number in range(4)]
    times = [float(line) for line in repo.lines("log", "--reverse", "--format=%ct")]
    assert logged(repo, since=times[2]) == commits[:1:-1]
    assert logged(repo, "default", "a", since=times[2]) == commits[:1:-1]
    assert logged(repo, since=times[3] + 1) == logged(repo, "default", since=times[3] + 1) == []


def test_times_as_people_write_them() -> None:
    assert time_of(datetime(2024, 1, 2, tzinfo=UTC)) == 1704153600.0
    assert time_of("2024-01-02T00:00:00Z") == 1704153600.0
    assert time_of("2024-01-02 01:00:00+01:00") == 1704153600.0
    local = datetime(2024, 1, 2).timestamp()
    assert time_of("2024-01-02") == local
    for revision in ("2024-01-99", "20240102", "", "main", "2024-01-02-branch"):
        assert time_of(revision) is None


def test_a_log_reads_only_what_it_gives(repo: GitRepo, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(10):
        repo.put("default/a.json", number)
    count = 0
    sound = Objects.commit

    def commit(self: Objects, oid: bytes) -> Any:
        nonlocal count
        count += 1
        return sound(self, oid)

    history = repo.history()
    monkeypatch.setattr(Objects, "commit", commit)
    assert len(list(history.log(limit=2))) == 2
    assert count <= 3


def test_nothing_committed_yet(repo: GitRepo) -> None:
    assert logged(repo) == logged(repo, "default") == []
    assert versions(repo, "a") == []


# -- versions ------------------------------------------------------------------------------------------


def versions(repo: GitRepo, key: str, **limits: Any) -> list[tuple[str, str, Any, Any]]:
    found = repo.history().versions("default", key, **limits)
    return [(each.commit.id, each.kind, each.old, each.new) for each in found]


def test_versions_go_on_across_a_delete(repo: GitRepo) -> None:
    a = repo.put("default/k.json", {"n": 1})
    repo.put("default/other.json", 1)
    b = repo.put("default/k.json", {"n": 2})
    c = repo.remove("default/k.json")
    d = repo.put("default/k.json", None)
    expected = [
        (d, "added", None, None),
        (c, "removed", {"n": 2}, None),
        (b, "changed", {"n": 1}, {"n": 2}),
        (a, "added", None, {"n": 1}),
    ]
    assert versions(repo, "k") == expected
    assert versions(repo, "k", limit=2) == expected[:2]
    assert versions(repo, "never") == []


def test_bad_values_are_told_with_their_place(repo: GitRepo) -> None:
    repo.put("default/k.json", 1)
    bad = repo.put("default/k.json", b'{\n  "a": 1,\n}\n')
    repo.put("default/k.json", 2)
    newest, broken, _ = versions(repo, "k")
    error = newest[2]
    assert isinstance(error, BadValue)
    assert isinstance(broken[3], BadValue)
    assert (error.path, error.line, error.column) == (f"{bad[:12]}:default/k.json", 2, 9)
    assert (error.namespace, error.key) == ("default", "k")
    assert (newest[3], broken[2]) == (2, 1)


def test_values_are_the_callers_own(repo: GitRepo) -> None:
    repo.put("default/k.json", [1])
    repo.put("default/k.json", [2])
    newest, oldest = repo.history().versions("default", "k")
    newest.old.append("mine")
    assert oldest.new == [1]


def test_a_merge_that_made_something_new_is_a_version(repo: GitRepo) -> None:
    repo.put("default/k.json", {"n": 0})
    repo.git("switch", "-q", "-c", "side")
    side = repo.put("default/k.json", {"n": 1})
    repo.git("switch", "-q", "main")
    main = repo.put("default/k.json", {"n": 2})
    repo.clock += 60
    repo.git("merge", "-q", "side", check=False)
    merge = repo.put("default/k.json", {"n": 3}, "merged")
    found = versions(repo, "k")
    assert found[0] == (merge, "changed", {"n": 2}, {"n": 3})
    assert {each[0]: each[2:] for each in found[1:3]} == {main: ({"n": 0}, {"n": 2}), side: ({"n": 0}, {"n": 1})}
    assert len(found) == 4


def test_files_replaced_by_links_and_modes(repo: GitRepo) -> None:
    repo.put("default/k.json", 1)
    (repo.root / "default/k.json").chmod(0o755)
    repo.commit()
    (repo.root / "default/k.json").unlink()
    (repo.root / "default/k.json").symlink_to("1")
    repo.commit()
    found = versions(repo, "k")
    assert [each[1] for each in found] == ["changed", "changed", "added"]
    assert isinstance(found[0][3], BadValue)
    assert found[1][2:] == (1, 1)


def test_a_flaw_of_the_walk_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(walking, "_SLOP", 1)
    monkeypatch.setattr(walking, "_hide", lambda hidden, read, commits: hidden.update(commits))
    with pytest.raises(AssertionError):
        for seed in (19, 21):
            test_the_log_is_that_of_git(GitRepo(tmp_path / str(seed)), seed)
