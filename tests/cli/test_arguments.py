"""The options of every verb, where the store is found, and words that make no sense."""

from __future__ import annotations

import itertools
import subprocess
import sys
from pathlib import Path

import pytest

import fsstore
from fsstore.cli import verbs
from fsstore.cli.arguments import parse

from .command import ENTRY, Command, process


@pytest.mark.parametrize("position", range(4))
def test_general_options_stand_anywhere(cli: Command, place: Path, position: int) -> None:
    with fsstore.open(place / "state") as store:
        store.use_namespace("n").set("k", "v")
    options = [("-C", "state"), ("-n", "n"), ("--json",)]
    before = tuple(itertools.chain(*options[:position]))
    after = tuple(itertools.chain(*options[position:]))
    assert cli(*before, "stat", "k", *after).document["namespace"] == "n"
    assert cli(*before, "stat", *after, "k").document["value"] == "v"


def test_the_later_of_two_wins(cli: Command, directory: Path) -> None:
    cli.ok("-n", "one", "set", "k", "1", "-n", "two")
    assert cli.ok("ns") == "two\n"


def test_the_store_is_found_upward(cli: Command, directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    deep = directory / "default" / "a" / "b"
    deep.mkdir(parents=True)
    monkeypatch.chdir(deep)
    cli.ok("set", "k", "1")
    assert (directory / "default" / "k.json").is_file()
    assert cli.ok("-C", "..", "get", "k") == "1\n"
    assert process("get", "k", cwd=deep) == (0, "1\n", "")


def test_the_environment_names_the_store_and_the_option_is_stronger(
    cli: Command, place: Path, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("one", "two"):
        with fsstore.open(place / name) as store:
            store.set("k", name)
    monkeypatch.setenv("FSSTORE_DIR", str(place / "one"))
    assert cli.ok("get", "k") == '"one"\n'
    assert cli.ok("get", "k", "-C", "../two") == '"two"\n'
    monkeypatch.setenv("FSSTORE_DIR", "")
    assert cli("get", "k").status == 1  # that is the store found upward, which is empty


def test_no_store_is_usage_and_says_the_way_out(cli: Command, place: Path) -> None:
    result = process("get", "k")
    assert (result.status, result.out) == (2, "")
    assert result.err.startswith(f"fsstore: {place} is in no store: ")
    assert result.err.endswith("make one with: fsstore init\n")


def test_a_name_that_is_no_store_is_not_another_one(
    cli: Command, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cli.ok("set", "k", "1")
    assert cli("-C", "default/none", "del", "--all").status == 2
    assert cli("-C", "", "del", "--all").status == 2
    assert cli("-n", "", "del", "--all").status == 2
    monkeypatch.setenv("FSSTORE_DIR", str(directory / "default"))
    assert cli("del", "--all").status == 2
    monkeypatch.delenv("FSSTORE_DIR")
    assert cli.ok("ls") == "k\n"


def test_a_deleted_current_directory_is_usage(place: Path) -> None:
    gone = place / "gone"
    gone.mkdir()
    script = f'cd "{gone}" && rmdir "{gone}" && exec "$@" 2>&1'
    done = subprocess.run(["sh", "-c", script, "sh", *ENTRY, "ls"], stdout=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 2
    assert done.stdout.splitlines()[-1].startswith("fsstore: the current directory cannot be told")


@pytest.mark.parametrize("key", ["-", "--", "-x", "--json", "--help", "-1", "@x", "a b", "é", "", "-C"])
def test_any_key_goes_after_two_dashes(cli: Command, directory: Path, key: str) -> None:
    cli.ok("set", "--", key, "-1.5e3")
    assert cli.ok("get", "--", key) == "-1500.0\n"
    assert cli("--json", "stat", "--", key).document["key"] == key
    assert cli.ok("ls", "--", key).splitlines() == [key]
    cli.ok("-q", "del", "--", key)
    assert cli.ok("ls") == ""


def test_two_dashes_may_precede_the_verb(cli: Command, directory: Path) -> None:
    cli.ok("--", "set", "-k", "1")
    assert cli.ok("--", "get", "-k") == "1\n"


@pytest.mark.parametrize(
    ("words", "literals"),
    [
        (("diff", "a", "b"), None),
        (("diff", "a", "--"), 0),
        (("diff", "a", "--", "b"), 1),
        (("diff", "--", "a", "--"), 2),
        (("-n", "x", "diff", "--json", "--", "--json"), 1),
        (("--", "diff", "a"), None),
    ],
)
def test_a_verb_learns_how_many_words_stand_after_two_dashes(words: tuple[str, ...], literals: int | None) -> None:
    assert parse(words)[1].literals == literals


def test_negative_numbers_need_none(cli: Command, directory: Path) -> None:
    cli.ok("set", "k", "-5")
    assert cli.ok("get", "k") == "-5\n"


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("-q",),
        ("nonsense",),
        ("get",),
        ("get", "a", "b"),
        ("get", "a", "--nonsense"),
        ("set", "k"),
        ("set", "k", "-x"),
        ("ls", "--lim", "1"),
        ("-n",),
        ("--js", "ls"),
        ("doctor", "x"),
    ],
)
def test_nonsense_is_status_2_in_one_line(cli: Command, directory: Path, words: tuple[str, ...]) -> None:
    result = cli(*words)
    assert (result.status, result.out) == (2, "")
    assert result.err.startswith("fsstore: ")
    assert "--help" in result.err
    assert result.err.count("\n") == 1
    error = cli("--json", *words).error
    assert (error["error"], error["exit"]) == ("UsageError", 2)


def test_the_way_out_for_a_value_that_looks_like_an_option(cli: Command, directory: Path) -> None:
    assert "goes after --" in cli("set", "k", "-1e5").err
    assert "goes after --" not in cli("ls", "--limit", "x").err


@pytest.mark.parametrize(
    "words", [(b"get", b"\xff"), (b"set", b"k", b'"\xed\xa0\x80"'), (b"-n", b"a\xfe", b"ls"), (b"\xff",)]
)
def test_words_that_are_no_text_are_usage(directory: Path, words: tuple[bytes, ...]) -> None:
    result = process(*words)
    assert (result.status, result.out) == (2, "")
    assert "is not valid UTF-8" in result.err
    assert result.err.count("\n") == 1


def test_a_lone_surrogate_is_no_value(cli: Command, directory: Path) -> None:
    assert cli("set", "k", r'"\ud800"').status == 4
    assert cli("set", "k", "\ud800").status == 2
    assert cli.ok("ls") == ""


def test_a_name_without_a_path_is_usage(cli: Command, directory: Path) -> None:
    result = cli("get", "x" * 5000)
    assert result.status == 2
    assert "too long" in result.err


def test_only_what_is_needed_is_imported(directory: Path) -> None:
    script = """
import sys
before = set(sys.modules)  # a measuring tool may be at work
from fsstore.cli import main
status = main(["get", "k", "--default", "1"])
heavy = {"asyncio", "pygit2", "watchdog", "multiprocessing"} & (set(sys.modules) - before)
verbs = {name for name in sys.modules if name.startswith("fsstore.cli.verbs.")}
print(status, sorted(heavy), sorted(verbs))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "1\n0 [] ['fsstore.cli.verbs.get']\n"


def test_version(cli: Command) -> None:
    assert cli("--version") == (0, f"fsstore {fsstore.__version__}\n", "")


def test_every_module_of_a_verb_is_in_the_table() -> None:
    assert verbs.__file__ is not None
    modules = {path.stem for path in Path(verbs.__file__).parent.glob("*.py")} - {"__init__"}
    assert {verb.module for verb in verbs.TABLE.values()} == modules
