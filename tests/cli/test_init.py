"""``fsstore init``: what it makes, what it refuses, and what adoption says before it happens."""

from __future__ import annotations

import os
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
    assert (result.status, result.out, result.err) == (0, "", f"fsstore: made a store in {place}\n")
    assert (place / "fsstore.json").is_file()


def test_a_second_time_changes_nothing(cli: Command, place: Path) -> None:
    cli.ok("init", "state")
    before = contents(place)
    result = cli("init", "state")
    assert (result.status, result.err) == (0, f"fsstore: {place}/state is a store already\n")
    assert contents(place) == before


def test_json(cli: Command, place: Path) -> None:
    assert cli("init", "state", "--json").document == {"path": f"{place}/state", "created": True}
    assert cli("--json", "init", "state").document == {"path": f"{place}/state", "created": False}


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


@pytest.mark.parametrize("words", [("init", "--dry-run"), ("init", ""), ("init", "a", "b"), ("-C", "", "init")])
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


def test_the_library_opens_what_init_made(cli: Command, place: Path) -> None:
    cli.ok("init", "state")
    with fsstore.open(place / "state", create=False) as store:
        store.set("k", 1)
    assert cli.ok("-C", "state", "get", "k") == "1\n"
