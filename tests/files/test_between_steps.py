"""Somebody else acts exactly between two steps of a call: another thread, another process, a person.

Each test puts the other's act into a function that the call goes through, so that the order is always the same.
"""

from __future__ import annotations

import os
import shutil
import stat
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import fsstore
from fsstore import Store, leases
from fsstore.engines.files import layout, rules, sidecars
from fsstore.engines.files.atomic import Tree
from fsstore.engines.files.intents import Intents
from fsstore.engines.files.places import Places
from fsstore.engines.files.placing import Placing
from fsstore.engines.files.preparing import Preparing
from fsstore.engines.files.rules import SETTLED, NamespaceRules
from fsstore.engines.files.sidecars import Sidecars
from fsstore.opening import configure

from .children import finish, start
from .scripted import after, before, elsewhere


@pytest.fixture
def other(root: Path, disk: Store) -> Any:
    """The same store, as another process has it open."""
    with fsstore.open(root, agent="other") as opened:
        yield opened


# -- what the threads of a process remember together -----------------------------------------------


def test_the_places_are_forgotten_while_one_is_made(disk: Store) -> None:
    """As another thread does when there are too many: between any two looks."""

    class Forgetting(dict[str, Any]):
        def __contains__(self, name: object) -> bool:
            found = super().__contains__(name)
            self.clear()
            return found

        def get(self, name: str, default: Any = None) -> Any:
            found = super().get(name, default)
            self.clear()
            return found

    disk.set("k", 1)
    found: Places = disk._engine._places  # type: ignore[attr-defined]
    found.known.clear()
    found._roots = Forgetting(found._roots)
    assert disk.get("k") == 1
    assert not found._roots


