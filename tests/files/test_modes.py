"""Modes, owners and links of files: new ones obey the umask, replaced ones keep what they had."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

import fsstore

from .children import NOBODY, in_child
from .needs import need_root


@pytest.fixture
def umask() -> Iterator[None]:
    """Puts back the umask that the test changes."""
    before = os.umask(0o022)
    yield
    os.umask(before)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


def give_away(root: Path) -> None:
    """Everything in the store belongs to another user from now on."""
    for path in (root, *root.rglob("*")):
        os.chown(path, NOBODY, NOBODY)


@pytest.mark.usefixtures("umask")
@pytest.mark.parametrize("mask", [0o022, 0o077, 0o002, 0o027])
def test_new_files_and_directories_obey_the_umask(root: Path, opener: str, mask: int) -> None:
    os.umask(mask)
    with fsstore.open(root) as store:
        store.set("k", 1)
        store.set("a:b:c", 1, {"by": "test"})
    files, directories = 0o666 & ~mask, 0o777 & ~mask
    assert mode(root / "default" / "k.json") == files
    assert mode(root / "default" / "a" / "b" / "c.json") == files
    assert mode(root / "default" / ".meta" / "a" / "b" / "c.json") == files
    assert mode(root / "fsstore.json") == files
    for name in ("", "default", "default/a", "default/a/b", "default/.meta", ".fsstore", ".fsstore/tmp"):
        assert mode(root / name) == directories, name


@pytest.mark.usefixtures("umask")
@pytest.mark.parametrize("kept", [0o600, 0o640, 0o444, 0o666])
def test_a_replaced_file_keeps_its_mode(root: Path, kept: int) -> None:
    with fsstore.open(root) as store:
        store.set("k", 1)
        path = root / "default" / "k.json"
        path.chmod(kept)
        before = path.stat().st_ino
        store.set("k", 2)
        assert path.stat().st_ino != before
        assert mode(path) == kept
        assert store.get("k") == 2
        store.delete("k")
        store.set("k", 3)
        assert mode(path) == 0o644


def test_as_root_a_replaced_file_keeps_its_owner(root: Path) -> None:
    need_root()
    with fsstore.open(root) as store:
        store.set("k", 1)
        path = root / "default" / "k.json"
        os.chown(path, NOBODY, NOBODY - 1)
        path.chmod(0o640)
        store.set("k", 2)
        assert (path.stat().st_uid, path.stat().st_gid, mode(path)) == (NOBODY, NOBODY - 1, 0o640)


def test_another_user_may_replace_what_the_directory_lets_him(root: Path) -> None:
    need_root()
    with fsstore.open(root) as store:
        store.set("k", 1)
    give_away(root)
    path = root / "default" / "k.json"
    os.chown(path, 0, 0)
    path.chmod(0o644)

    def replace() -> None:
        with fsstore.open(root) as store:
            store.set("k", 2)
            assert store.get("k") == 2

    in_child(replace, uid=NOBODY)
    assert (path.stat().st_uid, mode(path)) == (NOBODY, 0o644)


def test_a_replaced_directorys_mode_is_left_alone(root: Path) -> None:
    with fsstore.open(root) as store:
        store.set("a:b", 1)
        (root / "default" / "a").chmod(0o750)
        store.set("a:c", 1)
        store.set("a:b", 2)
        assert mode(root / "default" / "a") == 0o750


def test_a_hard_link_to_a_replaced_file_keeps_the_old_content(scratch: Path, root: Path) -> None:
    with fsstore.open(root) as store:
        store.set("k", "old")
        (scratch / "linked").hardlink_to(root / "default" / "k.json")
        store.set("k", "new")
        assert (scratch / "linked").read_text() == '"old"\n'
        assert store.get("k") == "new"
        store.delete("k")
        assert (scratch / "linked").read_text() == '"old"\n'


def test_what_can_be_deleted_is_deleted_though_its_directory_must_stay(root: Path) -> None:
    """Another user may change a sub-directory, but not the directory that it lies in."""
    need_root()
    with fsstore.open(root) as store:
        store.set("a:b", 1)
    give_away(root)
    os.chown(root / "default", 0, 0)

    def delete() -> None:
        with fsstore.open(root) as store:
            assert store.delete("a:b") is True
            assert store.list_keys() == []

    in_child(delete, uid=NOBODY)
    assert os.listdir(root / "default") == ["a"]
