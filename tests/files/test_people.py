"""People who move, remove, check out and edit under a running store: what is on disk is the truth at once."""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
from pathlib import Path

import pytest

import fsstore
from fsstore import Blocked, NotFound, Store, StoreError
from fsstore.engines.files import access

from .needs import need_program


def shell(command: str, directory: Path) -> str:
    """What a person types; it must work."""
    done = subprocess.run(["sh", "-ec", command], cwd=directory, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_namespace_moved_away_and_back(disk: Store, root: Path) -> None:
    disk.set("a:b", 1)
    disk.set("k", 1)
    assert disk.list_keys() == ["a:b", "k"]
    shell("mv default away", root)
    assert disk.get("k") is None
    assert disk.exists("a:b") is False
    assert disk.list_keys() == []
    assert disk.list_namespaces() == ["away"]
    disk.set("new", 2)
    assert os.listdir(root / "default") == ["new.json"], "the write went to where the name is now"
    assert sorted(os.listdir(root / "away")) == ["a", "k.json"]
    shell("rm -r default && mv away default", root)
    assert disk.get_all() == {"a:b": 1, "k": 1}
    assert disk.list_keys() == ["a:b", "k"]
    assert disk.get("new") is None


def test_a_write_never_lands_in_a_moved_directory(disk: Store, root: Path) -> None:
    for number in range(50):
        disk.set("a:b", number)
        shell("mv default/a old", root) if number % 10 == 0 else os.rename(root / "default" / "a", root / "old")
        disk.set("a:b", -number - 1)
        assert disk.get("a:b") == -number - 1
        assert (root / "old" / "b.json").read_text() == f"{number}\n"
        shutil.rmtree(root / "old")


@pytest.mark.parametrize("target", ["default", "default/a", ".fsstore", ".fsstore/tmp", ".fsstore/journal"])
def test_a_directory_removed(disk: Store, root: Path, target: str) -> None:
    disk.set_many({"a:b": 1, "a:c": 2, "k": 3}, {"by": "test"})
    assert disk.count() == 3
    shell(f"rm -r {target}", root)
    left = {"default": {}, "default/a": {"k": 3}}.get(target, {"a:b": 1, "a:c": 2, "k": 3})
    assert disk.get_all() == left
    assert disk.list_keys() == sorted(left)
    assert disk.get("a:b") == left.get("a:b")
    disk.set("a:b", 10)
    disk.set("new:key", 11)
    assert disk.info("a:b").updated_by == "tester"
    assert disk.get_all() == left | {"a:b": 10, "new:key": 11}
    assert disk.delete("new:key") is True
    assert disk.info("a:b").value == 10


def test_removing_while_others_write(disk: Store, root: Path) -> None:
    """A write that returned before the removal may be gone, one after it may not; nothing but typed errors."""
    stop = threading.Event()
    failed: list[BaseException] = []

    def remove() -> None:
        try:
            while not stop.is_set():
                shutil.rmtree(root / "default" / "a", ignore_errors=True)
                shutil.rmtree(root / ".fsstore" / "journal", ignore_errors=True)
        except BaseException as error:
            failed.append(error)

    disk.set("kept", -1)
    remover = threading.Thread(target=remove)
    remover.start()
    try:
        done = 0
        for number in range(300):
            try:
                disk.set(f"a:{number % 7}:x", number)
                disk.set("kept", number)
                disk.get_all()
                disk.list_keys()
                disk.delete(f"a:{number % 5}:x")
                done += 1
            except StoreError:
                assert disk.get("kept") is not None
    finally:
        stop.set()
        remover.join()
    assert not failed
    assert done > 250
    disk.set("a:0:x", "after")
    assert disk.get("a:0:x") == "after"


def test_git_under_a_running_store(disk: Store, root: Path) -> None:
    need_program("git")
    git = "git -c user.name=Ann -c user.email=ann@example.org -c core.hooksPath=/dev/null"
    disk.set_many({"a:b": "first", "k": "first", "only:first": 1})
    shell(f"{git} init -q . && {git} add default fsstore.json && {git} commit -qm first", root)
    disk.set_many({"a:b": "second", "k": "second", "only:second": 2})
    disk.delete("only:first")
    shell(f"{git} add -A default && {git} commit -qm second", root)
    first = {"a:b": "first", "k": "first", "only:first": 1}
    second = {"a:b": "second", "k": "second", "only:second": 2}
    for _ in range(5):
        shell(f"{git} checkout -q HEAD~1", root)
        assert disk.get_all() == first
        assert disk.list_keys() == sorted(first)
        assert disk.get("only:second") is None
        shell(f"{git} checkout -q -", root)
        assert disk.list_keys() == sorted(second)
        assert disk.get("a:b") == "second"
        assert disk.get_all() == second
    disk.set("k", "third")
    assert shell(f"{git} status --porcelain -- default", root) == " M default/k.json\n"
    shell(f"{git} checkout -q -- default", root)
    assert disk.get("k") == "second"
    assert shell(f"{git} fsck", root) == ""


def test_reading_during_checkouts(disk: Store, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Git writes in place; it is waited for as long as a busy machine may take it to go on."""
    need_program("git")
    monkeypatch.setattr(access, "_PATIENCE", 30.0)
    git = "git -c user.name=Ann -c user.email=ann@example.org"
    wide = {f"d{number % 5}:{number}": ["old", "x" * 300] for number in range(100)}
    disk.set_many(wide)
    shell(f"{git} init -q . && {git} add default && {git} commit -qm old && {git} checkout -qb other", root)
    disk.set_many({key: ["new", "y" * 400] for key in wide})
    shell(f"{git} commit -qam new", root)
    switcher = threading.Thread(
        target=shell, args=("for n in 1 2 3 4 5; do git checkout -q HEAD~1; git checkout -q other; done", root)
    )
    switcher.start()
    try:
        while switcher.is_alive():
            for value in disk.get_all().values():
                assert value in (["old", "x" * 300], ["new", "y" * 400])
    finally:
        switcher.join()
    assert disk.get_all() == {key: ["new", "y" * 400] for key in sorted(wide)}


def test_edits_show_at_once(disk: Store, root: Path) -> None:
    disk.set("k", {"name": "before"})
    path = root / "default" / "k.json"
    shell("sed -i s/before/after/ default/k.json", root)
    assert disk.get("k") == {"name": "after"}
    path.write_text('{"name": "in place"}')
    assert disk.get("k") == {"name": "in place"}
    assert disk.info("k").value == {"name": "in place"}
    disk.set("k", {"name": "in place"})
    assert path.read_text() == '{"name": "in place"}', "an equal value leaves the person's form alone"


def test_files_made_and_removed_by_hand_are_keys_at_once(disk: Store, root: Path) -> None:
    disk.set("k", 1)
    assert disk.list_keys() == ["k"]
    shell("mkdir -p default/by/hand && echo '[1]' > default/by/hand/made.json && echo 2 > default/z.json", root)
    assert disk.list_keys() == ["by:hand:made", "k", "z"]
    assert disk.get("by:hand:made") == [1]
    assert disk.exists("z")
    assert disk.count() == 3
    shell("rm default/z.json && rm -r default/by", root)
    assert disk.list_keys() == ["k"]
    assert disk.get("by:hand:made") is None
    with pytest.raises(NotFound):
        disk.info("z")
    shell("mkdir other && mv default/k.json other/", root)
    assert disk.list_namespaces() == ["other"]
    assert disk.use_namespace("other").get("k") == 1


def test_a_link_put_in_a_namespaces_place_is_not_followed(disk: Store, scratch: Path, root: Path) -> None:
    """A person moves a big namespace to another disk and leaves a link: said, not followed, nothing lost."""
    disk.set("a:b", 1)
    assert disk.list_keys() == ["a:b"]
    shell("mv default ../elsewhere && ln -s ../elsewhere default", root)
    with pytest.raises(fsstore.BadValue, match="symbolic link"):
        disk.get("a:b")
    with pytest.raises(Blocked):
        disk.set("a:b", 2)
    with pytest.raises(Blocked):
        disk.delete("a:b")
    assert disk.list_keys() == []
    assert (scratch / "elsewhere" / "a" / "b.json").read_text() == "1\n"
    assert [(f.path, f.problem) for f in disk.doctor()] == [("default", "not-regular")]
