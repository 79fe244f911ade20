"""Metadata files beside values: only where some was given, merged, gone with their key, in no value's way."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from fsstore import BadValue, Store
from fsstore.engines.files import rules


def sidecars(root: Path, namespace: str = "default") -> dict[str, Any]:
    meta = root / namespace / ".meta"
    return {str(path.relative_to(meta)): json.loads(path.read_text()) for path in sorted(meta.rglob("*.json"))}


def test_only_where_metadata_was_given(disk: Store, root: Path) -> None:
    disk.set("plain", 1)
    disk.set("empty", 1, {})
    assert not (root / "default" / ".meta").exists()
    disk.set("a:b", 1, {"source": "test"})
    assert sidecars(root) == {"a/b.json": {"metadata": {"source": "test"}}}
    assert disk.list_keys() == ["a:b", "empty", "plain"]
    assert disk.info("plain").metadata == {}
    assert (root / "default" / "a" / "b.json").read_text() == "1\n"


def test_merged(disk: Store, root: Path) -> None:
    disk.set("k", 1, {"a": 1, "b": {"x": 1}})
    disk.set("k", 2, {"b": {"y": 2}, "c": 3})
    assert disk.info("k").metadata == {"a": 1, "b": {"y": 2}, "c": 3}
    disk.set("k", 3)
    assert disk.info("k").metadata == {"a": 1, "b": {"y": 2}, "c": 3}
    assert sidecars(root) == {"k.json": {"metadata": {"a": 1, "b": {"y": 2}, "c": 3}}}


def test_other_members_of_the_sidecar_stay(disk: Store, root: Path) -> None:
    disk.set("k", 1, {"a": 1})
    (root / "default" / ".meta" / "k.json").write_text('{"later": [1], "metadata": {"a": 1}}')
    disk.set("k", 1, {"b": 2})
    assert sidecars(root) == {"k.json": {"later": [1], "metadata": {"a": 1, "b": 2}}}


def test_removed_with_the_key(disk: Store, root: Path) -> None:
    disk.set("a:b", 1, {"m": 1})
    disk.set("k", 1, {"m": 1})
    assert disk.delete("a:b")
    assert sidecars(root) == {"k.json": {"metadata": {"m": 1}}}
    disk.move("k", "moved")
    assert sidecars(root) == {"moved.json": {"metadata": {"m": 1}}}
    assert disk.clear() == 1
    assert not (root / "default").exists()


def test_an_orphan_does_not_come_back_to_life(disk: Store, root: Path) -> None:
    disk.set("k", 1, {"old": True})
    disk.set("l", 1, {"old": True})
    for name in ("k", "l"):
        (root / "default" / f"{name}.json").unlink()
    assert disk.list_keys() == []
    assert disk.exists("k") is False
    assert {finding.problem for finding in disk.doctor()} == {"orphaned-metadata"}
    disk.set("k", 2)
    disk.set("l", 2, {"new": True})
    assert disk.info("k").metadata == {}
    assert disk.info("l").metadata == {"new": True}
    assert sidecars(root) == {"l.json": {"metadata": {"new": True}}}
    assert list(disk.doctor()) == []


@pytest.mark.parametrize("body", ["", "{", "[]", "7", '{"metadata": 7}', '{"metadata": {"a": 1, "a": 2}}', "\xff"])
def test_a_damaged_sidecar_is_named_and_harms_no_value(disk: Store, root: Path, body: str) -> None:
    disk.set("k", 1, {"m": 1})
    path = root / "default" / ".meta" / "k.json"
    path.write_bytes(body.encode("latin-1"))
    assert disk.get("k") == 1
    assert disk.get_all() == {"k": 1}
    assert disk.list_keys() == ["k"]
    for verb in (lambda: disk.info("k"), lambda: disk.set("k", 2, {"n": 1}), lambda: disk.copy("k", "l")):
        with pytest.raises(BadValue) as caught:
            verb()
        assert caught.value.path == str(path)
        assert str(path) in str(caught.value)
    assert disk.get("k") == 1
    disk.set("k", 2)
    assert disk.get("k") == 2
    path.write_text('{"metadata": {"mended": 1}}')
    assert disk.info("k").metadata == {"mended": 1}
    path.write_text(body)
    assert disk.delete("k") is True
    assert not path.exists()


def test_a_link_in_a_sidecars_place_is_not_followed(disk: Store, scratch: Path, root: Path) -> None:
    secret = scratch / "secret.json"
    secret.write_text('{"metadata": {"secret": 1}}')
    disk.set("k", 1)
    (root / "default" / ".meta").mkdir()
    (root / "default" / ".meta" / "k.json").symlink_to(secret)
    with pytest.raises(BadValue, match="symbolic link"):
        disk.info("k")
    assert disk.get("k") == 1
    assert disk.delete("k")
    assert secret.read_text() == '{"metadata": {"secret": 1}}'
    assert not (root / "default").exists()


@pytest.mark.parametrize("seconds", [0.0, 3600.0], ids=["the rules are looked at again", "they are known still"])
def test_a_linked_metadata_directory_is_not_followed(
    disk: Store, scratch: Path, root: Path, monkeypatch: pytest.MonkeyPatch, seconds: float
) -> None:
    monkeypatch.setattr(rules, "_BELIEVED", seconds)
    outside = scratch / "outside"
    outside.mkdir()
    (outside / "k.json").write_text('{"metadata": {"secret": 1}}')
    disk.set("k", 1)
    (root / "default" / ".meta").symlink_to(outside)
    with pytest.raises(BadValue, match="symbolic link"):
        disk.info("k")
    assert disk.get("k") == 1
    if seconds:
        disk.set("k", 2)
    else:  # there may be rules behind it
        with pytest.raises(BadValue, match="symbolic link"):
            disk.set("k", 2)
    with pytest.raises(BadValue, match="symbolic link"):
        disk.set("k", 3, {"m": 1})
    assert disk.get("k") == (2 if seconds else 1)
    assert (outside / "k.json").read_text() == '{"metadata": {"secret": 1}}'
    assert len(list(outside.iterdir())) == 1
