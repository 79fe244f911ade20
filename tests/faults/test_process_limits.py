"""A process that may write no large file, open no more files, or not write in a directory: typed, all or nothing."""

from __future__ import annotations

import contextlib
import os
import resource
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from files.children import NOBODY, in_child
from files.needs import need_root

import fsstore
from fsstore import Store, StoreError

from .disturbed import ROUNDS, Scene
from .flaws import flawed
from .verbs import OLD, VERBS, Verb, complaint


def answer_of(act: Callable[[], Any], uid: int | None = None) -> str:
    """``ok``, or the type of the error of a call in a child; any other error than the store's fails the test."""
    read, write = os.pipe()

    def child() -> None:
        try:
            act()
            os.write(write, b"ok")
        except StoreError as error:
            os.write(write, type(error).__name__.encode())

    try:
        in_child(child, uid=uid)
        return os.read(read, 100).decode()
    finally:
        os.close(read)
        os.close(write)


def limited(verb: Verb, limit: int, amount: int) -> Callable[[Store], None]:
    """The verb under such a limit, then a write without it."""

    def act(store: Store) -> None:
        before = resource.getrlimit(limit)
        resource.setrlimit(limit, (amount, before[1]))
        try:
            verb.act(store)
        finally:
            resource.setrlimit(limit, before)
            with contextlib.closing(fsstore.open(store._engine._tree.root)) as other:  # type: ignore[attr-defined]
                other.set("probe", 1)
                assert other.pop("probe") == 1

    return act


def cases(step: int) -> list[Verb]:
    return VERBS if ROUNDS > 1 else VERBS[::step]


@pytest.mark.parametrize("verb", VERBS, ids=lambda verb: verb.name)
@pytest.mark.parametrize("durability", ["process", "power"])
def test_file_sizes(verb: Verb, durability: str, scratch: Path) -> None:
    """RLIMIT_FSIZE: a write ends in the middle, in whatever file reaches the limit."""
    scene = Scene(scratch, verb, durability)
    answers = set()
    for size in (0, 10, 100, 300, 900):
        with scene.opened() as store:
            answer = answer_of(lambda store=store, size=size: limited(verb, resource.RLIMIT_FSIZE, size)(store))  # type: ignore[misc]
        answers.add(answer)
        wrong = complaint(scene.root, scene.before, scene.after, done=answer == "ok", durability=durability)
        assert wrong is None, (size, answer)
    assert verb.name.startswith(("delete", "pop", "clear")) or answers - {"ok"}


def test_a_process_that_may_write_nothing_reads(disk: Store) -> None:
    disk.set_many({"a": OLD, "b": 1})

    def act() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))
        assert disk.get_many(["a", "b"]) == disk.get_all() == {"a": OLD, "b": 1}
        assert disk.delete("b") is True
        assert disk.clear() == 1

    assert answer_of(act) == "ok"
    assert disk.list_keys() == []


def limit_that_leaves(more: int) -> int:
    """The RLIMIT_NOFILE below which exactly so many numbers are free: those in use may have gaps between them."""
    used = {int(name) for name in os.listdir("/proc/self/fd")}  # one of them is the listing's own, and free again
    used = {fd for fd in used if _is_open(fd)}
    limit = free = 0
    while free < more or limit in used:
        free += limit not in used
        limit += 1
    return limit


def _is_open(fd: int) -> bool:
    try:
        os.fstat(fd)
    except OSError:
        return False
    return True


@pytest.mark.parametrize("verb", cases(2), ids=lambda verb: verb.name)
def test_descriptors(verb: Verb, scratch: Path) -> None:
    """RLIMIT_NOFILE: the process may open some more files, but not enough."""
    scene = Scene(scratch, verb)
    answers = []
    for more in (*range(10), 14, 18, 100):
        with scene.opened() as store:
            answer = answer_of(
                lambda store=store, more=more: limited(verb, resource.RLIMIT_NOFILE, limit_that_leaves(more))(store)  # type: ignore[misc]
            )
        answers.append(answer)
        assert complaint(scene.root, scene.before, scene.after, done=answer == "ok") is None, (more, answer)
    assert answers[0] != "ok"
    assert answers[-1] == "ok"


CLOSED = ["default", "other", ".fsstore/tmp", ".fsstore/commits", ".fsstore/journal", ".fsstore"]


@pytest.mark.parametrize("closed", CLOSED)
@pytest.mark.parametrize("verb", cases(3), ids=lambda verb: verb.name)
def test_a_directory_without_write_permission(verb: Verb, closed: str, scratch: Path) -> None:
    assert without_permission(Scene(scratch, verb), closed)[1] is None


def without_permission(scene: Scene, closed: str) -> tuple[str, str | None]:
    """The answer to a user who may not write in this directory of the store, and what is wrong afterwards."""
    need_root()
    with scene.opened():
        pass
    owned_by_nobody(scene.root)
    (scene.root / closed).chmod(0o555)

    def act() -> None:
        with fsstore.open(scene.root) as store:
            assert store.get("a") == OLD
            scene.verb.act(store)

    answer = answer_of(act, NOBODY)
    (scene.root / closed).chmod(0o755)
    return answer, complaint(scene.root, scene.before, scene.after, done=answer == "ok")


def owned_by_nobody(root: Path) -> None:
    for path, _, names in os.walk(root):
        shutil.chown(path, NOBODY, NOBODY)
        for name in names:
            shutil.chown(f"{path}/{name}", NOBODY, NOBODY)


@pytest.mark.parametrize(
    ("verb", "closed"), [("set-over", "default"), ("set-over", ".fsstore/tmp"), ("clear", "other")]
)
def test_the_permission_is_missed(verb: str, closed: str, scratch: Path) -> None:
    assert without_permission(Scene(scratch, named(verb)), closed) == ("AccessDenied", None)


def test_flaws_are_seen(scratch: Path) -> None:
    """Without a record nobody can take back what was done in one directory before it failed in another."""
    with flawed("no-intent"):
        answer, wrong = without_permission(Scene(scratch, named("transaction")), "other")
    assert answer == "AccessDenied"
    assert wrong is not None


def named(name: str) -> Verb:
    return next(verb for verb in VERBS if verb.name == name)
