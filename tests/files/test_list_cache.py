"""The remembered listings never lie, whatever another process does to directories, even to their times."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

import fsstore
from fsstore.engines.files import listing

from .alarm import until
from .children import finish, line, start, tell

OTHER = """
import os, pathlib, sys
for order in sys.stdin:
    what, path = order.split()
    if what == "make":
        os.makedirs(os.path.dirname(path), exist_ok=True)
        pathlib.Path(path).write_text("1")
    elif what == "remove":
        os.unlink(path)
    print("done", flush=True)
"""
DIRECTORIES = ["", "a", "a/b", "c"]


def rounds(root: Path, count: int, *, tease: bool) -> int:
    """Creates and removes files in another process; how often ``list_keys`` was wrong right after."""
    draw = random.Random(7)
    other = start(OTHER)
    wrong = 0
    present: set[str] = set()
    with fsstore.open(root) as store:
        for _ in range(count):
            path = "/".join(filter(None, [draw.choice(DIRECTORIES), f"k{draw.randrange(6)}"]))
            file = root / "default" / f"{path}.json"
            tell(other, f"{'remove' if path in present else 'make'} {file}")
            assert line(other) == "done"
            present ^= {path}
            if tease:
                then = 1_600_000_000_000_000_000
                for directory in {file.parent, root / "default"}:
                    os.utime(directory, ns=(then, then))
            wrong += store.list_keys() != sorted(name.replace("/", ":") for name in present)
            wrong += store.count("a:") != sum(name.startswith("a/") for name in present)
    finish(other)
    return wrong


def test_changes_of_another_process_show_at_once(root: Path) -> None:
    assert rounds(root, 400, tease=False) == 0


def test_directory_times_set_back_do_not_hide_changes(root: Path) -> None:
    assert rounds(root, 400, tease=True) == 0


def test_a_cache_by_modification_time_alone_would_be_caught(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The rounds above can fail: with directory times set back, a cache that trusts them lies."""
    monkeypatch.setattr(listing, "_stamp", lambda status: (status.st_dev, status.st_ino, status.st_mtime_ns, 1))
    assert rounds(root, 50, tease=True) > 0


def test_old_listings_are_used_and_then_dropped(root: Path) -> None:
    """With directories old enough to be remembered, a change of a file deep below shows."""
    with fsstore.open(root) as store:
        store.set_many({"a:b:c": 1, "a:d": 2, "e": 3})
        for _ in range(3):
            deadline = max(os.stat(root / "default" / path).st_ctime for path in ("", "a", "a/b")) + 0.05
            until(lambda: _now(root) > deadline)  # noqa: B023
            assert store.list_keys() == ["a:b:c", "a:d", "e"]
            (root / "default" / "a" / "b" / "new.json").write_text("4")
            assert store.list_keys() == ["a:b:c", "a:b:new", "a:d", "e"]
            (root / "default" / "a" / "b" / "new.json").rename(root / "default" / "moved.json")
            assert store.list_keys() == ["a:b:c", "a:d", "e", "moved"]
            (root / "default" / "moved.json").unlink()
            assert store.list_keys() == ["a:b:c", "a:d", "e"]


def _now(root: Path) -> float:
    """The file system's own time."""
    probe = root / ".fsstore" / "tmp" / "now"
    probe.touch()
    return probe.stat().st_mtime
