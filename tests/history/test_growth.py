"""What many snapshots cost on the disk once all is packed anew, and that nothing is lost by it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

import fsstore
from fsstore.history import upkeep

DIRECTORIES, NAMES, SNAPSHOTS = 16, 50, 40
ENOUGH = 150_000  # bytes; without deltas between the versions of a directory it is twice as much as with them


def packed(root: Path) -> int:
    """Bytes of the objects, after many snapshots and a gc."""
    with fsstore.open(root, "agent") as store:
        store.set_many({f"{d:02d}:k{n:02d}": [d, n, 0] for d in range(DIRECTORIES) for n in range(NAMES)})
        made = [store.snapshot()]
        for turn in range(1, SNAPSHOTS):
            for step in range(4):
                d, n = (4 * turn + step) % DIRECTORIES, (7 * turn + step) % NAMES
                store.set(f"{d:02d}:k{n:02d}", [d, n, turn])
            made.append(store.snapshot())
        store.gc()
        for turn, commit in list(enumerate(made))[1:]:
            assert commit is not None
            assert store.at(commit.id).get(f"{4 * turn % DIRECTORIES:02d}:k{7 * turn % NAMES:02d}")[2] == turn
    done = subprocess.run(["git", "fsck", "--strict"], cwd=root, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "")
    return sum(file.stat().st_size for file in (root / ".git/objects").rglob("*") if file.is_file())


def test_versions_of_a_directory_are_deltas_of_each_other(tmp_path: Path) -> None:
    assert packed(tmp_path / "store") < ENOUGH


def test_they_are_not_if_they_are_packed_in_any_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def nothing(repository: object) -> Iterator[bytes]:
        return iter(())

    monkeypatch.setattr(upkeep, "_by_path", nothing)
    assert packed(tmp_path / "store") > ENOUGH


def test_a_file_for_a_directory_and_back_is_packed(tmp_path: Path) -> None:
    root = tmp_path / "store"
    with fsstore.open(root, "agent") as store:
        for number in range(3):
            path = root / "default" / "notes"
            if number % 2:
                os.unlink(path / "a.json")
                path.rmdir()
                path.write_text("a file\n")
            else:
                path.unlink(missing_ok=True)
                path.mkdir(parents=True)
                (path / "a.json").write_text(f"{number}\n")
            assert store.snapshot(verify=True) is not None
        store.gc()
        assert [store.at(f"HEAD~{back}").get("notes:a", None) for back in range(3)] == [2, None, 0]
