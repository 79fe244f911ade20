"""What the commits of runs say, to git and to `store.log`."""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import fsstore
from fsstore import Store
from fsstore.commits import trailers


@pytest.fixture
def files(tmp_path: Path) -> Store:
    return fsstore.open(tmp_path / "s")


def git(store: Store, *words: str) -> str:
    root = store.info(store.list_keys()[0]).path.partition("/default/")[0]
    done = subprocess.run(["git", "-C", root, *words], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_author_committer_line_and_trailers(files: Store) -> None:
    with files.run("crawler", "run 7", input={"b": 1, "a": [2]}) as run:
        run.set_many({"x": 1, "y:z": 2})
        run.use_namespace("cache:github").set("q", 3)
    assert git(files, "log", "-1", "--format=%an|%ae|%cn|%s") == (
        "crawler|crawler@localhost|fsstore|crawler: 3 set in cache:github and default"
    )
    found = trailers(git(files, "log", "-1", "--format=%B"))
    digest = "sha256:"
    assert found.pop("Input").startswith(digest)
    assert found == {
        "Agent": "crawler",
        "Run-Id": "run 7",
        "Keys": "cache:github/q, default/x, default/y:z",
        "Status": "ok",
    }
    assert git(files, "status", "--porcelain") == ""


def test_the_digest_is_that_of_the_input(files: Store) -> None:
    digests = []
    for given in ({"a": 1}, {"a": 1}, {"a": 2}):
        fsstore.run_agent(lambda input_dict, tools: fsstore.data_store.increment("n"), given, store=files, name="a")
        digests.append(trailers(next(files.log()).message)["Input"])
    assert digests[0] == digests[1] != digests[2]


def test_a_run_that_changed_nothing_commits_nothing(files: Store) -> None:
    with files.run("a") as run:
        run.set("k", 1)
    before = git(files, "rev-parse", "HEAD")
    with files.run("a") as run:
        run.set("k", 1)
        run.set("temporary", 1)
        run.delete("temporary")
        run.get("k")
    assert git(files, "rev-parse", "HEAD") == before


def test_without_a_snapshot_the_next_one_takes_it_as_the_run_s(files: Store) -> None:
    with files.run("a", "r1", snapshot=False) as run:
        run.set("k", 1)
    with files.run("b", "r2") as run:
        run.set("l", 1)
    assert [(commit.agent, commit.run, commit.status) for commit in files.log(limit=2)] == [
        ("b", "r2", "ok"),
        ("a", "r1", "ok"),
    ]


def test_runs_in_runs_have_their_own_commits(files: Store) -> None:
    with files.run("outer", "o") as outer:
        outer.set("shared", "outer")
        outer.set("outer", 1)
        with files.run("inner", "i") as inner:
            inner.set("shared", "inner")
            inner.set("inner", 1)
        outer.set("after", 1)
    told = [(commit.run, trailers(commit.message)["Keys"]) for commit in files.log(limit=2)]
    assert told == [("o", "default/after, default/outer"), ("i", "default/inner, default/shared")]
    assert trailers(list(files.log(limit=2))[1].message)["Parent-Run-Id"] == "o"


def test_a_snapshot_in_the_middle_leaves_other_runs_alone(files: Store) -> None:
    with files.run("a", "a") as one, files.run("b", "b", snapshot=False) as two:
        one.set("one", 1)
        two.set("two", 2)
        files.set("now", 1)  # in the innermost run
        commit = files.snapshot("by the way")
        assert commit is not None
        assert (commit.run, commit.summary) == ("b", "by the way")
        assert git(files, "status", "--porcelain") == "?? default/one.json"
    assert git(files, "status", "--porcelain") == ""


def test_a_failed_run_says_so(files: Store) -> None:
    with pytest.raises(ZeroDivisionError), files.run("a") as run:
        run.set("k", 1 / 1)
        run.set("l", 1 / 0)
    commit = next(files.log())
    assert (commit.status, commit.summary) == ("failed", "a (failed): 1 set in default")


def test_one_that_was_rolled_back_leaves_no_commit(files: Store) -> None:
    files.set("k", 0)
    files.snapshot()
    before = git(files, "rev-parse", "HEAD")
    with pytest.raises(ZeroDivisionError), files.run("a", on_error="rollback") as run:
        run.set("k", 1)
        raise ZeroDivisionError
    assert git(files, "rev-parse", "HEAD") == before
    assert git(files, "status", "--porcelain") == ""


KILLED = """
import os, sys, fsstore
store = fsstore.open(sys.argv[1])
with store.run("victim", "dead", on_error="rollback") as run:
    run.set("k", "by the dead")
    run.set("gone", 1)
    os.kill(os.getpid(), 9)
"""


def test_after_a_kill_the_keys_stay_and_the_next_snapshot_says_killed(files: Store) -> None:
    files.set("k", 0)
    root = files.info("k").path.partition("/default/")[0]
    done = subprocess.run([sys.executable, "-c", KILLED, root], check=False)
    assert done.returncode == -signal.SIGKILL
    assert files.get("k") == "by the dead"
    files.snapshot()
    assert [(commit.agent, commit.run, commit.status) for commit in files.log(run="dead")] == [
        ("victim", "dead", "killed")
    ]
    assert os.listdir(f"{root}/.fsstore/runs") == []


def test_odd_names_are_told_from_their_neighbours(files: Store) -> None:
    with files.run('a "b" <c>\nInjected: yes', "r\nStatus: forged") as run:
        run.set("k, l", 1)
        run.set("m\nn", 2)
    commit = next(files.log())
    assert "Injected" not in trailers(commit.message)
    assert json.loads(trailers(commit.message)["Run-Id"]) == "r\nStatus: forged"
    assert (commit.agent, commit.run, commit.status) == ('a "b" <c>\nInjected: yes', "r\nStatus: forged", "ok")
    assert [each.id for each in files.log(run="r\nStatus: forged")] == [commit.id]
    assert git(files, "log", "-1", "--format=%an") == 'a "b" c Injected: yes'
    assert trailers(commit.message)["Keys"] == 'default/"k, l", default/"m\\nn"' or '"default/k, l"' in commit.message


def test_where_no_commit_can_be_now_the_run_ends_well_and_a_later_one_has_it(
    files: Store, caplog: pytest.LogCaptureFixture
) -> None:
    with files.run("a") as run:
        run.set("k", 1)
    git(files, "checkout", "-q", "--detach")
    with caplog.at_level(logging.WARNING, "fsstore"), files.run("b", "later") as run:
        run.set("l", 1)
    assert "HEAD is detached" in caplog.text
    git(files, "checkout", "-q", "main")
    files.snapshot()
    assert [commit.status for commit in files.log(run="later")] == ["ok"]


def test_without_git_runs_work_and_say_so_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    store = fsstore.open(tmp_path / "inside")
    with caplog.at_level(logging.WARNING, "fsstore"):
        for number in range(2):
            with store.run("a") as run:
                run.set("k", number)
    assert caplog.text.count("fsstore init --git") == 1
    with pytest.raises(fsstore.HistoryUnavailable, match="lies inside the repository"):
        store.snapshot()
    off = fsstore.open(tmp_path / "off", git=False)
    with off.run("a") as run:
        run.set("k", 1)
    assert not (tmp_path / "off/.git").exists()
    with pytest.raises(fsstore.HistoryUnavailable, match="turned off"):
        off.snapshot()