def keeps_the_old_end(disk: Store, other: Store, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Whether a new value ends when the old one would have: a thread took old rules for as new as those of another.

    It has read that no key ends, and comes to remember it when that is so no more, and another thread has read it.
    """
    now = [0.0]
    clock = SimpleNamespace(monotonic=lambda: now[0], time=time.time, sleep=time.sleep)
    monkeypatch.setattr(rules, "time", clock)
    known: NamespaceRules = disk._engine._rules  # type: ignore[attr-defined]
    disk.set("k", "old")
    known.forget("default")

    def changed() -> None:
        other.set("k", "mortal", ttl=1000)
        now[0] += SETTLED  # so long it waits before it goes on
        assert known.of("default").expires

    after(monkeypatch, NamespaceRules, "_believed", changed, lambda self, _: self is known)
    disk.get("k")
    assert now[0] > 0
    disk.set("k", "for ever")
    now[0] += 1
    return other.expires("k") is not None


def test_what_is_believed_of_ends_is_as_old_as_the_rules_that_say_it(
    disk: Store, other: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not keeps_the_old_end(disk, other, monkeypatch)


def test_who_looks_twice_until_when_rules_are_believed_would_be_caught(
    disk: Store, other: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def may_expire(self: NamespaceRules, namespace: str) -> bool:
        found = self._mortal.get(namespace)
        if found is not None and found[0] == self._kept[namespace][0]:
            return found[1]
        may = self._believed(namespace)[1].expires
        self._mortal[namespace] = self._kept[namespace][0], may
        return may

    monkeypatch.setattr(NamespaceRules, "may_expire", may_expire)
    assert keeps_the_old_end(disk, other, monkeypatch)


def comes_back_to_life(disk: Store, root: Path, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Whether a new key has the metadata of one whose file a person has removed.

    It came from another thread, right after this one saw, for another key, that there is none in the namespace.
    """
    monkeypatch.setattr(sidecars, "_bare", {})
    monkeypatch.setattr(sidecars, "_BELIEVED", 1000.0)
    meta = os.fsencode(root / "default" / ".meta")
    after(monkeypatch, Tree, "exists", elsewhere(lambda: disk.set("k", 1, {"old": True})), lambda _, path: path == meta)
    disk.set("first", 1)
    assert disk.exists("k")
    (root / "default" / "k.json").unlink()
    disk.set("k", 2)
    return bool(disk.info("k").metadata)


def test_metadata_comes_while_another_thread_sees_that_there_is_none(
    disk: Store, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not comes_back_to_life(disk, root, monkeypatch)


def test_who_notes_only_after_the_look_that_there_is_none_would_be_caught(
    disk: Store, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def may_exist(self: Sidecars, place: Any) -> bool:
        if place.directory in sidecars._bare:
            return False
        there = self._tree.exists(place.metadata)
        if not there:
            sidecars._bare[place.directory] = [time.monotonic() + 1000]
        return there

    monkeypatch.setattr(Sidecars, "may_exist", may_exist)
    assert comes_back_to_life(disk, root, monkeypatch)


# -- directories that go when they are empty -------------------------------------------------------


def test_a_directory_that_is_made_goes_with_the_last_key_of_somebody_else(
    disk: Store, other: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the middle of its making: the one above it is gone when it is to be made in it."""
    disk.set("a:b:k", 1)
    before(monkeypatch, os, "mkdir", elsewhere(lambda: other.delete("a:b:k")), lambda name, *_, **__: name == "c")
    disk.set_many({"a:b:c:one": 1, "a:b:c:two": 2})
    assert disk.get_all() == {"a:b:c:one": 1, "a:b:c:two": 2}


def test_the_place_of_the_rules_goes_with_the_last_metadata(
    disk: Store, other: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk.set("k", 1, {"a": 1})
    before(
        monkeypatch, os, "rename", elsewhere(lambda: other.delete("k")), lambda _, name, **__: name == ".namespace.json"
    )
    disk.set("l", 2, ttl=1000)  # the first one that ends: the rules are to say so
    assert disk.get_all() == {"l": 2}
    assert disk.expires("l")


# -- files that nobody's lock guards ---------------------------------------------------------------


def test_a_setting_is_changed_while_another_process_opens_the_store(
    disk: Store, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who opens a store sweeps away what the dead have left; the file of one that lives is none of it."""
    before(
        monkeypatch,
        os,
        "rename",
        lambda: in_another_process(root),
        lambda _, to, **__: os.fsencode(to).endswith(b"fsstore.json"),
    )
    assert configure(root, "watch", "polling")
    with fsstore.open(root) as store:
        assert store._engine._marker.settings == {"watch": "polling"}  # type: ignore[attr-defined]


def in_another_process(root: Path) -> None:
    """Open the store as another process does: locks that are held here are held by somebody else."""
    assert (
        finish(start("import fsstore, sys; fsstore.open(sys.argv[1]).close(); print('opened')", root), 30) == "opened\n"
    )


# -- a commit that is taken back -------------------------------------------------------------------


def test_a_commit_is_taken_back_between_the_list_of_the_records_and_the_look_at_one(
    disk: Store, other: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk.set_many({"a": "old", "b": "old"})
    seen = []

    def fail() -> None:  # after the first file is in its place
        seen.append(other.get("a"))
        raise OSError(5, "a failing disk")

    def taken_back() -> None:
        name = os.listdir(f"{disk._engine.place}/{layout.COMMITS}")[0]
        assert not name.endswith(".undo")
        disk._engine._intents.reverse(name)  # type: ignore[attr-defined]

    with monkeypatch.context() as patch:
        before(patch, os, "rename", fail, lambda _, new, **__: new == b"b.json")
        after(patch, Intents, "names", taken_back)
        with pytest.raises(fsstore.StoreError):
            disk.set_many({"a": "new", "b": "new"})
    assert seen == ["old"], "what is taken back was never there"


# -- the runtime directory, which a person may remove at any time ----------------------------------


@pytest.mark.parametrize("gone", [layout.TMP, layout.COMMITS, layout.RUNTIME])
def test_deletes_of_several_keys_need_nothing_that_is_in_it(disk: Store, root: Path, gone: str) -> None:
    disk.set_many({"a": 1, "b": 2, "c": 3})
    shutil.rmtree(root / gone)
    assert disk.delete_many(["a", "b"]) == 2
    assert disk.list_keys() == ["c"]


def test_where_old_files_are_kept_goes_after_the_commit_point(
    disk: Store, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk.set_many({"a": 1, "b": 2, "c": 3})
    after(monkeypatch, Intents, "publish", lambda: shutil.rmtree(root / layout.TMP))
    assert disk.delete_many(["a", "b"]) == 2
    assert disk.get_all() == {"c": 3}


def test_whoever_finishes_for_the_dead_keeps_old_files_too(
    disk: Store, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk.set_many({"a": 1, "b": 2, "c": 3})
    dying = start(
        "import fsstore, os, sys\n"
        "from fsstore.engines.files.placing import Placing\n"
        "store = fsstore.open(sys.argv[1])\n"
        "Placing.apply = lambda *_: os._exit(0)\n"
        "store.delete_many(['a', 'b'])\n",
        root,
    )
    assert finish(dying, 30) == ""
    shutil.rmtree(root / layout.TMP)
    disk.set("a", "after")
    assert disk.get_all() == {"a": "after", "c": 3}


@pytest.mark.parametrize("gone", [layout.TMP, layout.RUNTIME])
@pytest.mark.parametrize("key", ["k", "new"])
def test_a_new_value_goes_right_before_its_rename(
    disk: Store, root: Path, monkeypatch: pytest.MonkeyPatch, gone: str, key: str
) -> None:
    disk.set("k", 1)
    before(monkeypatch, Placing, "put", lambda: shutil.rmtree(root / gone))
    disk.set(key, 2)
    assert disk.get(key) == 2
    assert os.listdir(root / layout.TMP) == []


def test_what_is_staged_again_resembles_the_file_before(
    disk: Store, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of one key, and of several, where it goes after the commit point."""
    disk.set_many({"a": 1, "b": 1})
    for key in "ab":
        (root / f"default/{key}.json").chmod(0o640)
    with monkeypatch.context() as patch:
        before(patch, Placing, "put", lambda: shutil.rmtree(root / layout.TMP))
        disk.set("a", 2)
    after(monkeypatch, Intents, "publish", lambda: shutil.rmtree(root / layout.TMP))
    disk.set_many({"b": 2, "c": 2}, metadata={"by": "hand"})
    assert disk.get_all() == {"a": 2, "b": 2, "c": 2}
    assert disk.info("b").metadata == {"by": "hand"}
    assert [stat.S_IMODE((root / f"default/{key}.json").stat().st_mode) for key in "ab"] == [0o640, 0o640]
    assert os.listdir(root / layout.TMP) == []


# -- people ----------------------------------------------------------------------------------------


def test_a_link_in_the_place_of_a_namespace_goes_while_it_is_looked_at(
    disk: Store, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = root / "elsewhere"
    path.symlink_to("/")
    before(monkeypatch, Tree, "stat", path.unlink, lambda _, of: of == "elsewhere")
    assert disk.use_namespace("elsewhere").list_keys() == []


def test_a_file_that_cannot_be_kept_for_a_rollback_goes_just_then(
    disk: Store, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk.set("k", 1)
    file = root / "default" / "k.json"
    before(monkeypatch, Preparing, "_keep_image", file.unlink)
    with disk.run(agent="a", on_error="rollback", snapshot=False) as run:
        run.delete("k")
        run.set("l", 1)
    assert disk.get_all() == {"l": 1}


def test_a_file_that_is_no_value_goes_while_its_end_is_changed(
    disk: Store, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk.set("k", 1, ttl=1000)
    file = root / "default" / "k.json"
    real = Preparing._look_again

    def gone(self: Preparing, work: Any) -> Any:
        file.unlink()
        return real(self, work)

    monkeypatch.setattr(Preparing, "_look_again", gone)
    monkeypatch.setattr(Preparing, "_old", lambda self, place, at: (os.stat(file), None))
    assert not disk.touch("k", 5)
    assert disk.list_keys() == []


# -- names that are locked -------------------------------------------------------------------------


def test_a_lease_that_is_renewed_is_held_all_the_time(
    disk: Store, other: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who asks reads the guard without a lock, also between the new line and the end of the old one."""
    seen = []
    real = os.ftruncate

    def ftruncate(fd: int, length: int) -> None:
        seen.append(other.locked_by("name"))
        real(fd, length)

    with disk.lock("name", ttl=100) as lock:
        claim: Any = lock.claim
        with monkeypatch.context() as patch:
            patch.setattr(os, "ftruncate", ftruncate)
            patch.setattr(leases, "end_of", lambda _: float(int(claim.until) + 100))  # of fewer digits
            lock.renew()
    assert len(seen) == 1
    assert all(holder is not None and holder.agent == "tester" for holder in seen)


def test_a_directory_becomes_a_file_while_the_doctor_is_in_it(
    disk: Store, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk.set("a:k", 1)

    def spoil() -> None:
        shutil.rmtree(root / "default" / "a")
        (root / "default" / "a").write_text("no directory\n")

    before(monkeypatch, Tree, "stat", spoil, lambda _, path: path == "default/a/k.json")
    assert [finding.problem for finding in disk.doctor()] == []
