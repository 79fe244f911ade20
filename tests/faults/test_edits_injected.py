"""A person's edit at every system call of the verbs that read and write: built upon or refused, but never lost."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import fsstore
from fsstore import Conflict, Store
from fsstore.revisions import revision

from .disturbed import ROUNDS, Scene
from .flaws import flawed
from .stopping import stopped_after
from .traced import Call
from .verbs import Verb, litter

pytestmark = pytest.mark.usefixtures("strace")

ONE = revision(b"1\n")
EDITED = 5
"""What the person makes of a 1, in a file of the same size."""

Edit = Callable[[Path], None]


def _transaction(store: Store) -> None:
    with store.transaction() as tx:
        tx.set("n", tx.get("n") + 1)
        tx.set("log", "done")


def _transact(tx: Any) -> None:
    tx.set("n", tx.get("n") + 1)
    tx.set("log", "done")


class Case(NamedTuple):
    """One way to write, and what the keys hold when it came after the edit; without it only a conflict will do."""

    name: str
    act: Callable[[Store], Any]
    done: dict[str, Any] | None
    key: str = "n"


CASES = [
    Case("increment", lambda s: s.increment("n"), {"n": 6}),
    Case("update", lambda s: s.update("n", lambda value: value * 10), {"n": 50}),
    Case("pop", lambda s: s.set("log", s.pop("n")), {"log": EDITED}),
    Case("set-if-match", lambda s: s.set("n", 7, if_match=ONE), None),
    Case("set-metadata-if-match", lambda s: s.set("n", 7, {"m": 1}, if_match=ONE), None),
    Case("delete-if-match", lambda s: s.delete("n", if_match=ONE), None),
    Case("create", lambda s: s.create("new", 7), None, "new"),
    Case("set_default", lambda s: s.set_default("new", 7), {"n": 1, "new": EDITED}, "new"),
    Case("move", lambda s: s.move("n", "moved"), {"moved": EDITED}),
    Case("transaction", _transaction, {"n": 6, "log": "done"}),
    Case("transact", lambda s: s.transact(_transact), {"n": 6, "log": "done"}),
]


def in_place(path: Path) -> None:
    """The same inode and size, and within one tick of the clock."""
    old = path.stat() if path.exists() else None
    path.write_text(f"{EDITED}\n")
    if old is not None:
        os.utime(path, ns=(old.st_atime_ns, old.st_mtime_ns))


def by_rename(path: Path) -> None:
    """As editors save: a new file is put in the place of the old one."""
    new = path.with_name("saved~")
    in_place_of = path.stat() if path.exists() else None
    new.write_text(f"{EDITED}\n")
    if in_place_of is not None:
        os.utime(new, ns=(in_place_of.st_atime_ns, in_place_of.st_mtime_ns))
    new.rename(path)


def before_comparing(scene: Scene, case: Case) -> list[Call]:
    """The calls before the last opening of the file, which is to compare it: what comes later than that is too late."""
    calls = scene.calls()
    opened = [
        n for n, call in enumerate(calls) if call.name.startswith("open") and f'{case.key}.json"' in call.arguments
    ]
    assert opened[-1] >= 4
    return calls[: opened[-1]]


def lost(scene: Scene, case: Case, calls: list[Call], edit: Edit) -> Iterator[str]:
    """The calls after which an edit is lost, or something else goes wrong."""
    target = scene.root / "default" / f"{case.key}.json"
    for call in calls:
        with scene.opened() as store, stopped_after(lambda store=store: case.act(store), call) as child:  # type: ignore[misc]
            edit(target)
            answer = child.end().answer
        if wrong := complaint(scene, case, answer):
            yield f"{edit.__name__} after {call}: {wrong}"


def complaint(scene: Scene, case: Case, answer: str) -> str | None:
    """What is wrong after the verb met an edit, as the next opener finds it."""
    with fsstore.open(scene.root, durability=scene.durability) as store:
        found = store.get_many(["n", "new", "moved", "log"])
        if answer == "ok":
            if found != case.done:
                return f"acknowledged, and there is {found}"
        elif not answer.startswith(f"fsstore.errors.{Conflict.__name__}: "):
            return answer
        elif found != {"n": 1} | {case.key: EDITED}:
            return f"refused, and there is {found}"
        if left := [*litter(scene.root), *store.doctor()]:
            return f"{answer}; left {left}"
        store.set(case.key, "next")
        return None if store.get(case.key) == "next" else "the next write was not stored"


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
@pytest.mark.parametrize("edit", [in_place, by_rename])
def test_no_edit_is_lost(case: Case, edit: Edit, scratch: Path) -> None:
    scene = Scene(scratch, Verb(case.name, case.act, 1))
    assert list(lost(scene, case, before_comparing(scene, case), edit)) == []


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_no_edit_is_lost_with_a_log(case: Case, scratch: Path) -> None:
    scene = Scene(scratch, Verb(case.name, case.act, 1), "power")
    calls = before_comparing(scene, case)
    assert list(lost(scene, case, calls if ROUNDS > 1 else calls[::-3], in_place)) == []


@pytest.mark.parametrize("case", [CASES[0], CASES[3], CASES[-2]], ids=lambda case: case.name)
@pytest.mark.parametrize("edit", [in_place, by_rename])
def test_a_missing_comparison_is_seen(case: Case, edit: Edit, scratch: Path) -> None:
    scene = Scene(scratch, Verb(case.name, case.act, 1))
    calls = before_comparing(scene, case)
    with flawed("no-comparison"):
        assert next(lost(scene, case, calls, edit), None) is not None
