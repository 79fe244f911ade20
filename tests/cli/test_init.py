"""``fsstore init``: what it makes, what it refuses, and what adoption says before it happens."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

import fsstore

from .command import Command, process


def make_old_tree(place: Path) -> Path:
    old = place / "old"
    (old / "notes" / "deep").mkdir(parents=True)
    (old / "notes" / "a.json").write_text("1\n")
    (old / "notes" / "deep" / "b c.json").write_text("2\n")
    (old / "top.json").write_text("3\n")
    (old / "photo.txt").write_text("x")
    return old


def contents(directory: Path) -> dict[str, bytes]:
    return {str(path.relative_to(directory)): path.read_bytes() for path in directory.rglob("*") if path.is_file()}


def test_it_makes_a_store_in_the_current_directory(cli: Command, place: Path) -> None:
    result = cli("init")
    told = [f"fsstore: made a store in {place}", f"fsstore: made a git repository in {place}/.git"]
    assert (result.status, result.out, result.err.splitlines()) == (0, "", told)
    assert (place / "fsstore.json").is_file()


def test_a_second_time_changes_nothing(cli: Command, place: Path) -> None:
    cli.ok("init", "state")
    before = contents(place)
    result = cli("init", "state")
    assert (result.status, result.err) == (0, f"fsstore: {place}/state is a store already\n")
    assert contents(place) == before


def test_json(cli: Command, place: Path) -> None:
    assert cli("init", "state", "--json").document == {"path": f"{place}/state", "created": True, "git": True}
    assert cli("--json", "init", "state").document == {"path": f"{place}/state", "created": False, "git": True}


@pytest.mark.parametrize("words", [("-C", "there", "init"), ("init", "-C", "there")])
def test_directory_by_option(cli: Command, place: Path, words: tuple[str, ...]) -> None:
    cli.ok(*words)
    assert os.listdir(place) == ["there"]
    assert (place / "there" / "fsstore.json").is_file()


def test_directory_by_environment(cli: Command, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FSSTORE_DIR", str(place / "env"))
    cli.ok("init")
    assert os.listdir(place) == ["env"]


def test_a_directory_with_other_content_is_refused_and_told_the_way_out(cli: Command, place: Path) -> None:
    old = make_old_tree(place)
    before = contents(old)
    result = cli("init", "old")
    assert (result.status, result.out) == (4, "")
    assert f"fsstore init --adopt --dry-run {old}" in result.err
    assert result.err.count("\n") == 1
    assert contents(old) == before


def test_dry_run_lists_and_changes_nothing(cli: Command, place: Path) -> None:
    old = make_old_tree(place)
    before = contents(old)
    result = cli("init", "old", "--adopt", "--dry-run")
    assert result.status == 0
    assert result.out == "notes\ta\tnotes/a.json\nnotes\tdeep:b c\tnotes/deep/b c.json\n"
    assert "2 files become keys; 2 stay as they are" in result.err
    assert "nothing was changed" in result.err
    assert contents(old) == before


def test_adopt_lists_and_makes_the_store(cli: Command, place: Path) -> None:
    old = make_old_tree(place)
    before = contents(old)
    result = process("init", "--adopt", "old", "--json")
    assert result.status == 0
    assert result.documents == [
        {"namespace": "notes", "key": "a", "path": "notes/a.json"},
        {"namespace": "notes", "key": "deep:b c", "path": "notes/deep/b c.json"},
    ]
    assert cli.ok("-C", "old", "-n", "notes", "get", "deep:b c") == "2\n"
    assert before.items() <= contents(old).items()


def test_adopting_a_store_lists_nothing(cli: Command, directory: Path) -> None:
    cli.ok("init")
    cli.ok("set", "k", "1")
    for words in (("init", "--adopt"), ("init", "--adopt", "--dry-run")):
        result = cli(*words)
        assert (result.status, result.out, result.err) == (0, "", f"fsstore: {directory} is a store already\n")


def test_names_that_would_break_the_list_are_quoted(cli: Command, place: Path) -> None:
    odd = place / "odd" / "n"
    odd.mkdir(parents=True)
    (odd / "a%09b.json").write_text("1")
    (odd / "two\nlines.json").write_text("1")
    Path(os.fsdecode(os.fsencode(odd) + b"/\xff.json")).write_text("1")
    result = cli("init", "odd", "--adopt", "--dry-run")
    assert result.out == 'n\t"a\\tb"\tn/a%09b.json\n'
    assert "2 stay as they are" in result.err
    assert result.err.count("\n") == 2


@pytest.mark.parametrize(
    "words",
    [("init", "--dry-run"), ("init", "--git", "--no-git"), ("init", ""), ("init", "a", "b"), ("-C", "", "init")],
)
def test_usage(cli: Command, place: Path, words: tuple[str, ...]) -> None:
    result = cli(*words)
    assert (result.status, result.out) == (2, "")
    assert os.listdir(place) == []


def test_where_a_file_is_in_the_way_the_error_names_it(cli: Command, place: Path) -> None:
    (place / "file").write_text("")
    result = cli("init", "file/below")
    assert result.status in (4, 5)
    assert result.err.startswith("fsstore: ")
    assert f"{place}/file" in result.err
    assert result.err.count("\n") == 1


# Its repository


def git(*words: str, cwd: Path) -> str:
    return subprocess.run(["git", *words], cwd=cwd, capture_output=True, text=True, check=True).stdout.strip()


def test_the_repository_is_one_for_git(cli: Command, place: Path) -> None:
    cli.ok("init", "state")
    assert git("rev-parse", "--show-toplevel", cwd=place / "state") == f"{place}/state"
    assert git("check-attr", "diff", "--", "default/k.json", cwd=place / "state").endswith(": fsstore")
    (place / "state" / "default").mkdir()
    (place / "state" / "default" / "k.json").write_text('"one\\ntwo"\n')
    git("add", "-A", cwd=place / "state")
    assert "\n+|-\n+  one\n+  two" in git("diff", "--cached", "--", "default", cwd=place / "state")


def test_an_older_store_gets_one(cli: Command, directory: Path) -> None:
    shutil.rmtree(directory / ".git", ignore_errors=True)
    result = cli("init")
    told = [f"fsstore: {directory} is a store already", f"fsstore: made a git repository in {directory}/.git"]
    assert (result.status, result.err.splitlines()) == (0, told)


def test_inside_a_larger_repository_it_has_none_unless_asked(cli: Command, place: Path) -> None:
    git("init", "-q", cwd=place)
    result = cli("init", "state")
    assert result.status == 0
    assert "it has no git repository: it lies inside the repository" in result.err
    assert f"fsstore init --git {place}/state" in result.err
    assert not (place / "state" / ".git").exists()
    assert cli("init", "state", "--json").document["git"] is False
    assert cli("-C", "state", "snapshot").status == 2
    result = cli("init", "state", "--git")
    assert result.err.splitlines()[-1] == f"fsstore: made a git repository in {place}/state/.git"
    assert git("rev-parse", "--show-toplevel", cwd=place / "state") == f"{place}/state"
    cli.ok("-C", "state", "set", "k", "1")
    assert cli("-C", "state", "snapshot").status == 0


def test_without_git_there_is_no_history_now_or_later(cli: Command, place: Path) -> None:
    result = cli("init", "state", "--no-git")
    told = [f"fsstore: made a store in {place}/state", "fsstore: from now on it keeps no history"]
    assert (result.status, result.err.splitlines()) == (0, told)
    marker = json.loads((place / "state" / "fsstore.json").read_text())
    assert marker["settings"] == {"git": False}
    cli.ok("-C", "state", "set", "k", "1")
    result = cli("-C", "state", "snapshot")
    assert (result.status, result.out, result.err.count("\n")) == (2, "", 1)
    assert cli("init", "state", "--no-git").err == f"fsstore: {place}/state is a store already\n"
    assert "it has no git repository: it is turned off" in cli("init", "state").err
    assert not (place / "state" / ".git").exists()


def test_a_repository_that_is_none_to_use_is_told(cli: Command, directory: Path) -> None:
    (directory / ".git").write_text("gitdir: ../elsewhere\n")
    result = cli("init", "--json")
    assert (result.status, result.document["git"]) == (0, False)
    assert ".git is a file" in result.err


def test_the_choice_can_be_changed(cli: Command, place: Path) -> None:
    cli.ok("init", "state", "--no-git")
    path = place / "state" / "fsstore.json"
    marker = json.loads(path.read_text())
    path.write_text(json.dumps({**marker, "settings": {"x": 1, "git": False}, "later": [1]}))
    os.chmod(path, 0o640)
    assert cli("init", "state", "--git", "--json").document["git"] is True
    assert json.loads(path.read_text()) == {**marker, "settings": {"x": 1}, "later": [1]}
    assert path.stat().st_mode & 0o777 == 0o640
    assert list((place / "state" / ".fsstore" / "tmp").iterdir()) == []
    assert cli("init", "state", "--no-git", "--json").document["git"] is False
    assert json.loads(path.read_text())["settings"] == {"x": 1, "git": False}


def test_the_settings_of_a_later_format_stay(cli: Command, place: Path) -> None:
    cli.ok("init", "state")
    path = place / "state" / "fsstore.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "format": 99}))
    before = path.read_bytes()
    result = cli("init", "state", "--no-git")
    assert (result.status, result.out) == (5, "")
    assert "format is 99" in result.err
    assert path.read_bytes() == before


def test_the_library_opens_what_init_made(cli: Command, place: Path) -> None:
    cli.ok("init", "state")
    with fsstore.open(place / "state", create=False) as store:
        store.set("k", 1)
    assert cli.ok("-C", "state", "get", "k") == "1\n"


def test_a_repository_that_a_person_made_learns_to_show_strings_as_lines(cli: Command, place: Path) -> None:
    directory = place / "state"
    cli.ok("init", "state", "--no-git")
    git("init", "-q", "-b", "main", str(directory), cwd=place)
    git("config", "user.name", "Ann", cwd=directory)
    before = (directory / ".git/config").read_text()
    cli.ok("init", "state", "--git")
    after = (directory / ".git/config").read_text()
    assert after.startswith(before)
    assert git("config", "--get", "diff.fsstore.textconv", cwd=directory) != ""
    assert git("config", "--get", "user.name", cwd=directory) == "Ann"
    cli.ok("init", "state", "--git")
    assert (directory / ".git/config").read_text() == after
    assert [path.name for path in directory.glob(".git/*.lock")] == []
