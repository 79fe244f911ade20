"""A power cut during a backup leaves no copy or a whole one; after it the copy is whole."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from files.mounts import served_disk
from files.surroundings import picture

import fsstore
from fsstore import Store
from fsstore.engines.files import backup, copying

from .cutfs import MODES
from .disturbed import ROUNDS


@pytest.fixture
def forgetful(scratch: Path) -> Iterator[Path]:
    """A disk for the copies, whose power can be cut."""
    with served_disk("faults.cutfs", scratch / "disk") as at:
        (at / ".ctl").write_text("save")
        yield at


@pytest.fixture
def filled(disk: Store, scratch: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    """A store of which each backup takes the same steps: nothing in it is young, and all lock files are there."""
    monkeypatch.setattr(copying, "_RACY", 0)
    disk.set_many({"k": 1, "a:b": ["x" * 5000], "": 0}, {"m": 1})
    disk.use_namespace("other").set("key", "value")
    disk.backup(scratch / "first")
    return disk


def contents(directory: Path) -> dict[str, object]:
    """Names and what is in them; a directory is its mode."""
    return {path: facts[-1] for path, facts in picture(directory, leave_out=(".fsstore",)).items()}


def cut(forgetful: Path, store: Store, at: int, mode: str) -> tuple[bool, Path]:
    """Back up with a power cut at a change; whether it was acknowledged all the same, and what is left of the copy."""
    control, left = forgetful / ".ctl", forgetful.parent / "left"
    control.write_text("restore")
    control.write_text(f"arm {at}")
    done = True
    try:
        store.backup(forgetful / "copy")
    except fsstore.StoreError:
        done = False
    control.write_text(f"cut {mode}")
    shutil.rmtree(left, ignore_errors=True)
    control.write_text(f"dump {left}")
    return done, left / "copy"


def complaints(forgetful: Path, store: Store, step: int) -> Iterator[str]:
    """What is wrong after a cut at a change, or after the last one, in each mode."""
    (forgetful / ".ctl").write_text("arm 0")
    store.backup(forgetful / "copy")
    changes = int((forgetful / ".ctl").read_text().strip("\0"))
    whole = contents(Path(str(store.info("k").path)).parents[1])
    cases = [(at, mode) for at in range(1, changes + 1) for mode in MODES]
    late = [(at, mode) for at in range(changes - 6, changes + 2) for mode in MODES]
    for at, mode in sorted({*cases[::step], *late}):
        done, copy = cut(forgetful, store, at, mode)
        if done or copy.exists():
            if not copy.exists() or contents(copy) != whole:
                yield f"{mode} at {at} of {changes}, acknowledged: {done}"
        elif at > changes:
            yield f"{mode}: not done without a cut"


def test_no_half_a_copy(forgetful: Path, filled: Store) -> None:
    assert list(complaints(forgetful, filled, 1 if ROUNDS > 1 else 47)) == []


def test_a_copy_without_sync_is_seen(forgetful: Path, filled: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backup, "sync_all", lambda tree, paths: None)
    assert any("acknowledged: True" in complaint for complaint in complaints(forgetful, filled, 1000))


def test_a_name_without_sync_is_seen(forgetful: Path, filled: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backup, "sync_directories", lambda tree, paths: None)
    assert any("acknowledged: True" in complaint for complaint in complaints(forgetful, filled, 1000))
