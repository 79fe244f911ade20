"""Keys that end by themselves: ``fsstore set --ttl``, what ``stat`` says of them, and ``fsstore sweep``."""

from __future__ import annotations

from pathlib import Path

import pytest

import fsstore

from .command import Command

pytestmark = pytest.mark.usefixtures("directory")


@pytest.fixture
def ended(cli: Command, directory: Path) -> Path:
    """A store in which two keys of a namespace have ended, and one of another."""
    for namespace, key in (("default", "a"), ("default", "b"), ("other", "c")):
        cli.ok("set", "-n", namespace, key, "1", "--ttl", "0.001")
        while cli("get", "-n", namespace, key).status == 0:
            pass
    cli.ok("set", "stays", "1", "--ttl", "3600")
    return directory


def test_when_a_key_ends_is_in_its_record(cli: Command) -> None:
    cli.ok("set", "k", "1", "--ttl", "3600")
    record = cli("stat", "k", "--json").document
    assert record["updated_at"] < record["expires_at"]
    assert f"expires_at  {record['expires_at']}\n" in cli.ok("stat", "k")
    cli.ok("incr", "k")
    assert cli("stat", "k", "--json").document["expires_at"] == record["expires_at"]
    cli.ok("set", "k", "1", "--ttl", "inf")
    assert cli("stat", "k", "--json").document["expires_at"] is None


def test_to_edit_a_value_does_not_change_when_it_ends(cli: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    cli.ok("set", "k", "1", "--ttl", "3600")
    before = cli("stat", "k", "--json").document["expires_at"]
    monkeypatch.setenv("EDITOR", "echo 2 >")
    assert cli("edit", "k").status == 0
    record = cli("stat", "k", "--json").document
    assert (record["value"], record["expires_at"]) == (2, before)


@pytest.mark.parametrize("ttl", ["0", "-1", "nan", "soon"])
def test_what_is_no_time_to_last(cli: Command, ttl: str) -> None:
    assert cli("set", "k", "1", "--ttl", ttl).status == 2
    assert cli("get", "k").status == 1


def test_a_dry_run_only_counts(cli: Command, ended: Path) -> None:
    assert cli("sweep", "--dry-run") == (0, "", "fsstore: would remove what is left of 3 keys\n")
    assert (ended / "default" / "a.json").is_file()
    assert cli("sweep", "--dry-run", "-n", "other", "--json").document == {"swept": 1}


def test_what_has_ended_goes(cli: Command, ended: Path) -> None:
    result = cli("sweep", "-n", "other")
    assert result == (0, "", "fsstore: removed what is left of 1 key of namespace 'other'\n")
    assert (ended / "default" / "a.json").is_file()
    assert cli("sweep", "--json").document == {"swept": 2}
    assert sorted(path.name for path in (ended / "default").glob("*.json")) == ["stays.json"]
    assert cli("sweep", "-q") == (0, "", "")
    with fsstore.open(ended) as store:
        assert store.list_keys() == ["stays"]
