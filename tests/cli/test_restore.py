"""``fsstore snapshot``, ``restore`` and ``gc``: the verbs that write history."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

import fsstore

from .command import Command, on_terminal, process


def git(*words: str) -> str:
    return subprocess.run(["git", *words], capture_output=True, text=True, check=True).stdout


def test_a_snapshot_is_shown_as_in_the_log(past: Path, cli: Command) -> None:
    cli.ok("set", "k", "1")
    result = process("snapshot", "-m", "before the cleaning")
    assert (result.status, result.err) == (0, "")
    assert result.out == cli.ok("log", "--limit", "1")
    assert result.out.endswith("\tbefore the cleaning\n")
    assert git("status", "--porcelain") == ""


def test_a_snapshot_in_json_and_on_a_terminal(past: Path, cli: Command) -> None:
    cli.ok("set", "k", "1")
    assert cli("snapshot", "--json").document == cli("log", "--json", "--limit", "1").document
    cli.ok("set", "k", "2")
    assert on_terminal("snapshot", TERM="xterm").startswith("\x1b[33m")


@pytest.mark.parametrize("message", ["", " \n"])
def test_a_blank_message_is_none(past: Path, cli: Command, message: str) -> None:
    cli.ok("set", "k", "1")
    assert cli.ok("snapshot", "-m", message).endswith(" 1 set in default\n")


def test_nothing_to_commit_is_no_failure(past: Path, cli: Command) -> None:
    head = git("rev-parse", "HEAD")
    assert cli("snapshot") == (0, "", "fsstore: nothing has changed since the last snapshot\n")
    assert cli("snapshot", "--json", "-q") == (0, "", "")
    assert cli("snapshot", "--verify").status == 0
    assert git("rev-parse", "HEAD") == head


def test_the_first_snapshot_makes_the_repository(directory: Path, cli: Command) -> None:
    cli.ok("set", "k", "1")
    assert cli.ok("snapshot") == cli.ok("log", "--limit", "1")
    assert git("status", "--porcelain") == ""


def test_a_merge_under_way_is_status_3(past: Path, cli: Command) -> None:
    (past / ".git" / "MERGE_HEAD").write_text(git("rev-parse", "HEAD"))
    cli.ok("set", "k", "1")
    result = cli("snapshot")
    assert (result.status, result.out, result.err.count("\n")) == (3, "", 1)
    assert "merge" in result.err
    assert cli("snapshot", "--json").error["error"] == "RepositoryState"


def test_a_detached_head_is_status_3(past: Path, cli: Command) -> None:
    git("checkout", "-q", "--detach")
    cli.ok("set", "k", "1")
    result = cli("snapshot")
    assert (result.status, result.out, result.err.count("\n")) == (3, "", 1)
    assert "git switch" in result.err


def test_what_is_no_json_is_committed_and_told(past: Path, cli: Command) -> None:
    (past / "default" / "bad.json").write_text("[1,")
    result = cli("snapshot")
    assert result.status == 0
    assert "default/bad.json" in result.err
    assert git("show", "HEAD:default/bad.json") == "[1,"


# Restoring


def test_a_key_gets_back_what_it_held(past: Path, cli: Command) -> None:
    head = git("rev-parse", "HEAD").strip()
    result = process("restore", "HEAD~2", "greeting")
    assert (result.status, result.out) == (0, "set\tdefault\tgreeting\n")
    commit = git("rev-parse", "--short=10", "HEAD").strip()
    assert result.err == f"fsstore: 1 key set, 0 deleted in commit {commit}\n"
    assert cli("get", "greeting").document == {"text": "hello\nworld\nend\n", "n": 1}
    assert git("rev-parse", "HEAD~1").strip() == head
    assert cli("get", "gone").status == 1
    assert git("status", "--porcelain") == ""


def test_a_key_that_was_not_there_then_goes(past: Path, cli: Command) -> None:
    cli.ok("set", "new", "1")
    cli.ok("snapshot")
    assert cli.ok("restore", "HEAD~1", "new") == "deleted\tdefault\tnew\n"
    assert cli("get", "new").status == 1


def test_all_keys_of_a_namespace(past: Path, cli: Command) -> None:
    cli.ok("set", "new\n", "1")
    cli.ok("-n", "a:b", "set", "new", "1")
    shown = cli.ok("restore", "HEAD~1", "--all")
    assert shown == 'set\tdefault\tgone\nset\tdefault\tgreeting\ndeleted\tdefault\t"new\\n"\n'
    assert cli.ok("ls") == "gone\ngreeting\n"
    assert cli.ok("ls", "-n", "a:b") == "new\nx y\n"


def test_the_whole_store(past: Path, cli: Command) -> None:
    cli.ok("-n", "a:b", "set", "x y", "1")
    shown = cli("restore", "HEAD~2", "--whole-store", "--json").document
    assert shown["commit"] == cli("log", "--limit", "1", "--json").document
    assert shown["set"] == [
        {"namespace": "a:b", "key": "x y"},
        {"namespace": "default", "key": "gone"},
        {"namespace": "default", "key": "greeting"},
    ]
    assert shown["deleted"] == []
    assert cli.ok("-n", "a:b", "get", "x y") == '"q"\n'


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("HEAD",),
        ("HEAD", "-n", "default"),
        ("HEAD", "k", "--all"),
        ("HEAD", "--all", "--whole-store"),
        ("HEAD", "--whole-store", "-n", "default"),
        ("HEAD", "a", "b"),
    ],
)
def test_nothing_is_restored_by_accident(past: Path, cli: Command, words: tuple[str, ...]) -> None:
    cli.ok("set", "greeting", "1")
    result = cli("restore", *words)
    assert (result.status, result.out) == (2, "")
    assert cli.ok("get", "greeting") == "1\n"


def test_a_dry_run_says_the_same_and_does_nothing(past: Path, cli: Command) -> None:
    cli.ok("set", "new", "1")
    head = git("rev-parse", "HEAD")
    expected = "set\tdefault\tgone\nset\tdefault\tgreeting\ndeleted\tdefault\tnew\n"
    result = cli("restore", "HEAD~1", "--all", "--dry-run")
    assert result == (0, expected, "fsstore: would be 2 keys set, 1 deleted\n")
    document = cli("restore", "HEAD~1", "--whole-store", "--dry-run", "--json").document
    assert (document["commit"], len(document["set"]), len(document["deleted"])) == (None, 2, 1)
    assert git("rev-parse", "HEAD") == head
    assert cli.ok("ls") == "greeting\nnew\n"
    assert cli.ok("restore", "HEAD~1", "--all") == expected


def test_metadata_comes_back_too(past: Path, cli: Command) -> None:
    cli.ok("set", "k", "1", "--meta", '{"source": "first"}')
    cli.ok("snapshot")
    cli.ok("set", "k", "1", "--meta", '{"source": "second"}')
    for more in ("--dry-run", "--json"):
        assert "k" in cli.ok("restore", "HEAD", "k", more)
    assert cli("stat", "k", "--json").document["metadata"] == {"source": "first"}


def test_an_edit_that_no_snapshot_has_is_not_lost(past: Path, cli: Command) -> None:
    (past / "default" / "greeting.json").write_text('"by hand"\n')
    cli.ok("restore", "HEAD~1", "greeting")
    assert cli("show", "HEAD~1", "greeting").document == "by hand"
    assert git("log", "-1", "--format=%an", "HEAD~1").strip() == "Ada"


def test_where_nothing_differs_nothing_is_done(past: Path, cli: Command) -> None:
    head = git("rev-parse", "HEAD")
    assert cli("restore", "HEAD", "greeting") == (0, "", "fsstore: nothing differs\n")
    assert cli("restore", "HEAD", "--whole-store", "--json").document == {"commit": None, "set": [], "deleted": []}
    assert git("rev-parse", "HEAD") == head


@pytest.mark.parametrize("words", [("HEAD", "nonsense"), ("nonsense", "greeting"), ("HEAD~99", "--whole-store")])
def test_what_is_not_there_is_status_1(past: Path, cli: Command, words: tuple[str, ...]) -> None:
    for more in ((), ("--dry-run",)):
        result = cli("restore", *words, *more)
        assert (result.status, result.out, result.err.count("\n")) == (1, "", 1)


def test_on_a_terminal_names_are_quoted_too(past: Path) -> None:
    with fsstore.open(past) as store:
        store.set("evil\x1b[2J", 1)
        store.snapshot()
    assert on_terminal("restore", "HEAD~1", "--all") == 'deleted\tdefault\t"evil\\u001b[2J"\n'


# Packing


def test_gc_says_what_it_brought(past: Path, cli: Command) -> None:
    log = cli.ok("log")
    result = cli("gc")
    assert (result.status, result.out) == (0, "")
    assert result.err.startswith("fsstore: the history takes ")
    packed = cli("gc", "--json").document
    assert packed["after"]["bytes"] <= packed["before"]["bytes"]
    assert packed["after"]["packs"] == 1
    assert cli.ok("log") == log
    subprocess.run(["git", "fsck", "--strict"], capture_output=True, check=True)
