"""``fsstore backup`` and ``fsstore doctor --fix``: what they do, say, and return."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import fsstore

from .command import Command, process


@pytest.fixture(autouse=True)
def _records(directory: Path) -> None:
    with fsstore.open(directory) as store:
        store.set_many({"k": 1, "gone": 2}, {"m": 1})


def test_a_backup_is_a_store(cli: Command, directory: Path) -> None:
    (directory / ".git").mkdir()
    result = process("backup", "../copy")
    assert (result.status, result.out) == (0, "")
    first, second = result.err.splitlines()
    assert first.startswith("fsstore: copied ")
    assert first.endswith(f"bytes, to {directory.parent}/copy")
    assert second == "fsstore: not copied: .git"
    assert cli.ok("get", "k", "-C", "../copy") == "1\n"
    assert cli("doctor", "-C", "../copy").status == 0


def test_a_backup_in_json(cli: Command, directory: Path) -> None:
    identity = json.loads((directory / "fsstore.json").read_text())["id"]
    copied = cli("backup", "../copy", "--new-id", "--json").document
    assert set(copied) == {"path", "id", "files", "bytes", "skipped"}
    assert copied["path"] == str(directory.parent / "copy")
    assert copied["id"] != identity
    assert json.loads((directory.parent / "copy/fsstore.json").read_text())["id"] == copied["id"]


@pytest.mark.parametrize(("where", "status"), [("", 2), ("default/copy", 4), ("/proc/copy", 5)])
def test_where_no_backup_can_be(cli: Command, where: str, status: int) -> None:
    result = cli("backup", where)
    assert (result.status, result.out) == (status, "")
    assert result.err.count("\n") == 1


def test_nothing_to_mend_writes_nothing(cli: Command, directory: Path) -> None:
    times = {path: path.stat().st_mtime_ns for path in directory.rglob("*")}
    assert cli("doctor", "--fix") == (0, "", "fsstore: healthy\n")
    assert {path: path.stat().st_mtime_ns for path in directory.rglob("*")} == times


def test_what_was_mended_is_no_failure(cli: Command, directory: Path) -> None:
    (directory / "default/gone.json").unlink()
    (directory / "default/a b?.json").write_text("3")
    assert cli("doctor").status == 4
    result = cli("doctor", "--fix")
    assert result.status == 0
    assert result.err == "fsstore: 2 findings, 2 mended\n"
    assert "Mended: moved to .fsstore/lost/default/.meta/gone.json.\n" in result.out
    assert "Mended: renamed to default/a b%3F.json.\n" in result.out
    assert cli("doctor") == (0, "", "fsstore: healthy\n")
    assert cli.ok("get", "a b?") == "3\n"


def test_what_is_left_is_status_4(cli: Command, directory: Path) -> None:
    (directory / "default/gone.json").unlink()
    (directory / "default/k.json").write_text("{")
    result = cli("doctor", "--fix", "--json")
    assert result.status == 4
    assert {each["problem"]: bool(each["repair"]) for each in result.documents} == {
        "orphaned-metadata": True,
        "bad-value": False,
    }


def test_leftovers_that_opening_the_store_removes_are_told(cli: Command, directory: Path) -> None:
    left = directory / ".fsstore/tmp/00-1-abcdef01-1"
    left.write_text("half")
    assert "leftover" in cli("doctor").out
    result = cli("doctor", "--fix", "--json")
    assert result.status == 0
    assert [each["repair"] for each in result.documents] == ["finished or removed when the store was opened"]
    assert not left.exists()
