"""The doctor mends what is safe to mend, says what it did, and loses nothing that anybody wrote."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

import fsstore
from fsstore import BadValue, NestedWrite, ReadOnly, Store
from fsstore.engines.files import repair

from .children import line, start
from .surroundings import picture
from .test_doctor import HALF_DONE, TROUBLE, text

Patch = Callable[[pytest.MonkeyPatch], None]
MENDED = {"unescaped name", "unescaped directory", "odd namespace", "orphan", "orphan below"}


def contents(root: Path) -> list[bytes]:
    """What all files hold, but for those that only programs need."""
    kept = [path for path in root.rglob("*") if path.is_file() and not path.is_symlink()]
    return sorted(path.read_bytes() for path in kept if path.parent.name != "journal" and path.name != "gate")


@pytest.fixture
def filled(disk: Store) -> Store:
    disk.set_many({"good": 1, "a:b": [2], "": 0}, {"m": 1})
    return disk


@pytest.mark.parametrize("name", TROUBLE)
def test_only_what_is_safe_is_mended(filled: Store, root: Path, name: str) -> None:
    plant, path, problem = TROUBLE[name]
    plant(root)
    before, held = picture(root, leave_out=(".fsstore",)), contents(root)
    (found,) = filled.doctor(fix=True)
    assert (found.path, found.problem) == (path, problem)
    assert contents(root) == held
    if name in MENDED:
        assert found.repair
        assert list(filled.doctor()) == []
    else:
        assert found.repair == ""
        assert picture(root, leave_out=(".fsstore",)) == before
        assert [each.problem for each in filled.doctor()] == [problem]


@pytest.mark.parametrize(
    ("name", "key"),
    [("default/a?b.json", "a?b"), ("default/con.json", "con"), ("default/a:b c.json", "a:b c"), ("x*/k.json", "k")],
)
def test_a_name_with_one_meaning(disk: Store, root: Path, name: str, key: str) -> None:
    text(root / name, '{"by": "hand"}')
    (found,) = disk.doctor(fix=True)
    store = disk.use_namespace(name.partition("/")[0])
    assert store.get(key) == {"by": "hand"}
    assert store.info(key).updated_by is None
    assert found.repair == f"renamed to {os.path.relpath(store.info(key).path, root)}"
    assert not (root / name).exists()
    assert list(disk.doctor()) == []


@pytest.mark.parametrize("name", ["a%3fb.json", "100%.json", "%61.json", ".env.json", ".d/k.json", "e\u0301.json"])
def test_a_name_with_two_meanings_is_left(disk: Store, root: Path, name: str) -> None:
    text(root / "default" / name, "1")
    (found,) = disk.doctor(fix=True)
    assert (found.problem, found.repair) == ("not-canonical", "")
    assert (root / "default" / name).read_text() == "1"


def test_a_file_is_never_renamed_over_another(disk: Store, root: Path) -> None:
    disk.set("a?b", "the agent's")
    text(root / "default/a?b.json", '"the person\'s"')
    assert [found.repair for found in disk.doctor(fix=True)] == [""]
    assert disk.get("a?b") == "the agent's"
    assert (root / "default/a?b.json").read_text() == '"the person\'s"'


def test_a_bad_file_is_not_made_a_bad_key(disk: Store, root: Path) -> None:
    text(root / "default/a?b.json", "{")
    assert [found.repair for found in disk.doctor(fix=True)] == [""]
    assert disk.list_keys() == []


def test_orphaned_metadata_can_be_had_back(disk: Store, root: Path) -> None:
    disk.set("a:k", 1, {"m": "precious"})
    for number in ("", ".1"):
        value = (root / "default/a/k.json").rename(root.parent / "away.json")
        (found,) = disk.doctor(fix=True)
        assert found.repair == f"moved to .fsstore/lost/default/.meta/a/k.json{number}"
        assert os.listdir(root / "default") == ["a"], "the directories that this left empty are gone too"
        text(root / "default/.meta/a/k.json", (root / found.repair.removeprefix("moved to ")).read_text())
        value.rename(root / "default/a/k.json")
        assert disk.info("a:k").metadata == {"m": "precious"}
        assert list(disk.doctor()) == []


def test_metadata_whose_key_comes_back_meanwhile(disk: Store, root: Path) -> None:
    """It is looked at again under the lock of its key."""
    disk.set("k", 1, {"m": 1})
    away = (root / "default/k.json").rename(root.parent / "k.json")
    sound = repair.Repair._set_aside

    def set_aside(self: repair.Repair, path: str) -> str:
        away.rename(root / "default/k.json")
        return sound(self, path)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(repair.Repair, "_set_aside", set_aside)
        assert [found.repair for found in disk.doctor(fix=True)] == [""]
    assert disk.info("k").metadata == {"m": 1}


def test_what_a_killed_writer_left(disk: Store, root: Path) -> None:
    disk.set("b", "old")
    writer = start(HALF_DONE, root)
    assert line(writer) == "half"
    assert list(disk.doctor(fix=True)) == [], "its commit is under way"
    writer.kill()
    writer.wait()
    found = list(disk.doctor(fix=True))
    assert {each.problem for each in found} == {"leftover"}
    assert found[0].repair == "finished the commit"
    assert list(disk.doctor()) == []
    assert disk.get_all() == {"a": 1, "b": 2, "c": 3}
    assert os.listdir(root / ".fsstore/tmp") == os.listdir(root / ".fsstore/commits") == []


def test_a_repair_outlives_the_log(root: Path) -> None:
    """What the write-ahead log knows of the old place must not bring it back."""
    with fsstore.open(root, durability="power") as store:
        store.set("k", 1, {"m": 1})
        (root / "default/k.json").unlink()
        assert [found.problem for found in store.doctor(fix=True)] == ["orphaned-metadata"]
    with fsstore.open(root) as store:
        assert list(store.doctor()) == []
        assert store.list_keys() == []


def test_who_may_not_mend(filled: Store, root: Path) -> None:
    with fsstore.open(root, read_only=True) as reader, pytest.raises(ReadOnly, match="read_only=True"):
        reader.doctor(fix=True)
    TROUBLE["orphan"][0](root)
    with pytest.raises(NestedWrite):
        filled.update("good", lambda value: list(filled.doctor(fix=True)))
    assert filled.get("good") == 1
    with fsstore.open(":memory:") as memory:
        assert list(memory.doctor(fix=True)) == []


def test_a_value_is_never_mended(filled: Store, root: Path) -> None:
    text(root / "default/good.json", "[1,]")
    assert [found.repair for found in filled.doctor(fix=True)] == [""]
    with pytest.raises(BadValue):
        filled.get("good")


def _removes_orphans(patch: pytest.MonkeyPatch) -> None:
    def set_aside(self: repair.Repair, path: str) -> str:
        os.unlink(f"{self._tree.root}/{path}")
        return "removed"

    patch.setattr(repair.Repair, "_set_aside", set_aside)


def _replaces(patch: pytest.MonkeyPatch) -> None:
    def move(self: repair.Repair, path: str, target: str, directories: object) -> None:
        os.makedirs(os.path.dirname(f"{self._tree.root}/{target}"), exist_ok=True)
        os.rename(f"{self._tree.root}/{path}", f"{self._tree.root}/{target}")

    patch.setattr(repair.Repair, "_move", move)


def _guesses(patch: pytest.MonkeyPatch) -> None:
    def one_meaning(path: str) -> tuple[str, str]:
        namespace, _, file = path.partition("/")
        return namespace, file.removesuffix(".json").replace("/", ":")

    patch.setattr(repair, "one_meaning", one_meaning)


def _trusts_the_first_look(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(repair, "exists", lambda tree, path: "/.meta/" in path)


FLAWS: dict[str, tuple[Patch, Callable[[Store, Path], None]]] = {
    "orphans are removed": (_removes_orphans, test_orphaned_metadata_can_be_had_back),
    "a rename replaces": (_replaces, test_a_file_is_never_renamed_over_another),
    "two meanings are guessed": (
        _guesses,
        lambda disk, root: test_a_name_with_two_meanings_is_left(disk, root, ".env.json"),
    ),
    "no second look": (_trusts_the_first_look, test_metadata_whose_key_comes_back_meanwhile),
}


@pytest.mark.parametrize("name", FLAWS)
def test_flaws_are_seen(disk: Store, root: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    flaw, check = FLAWS[name]
    flaw(monkeypatch)
    with pytest.raises((AssertionError, OSError)):
        check(disk, root)
