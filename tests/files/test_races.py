"""An attacker who swaps files and directories for links while the store works: what lies behind is never reached."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import fsstore
from fsstore import Store, StoreError
from fsstore.engines.files import atomic

from .alarm import until
from .children import line, start
from .surroundings import picture

SECRET = "the secret behind the link"


SWAPPER = """
import contextlib, os, sys
path, other = sys.argv[1:]
spare = other + "-spare"
print("ready", flush=True)
while True:
    for old, new in ((path, spare), (other, path), (path, other), (spare, path)):
        with contextlib.suppress(OSError):
            os.rename(old, new)
"""


@contextlib.contextmanager
def swapping(path: Path, other: Path) -> Iterator[None]:
    """Another process puts ``other`` in the place of ``path`` and takes it away again, as fast as it goes."""
    swapper = start(SWAPPER, path, other)
    assert line(swapper) == "ready"
    try:
        yield
    finally:
        swapper.kill()
        swapper.communicate()


@pytest.fixture
def outside(scratch: Path) -> Path:
    """A directory beside the store with a secret in it."""
    path = scratch / "outside"
    path.mkdir()
    (path / "k.json").write_text(f'"{SECRET}"\n')
    return path


def attempts(count: int, action: Callable[[], object]) -> list[object]:
    """What the action returned each time it did."""
    out = []
    for _ in range(count):
        with contextlib.suppress(StoreError):
            out.append(action())
    return out


def until_seen(wanted: object, action: Callable[[], object]) -> list[object]:
    """What the action returned until it was this: how often others come between is left to the scheduler."""
    seen: list[object] = []

    def attempt() -> bool:
        seen.extend(attempts(10, action))
        return wanted in seen

    until(attempt, 60)
    return seen


def test_reading_while_a_file_is_swapped_for_a_link(root: Path, outside: Path, opener: str) -> None:
    with fsstore.open(root) as store:
        store.set("k", "mine")
        (root / "default" / "other").symlink_to(outside / "k.json")
        with swapping(root / "default" / "k.json", root / "default" / "other"):
            seen = attempts(1500, lambda: store.get("k"))
            seen += until_seen("mine", lambda: store.get("k"))
            seen += [value for found in attempts(300, store.get_all) for value in dict(found).values()]  # type: ignore[call-overload]
    assert set(seen) <= {"mine", None}


def test_working_while_a_directory_is_swapped_for_a_link(root: Path, outside: Path, opener: str) -> None:
    with fsstore.open(root) as store:
        store.set("d:k", 0)
        (root / "default" / "link").symlink_to(outside)
        before = picture(outside)
        with swapping(root / "default" / "d", root / "default" / "link"):
            for number in range(400):
                attempts(1, lambda: store.set("d:k", number))  # noqa: B023
                attempts(1, lambda: store.set_many({"d:a": number, "d:b": number}, {"m": 1}))  # noqa: B023
                assert SECRET not in attempts(1, lambda: store.get("d:k"))
                attempts(1, lambda: store.delete("d:k"))
                assert SECRET not in str(attempts(1, lambda: store.get_all(errors="skip")))
        assert picture(outside) == before


def test_an_engine_that_follows_links_would_be_caught(
    root: Path, outside: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The races above can fail: with links followed, the attacker's thread is fast enough."""

    def follow(_: object, flags: int) -> Callable[[bytes], int]:
        return lambda path: os.open(path, flags & ~os.O_NOFOLLOW, 0o666)

    monkeypatch.setattr(atomic.Tree, "_one_call", follow)
    monkeypatch.setattr(atomic.Tree, "_walking", follow)
    with fsstore.open(root) as store:
        store.set("k", "mine")
        (root / "default" / "other").symlink_to(outside / "k.json")
        with swapping(root / "default" / "k.json", root / "default" / "other"):
            assert SECRET in until_seen(SECRET, lambda: store.get("k"))


def test_a_directory_moved_during_a_long_write(disk: Store, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All that the call says it stored is where the name is when it returns."""
    rename = os.rename
    renames: list[Any] = []

    def person(old: Any, new: Any, **where: Any) -> None:
        rename(old, new, **where)
        renames.append(new)
        if len(renames) in (100, 350):  # in the middle, and again while the moved ones are written anew
            rename(root / "default", root / f"away{len(renames)}")

    items = {f"{'abc'[number % 3]}:{number}": number for number in range(300)}
    monkeypatch.setattr(os, "rename", person)
    disk.set_many(items)
    monkeypatch.undo()
    assert len([name for name in os.listdir(root) if name.startswith("away")]) == 2
    assert disk.get_all() == dict(sorted(items.items()))
    assert disk.info("a:0").updated_by == "tester"
