"""Hostile things in the store's own runtime directory: never followed, typed errors alone, values stay readable."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

import fsstore
from fsstore import StoreError

from .alarm import within
from .children import NOBODY, in_child
from .needs import need_root
from .surroundings import picture

PLACES = [".fsstore", ".fsstore/tmp", ".fsstore/journal"]


def _link(path: Path, outside: Path) -> None:
    path.symlink_to(outside)


def _dangling(path: Path, outside: Path) -> None:
    path.symlink_to(outside / "nothing")


def _loop(path: Path, _: Path) -> None:
    path.symlink_to(path.name)


def _fifo(path: Path, _: Path) -> None:
    os.mkfifo(path)


def _file(path: Path, _: Path) -> None:
    path.write_text("somebody's")


THINGS: dict[str, Callable[[Path, Path], None]] = {
    "link": _link,
    "dangling link": _dangling,
    "loop": _loop,
    "FIFO": _fifo,
    "file": _file,
}


def use(root: Path) -> None:
    """Open and use the store in all ways that need the runtime directory; nothing but typed errors, and no hang."""
    with within(10):
        with fsstore.open(root, read_only=True) as store:
            assert store.get("k") == 1
            assert store.get_all() == {"k": 1}
            assert store.list_keys() == ["k"]
        try:
            store = fsstore.open(root)
        except StoreError:
            return
        with store:
            for verb in (
                lambda: store.set("k", 2),
                lambda: store.set("l", 2, {"m": 1}),
                lambda: store.info("k"),
                lambda: store.delete("l"),
                lambda: list(store.doctor()),
            ):
                try:
                    verb()
                except StoreError as error:
                    str(error)
            assert store.get("k") in (1, 2)


@pytest.mark.parametrize("thing", THINGS)
@pytest.mark.parametrize("place", PLACES)
def test_in_the_place_of_a_directory(scratch: Path, root: Path, opener: str, place: str, thing: str) -> None:
    outside = scratch / "outside"
    for name in ("", "tmp", "journal"):
        (outside / name).mkdir()
    with fsstore.open(root) as store:
        store.set("k", 1)
    shutil.rmtree(root / place)
    THINGS[thing](root / place, outside)
    before = picture(outside)
    use(root)
    assert picture(outside) == before


@pytest.mark.parametrize("thing", [*THINGS, "directory"])
def test_in_the_place_of_the_journals(scratch: Path, root: Path, opener: str, thing: str) -> None:
    outside = scratch / "outside"
    outside.write_text("somebody's")
    with fsstore.open(root) as store:
        store.set_many({f"warm{number}": 1 for number in range(1000)})
        store.clear()
        store.set("k", 1)
    for path in list((root / ".fsstore" / "journal").iterdir()):
        path.unlink()
        if thing == "directory":
            path.mkdir()
        else:
            THINGS[thing](path, outside)
    use(root)
    assert outside.read_text() == "somebody's"


def test_a_closed_directory_of_somebody_elses_hides_no_namespace(root: Path) -> None:
    """At the top of a disk lies a ``lost+found`` that only root may enter."""
    need_root()
    with fsstore.open(root) as store:
        store.set("k", 1)
        store.use_namespace("other").set("k", 2)
    (root / "lost+found").mkdir(mode=0o700)

    def check() -> None:
        with fsstore.open(root, read_only=True) as store:
            assert store.list_namespaces() == ["default", "other"]
            assert store.stats().keys == 2
            with pytest.raises(fsstore.AccessDenied, match="lost"):
                store.use_namespace("lost+found").list_keys()

    in_child(check, uid=NOBODY)
