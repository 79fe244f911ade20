"""The store's limit on the size of a value, as its settings have it: on what is set, and on what a person put there."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import fsstore
from fsstore import BadValues, TooLarge


@pytest.fixture
def limited(root: Path) -> Path:
    """A store whose settings allow values of 1,000 bytes."""
    fsstore.open(root).close()
    marker = json.loads((root / "fsstore.json").read_text())
    (root / "fsstore.json").write_text(json.dumps(marker | {"settings": {"max_value_bytes": 1000}}))
    return root


def test_set(limited: Path) -> None:
    with fsstore.open(limited) as store:
        store.set("k", "x" * 997)
        assert (limited / "default" / "k.json").stat().st_size == 1000
        for write in (lambda: store.set("k", "x" * 998), lambda: store.set_many({"new": 1, "k": "x" * 998})):
            with pytest.raises(TooLarge) as caught:
                write()
            assert (caught.value.size, caught.value.limit) == (1001, 1000)
            assert isinstance(caught.value, ValueError)
            assert "max_value_bytes" in str(caught.value)
        assert store.get_all() == {"k": "x" * 997}


@pytest.mark.parametrize("ending", ["\n", ""])
def test_a_bigger_file_made_by_hand(limited: Path, ending: str) -> None:
    with fsstore.open(limited) as store:
        store.set("good", 1)
        path = limited / "default" / "k.json"
        path.write_text(f'"{"x" * 2000}"{ending}')
        for read in (lambda: store.get("k"), lambda: store.info("k"), lambda: store.copy("k", "l")):
            with pytest.raises(TooLarge) as caught:
                read()
            assert (caught.value.size, caught.value.limit) == (2002 + len(ending), 1000)
            assert str(path) in str(caught.value)
        assert store.exists("k") is True
        assert store.list_keys() == ["good", "k"]
        with pytest.raises(BadValues) as several:
            store.get_all()
        assert several.value.values == {"good": 1}
        assert {key: type(error) for key, error in several.value.errors.items()} == {"k": TooLarge}
        assert store.get_all(errors="skip") == {"good": 1}
        store.set("k", "short")
        assert store.get("k") == "short"
        path.write_text(f'"{"x" * 2000}"{ending}')
        assert store.delete("k") is True


@pytest.mark.parametrize("size", [16_383, 16_384, 16_385, 2_000_000])
def test_sizes_about_the_readers_first_piece(root: Path, size: int) -> None:
    with fsstore.open(root) as store:
        store.set("k", "x" * (size - 3))
        assert (root / "default" / "k.json").stat().st_size == size
        assert store.get("k") == "x" * (size - 3)
        assert store.info("k").size == size


def test_metadata_has_no_way_around_the_limit(limited: Path) -> None:
    with fsstore.open(limited) as store:
        with pytest.raises(TooLarge):
            store.set("k", 1, {"long": "x" * 2000})
        assert store.exists("k") is False
