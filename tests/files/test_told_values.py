"""What a watcher is told of values that are no plain JSON, though they were written through fsstore."""

from __future__ import annotations

from pathlib import Path

import pytest

import fsstore
from fsstore.errors import BadValue

from .children import finish, start

_OPEN = "import fsstore, sys\nwith fsstore.open(sys.argv[1]) as store: "
_ODD = {"duplicate": '{"a": 1, "a": 2}\n', "cut": '{"a":'}


def test_integers_of_any_size_are_told_as_they_are(disk: fsstore.Store, root: Path) -> None:
    with disk.watch() as told:
        finish(start(f"{_OPEN}store.set('big', [2**70, -(2**64)])", root))
        event = told.get(30)
    assert event is not None
    assert event.value == [2**70, -(2**64)]
    assert [type(each) for each in event.value] == [int, int]


@pytest.mark.parametrize("kind", _ODD)
def test_what_was_no_value_and_is_restored_is_told_to_be_none(disk: fsstore.Store, root: Path, kind: str) -> None:
    disk.set("other", 1)
    path = root / "default" / f"{kind}.json"
    path.write_text(_ODD[kind])
    commit = disk.snapshot(verify=True)
    assert commit is not None
    path.unlink()
    disk.snapshot()
    with disk.watch() as told:
        finish(start(f"{_OPEN}store.restore(sys.argv[2], 'default', sys.argv[3])", root, commit.id, kind))
        event = told.get(30)
        assert event is not None
        assert (event.kind, event.key, event.value) == ("invalid", kind, None)
        assert isinstance(event.error, BadValue)
        assert event.error.path == str(path)
        assert event.error.line == 1
        disk.set(kind, 2)
        event = told.get(30)
    assert event is not None
    assert (event.kind, event.value) == ("updated", 2)


def test_each_subscription_gets_values_of_its_own(disk: fsstore.Store) -> None:
    with disk.watch() as one, disk.watch() as other:
        disk.set("a", [1])
        first, second = one.get(30), other.get(30)
    assert first is not None
    assert second is not None
    first.value.append(2)
    assert second.value == [1]
