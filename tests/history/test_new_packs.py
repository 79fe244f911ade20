"""Objects that came after somebody looked at a repository for the first time are found all the same."""

from __future__ import annotations

from pathlib import Path

import pytest

import fsstore
from fsstore.history.objects import Objects


@pytest.mark.parametrize("length", [40, 12])
def test_a_handle_finds_commits_that_came_after_its_first_look(tmp_path: Path, length: int) -> None:
    with fsstore.open(tmp_path / "store", agent="one") as store:
        for number in range(3):
            store.set("key", number)
            made = store.snapshot()
            assert made is not None
            assert store.at(made.id[:length]).get("key") == number


def test_an_object_is_there_from_the_moment_that_its_pack_is(tmp_path: Path) -> None:
    with fsstore.open(tmp_path / "store", agent="one") as store:
        store.set("key", 1)
        store.snapshot()
        objects = Objects(f"{tmp_path}/store/.git")
        assert not objects.has(b"\1" * 20)  # it has looked
        store.set("key", 2)
        made = store.snapshot()
        assert made is not None
        assert objects.find(made.id[:10]) == [bytes.fromhex(made.id)]
        assert Objects(f"{tmp_path}/store/.git").has(bytes.fromhex(made.id))
        assert objects.has(bytes.fromhex(made.id))
