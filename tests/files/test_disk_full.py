"""A real full disk: writes fail with a type of their own, what was stored stays, and deleting still works."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import fsstore
from fsstore import DiskFull, Store

from .mounts import small_disk


def fill(directory: Path) -> Path:
    """Use up all the space; the file that takes it."""
    path = directory / "filler"
    with path.open("wb", buffering=0) as file, pytest.raises(OSError, match="No space"):
        while True:
            file.write(b"x" * 4096)
    return path


def test_no_space(scratch: Path) -> None:
    with small_disk(scratch / "disk", "size=2m") as disk, fsstore.open(disk / "store", agent="tester") as store:
        values = {f"key:{number}": ["old", "x" * 2000] for number in range(100)}
        store.set_many(values, {"m": 1})
        filler = fill(disk)
        for write in (
            lambda: store.set("key:1", ["new", "y" * 9000]),
            lambda: store.set("new", "y" * 9000),
            lambda: store.set_many({"key:2": ["new", "y" * 9000], "key:3": ["new", "y" * 9000]}),
            lambda: store.copy("key:1", "copied"),
        ):
            with pytest.raises(DiskFull) as caught:
                write()
            assert isinstance(caught.value, OSError)
            assert caught.value.path.startswith(str(disk))
            assert os.listdir(disk / "store" / ".fsstore" / "tmp") == []
            assert store.get_all() == dict(sorted(values.items()))
        store.set("key:1", values["key:1"])
        assert store.info("key:1").value == values["key:1"]

        for number in range(50):
            assert store.delete(f"key:{number}") is True
        assert store.count() == 50
        filler.unlink()
        store.set("key:1", ["new", "y" * 9000])
        assert store.get("key:1") == ["new", "y" * 9000]
        assert list(store.doctor()) == []


def test_no_inodes(scratch: Path) -> None:
    """Every file and directory needs one; a delete must need none."""
    with small_disk(scratch / "disk", "size=8m,nr_inodes=200") as disk:
        with fsstore.open(disk / "store") as store:
            store.set_many({f"key{number}": number for number in range(20)})
        made = _use_up_inodes(disk)
        with fsstore.open(disk / "store") as store:
            with pytest.raises(DiskFull):
                store.set("new:key", 1)
            with pytest.raises(DiskFull):
                store.set("key1", "other")
            assert store.get("key1") == 1
            assert _deleted(store) == 20
            assert store.list_keys() == []
        for path in made:
            path.unlink()


def test_a_disk_too_full_to_begin(scratch: Path) -> None:
    with small_disk(scratch / "disk", "size=2m,nr_inodes=5") as disk:
        with pytest.raises(DiskFull):
            fsstore.open(disk / "store")
        assert not (disk / "store" / "fsstore.json").exists()


def _use_up_inodes(disk: Path) -> list[Path]:
    made = []
    with pytest.raises(OSError, match="No space"):
        for number in range(1000):
            (disk / f"empty{number}").touch()
            made.append(disk / f"empty{number}")
    return made


def _deleted(store: Store) -> int:
    return sum(store.delete(f"key{number}") for number in range(20))
