"""``fsstore del``: how much goes, and how much it says about it."""

from __future__ import annotations

import pytest

from .command import Command, process

pytestmark = pytest.mark.usefixtures("directory")


@pytest.fixture(autouse=True)
def _keys(directory: object, cli: Command) -> None:
    for key in ("a", "b:1", "b:2", "c"):
        cli.ok("set", key, "1")
    cli.ok("-n", "other", "set", "a", "1")


def left(cli: Command) -> list[str]:
    return cli.ok("ls").splitlines()


def test_named_keys(cli: Command) -> None:
    result = process("del", "a", "c", "none")
    assert (result.status, result.out) == (0, "")
    assert result.err == "fsstore: deleted 2 of 3 keys of namespace 'default'\n"
    assert left(cli) == ["b:1", "b:2"]
    assert cli.ok("ls", "-n", "other") == "a\n"


def test_nothing_there_is_status_1(cli: Command) -> None:
    assert cli("del", "none") == (1, "", "fsstore: deleted 0 of 1 key of namespace 'default'\n")
    assert cli("del", "--prefix", "zz").status == 1
    assert cli("-n", "none", "del", "--all").status == 1
    assert len(left(cli)) == 4


def test_prefix(cli: Command) -> None:
    assert cli("del", "--prefix", "b") == (0, "", "fsstore: deleted 2 keys of namespace 'default'\n")
    assert left(cli) == ["a", "c"]


def test_all(cli: Command) -> None:
    assert cli("del", "--all") == (0, "", "fsstore: deleted 4 keys of namespace 'default'\n")
    assert left(cli) == []
    assert cli.ok("ns") == "other\n"


def test_quiet_and_json(cli: Command) -> None:
    assert cli("del", "a", "-q") == (0, "", "")
    assert cli("del", "--all", "--json").document == {"deleted": 3}
    result = cli("del", "--all", "--json")
    assert (result.status, result.document) == (1, {"deleted": 0})


@pytest.mark.parametrize(
    ("words", "listed"),
    [
        (("c", "none", "a", "c"), ["c", "a"]),
        (("--prefix", "b:"), ["b:1", "b:2"]),
        (("--all",), ["a", "b:1", "b:2", "c"]),
    ],
)
def test_dry_run_lists_and_deletes_nothing(cli: Command, words: tuple[str, ...], listed: list[str]) -> None:
    result = cli("del", "--dry-run", *words)
    assert (result.status, result.out.splitlines()) == (0, listed)
    assert result.err == f"fsstore: would delete {len(listed)} keys of namespace 'default'\n"
    assert cli("del", "--dry-run", "--json", *words).documents == [{"key": key} for key in listed]
    assert len(left(cli)) == 4


def test_dry_run_of_nothing(cli: Command) -> None:
    assert cli("del", "none", "--dry-run").status == 1


@pytest.mark.parametrize(
    "words", [(), ("a", "--all"), ("a", "--prefix", "b"), ("--all", "--prefix", "b"), ("--prefix", "")]
)
def test_exactly_one_kind_of_victim(cli: Command, words: tuple[str, ...]) -> None:
    result = cli("del", *words)
    assert (result.status, result.out) == (2, "")
    assert len(left(cli)) == 4


def test_keys_on_both_sides_of_an_option(cli: Command) -> None:
    cli.ok("del", "a", "-q", "c")
    assert left(cli) == ["b:1", "b:2"]
