"""Every verb that writes, with what must hold after it was cut short: all of it, or nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import fsstore
from fsstore import Store

OLD, NEW, LARGE = {"v": "old" * 20}, {"v": "new" * 30}, {"v": "large" * 60_000}

State = dict[str, dict[str, tuple[Any, Any, bool]]]
"""Value, metadata, and whether it ends by itself, by namespace and key."""


class Verb(NamedTuple):
    """One way to write."""

    name: str
    act: Callable[[Store], Any]
    writes: int
    """How many keys it changes."""


def prepare(store: Store) -> None:
    """What every verb finds."""
    store.set_many({"a": OLD, "b:c": OLD, "b:d": OLD, "e/f": OLD})
    store.set("m", OLD, {"source": "old"})
    store.set("ended", OLD, {"source": "old"}, ttl=1e-6)
    store.set("ended:too", OLD, ttl=1e-6)
    store.set_many({"n": 1, "l": [1, 2], "o": {"x": 1, "y": {"z": 2}}})
    store.use_namespace("other").set_many({"p": OLD, "q:r": OLD})
    store.use_namespace("bystander").set_many({"s": OLD, "t": 1}, {"source": "old"})


def _transaction(store: Store) -> None:
    with store.transaction() as tx:
        tx.increment("n")
        tx.set("new:in:transaction", NEW)
        tx.use_namespace("other").delete("p")
        tx.use_namespace("third").set("u", NEW, {"source": "new"})


VERBS = [
    Verb("set-new", lambda s: s.set("new", NEW), 1),
    Verb("set-deep", lambda s: s.set("x:y:z/w", NEW), 1),
    Verb("set-over", lambda s: s.set("a", NEW), 1),
    Verb("set-large", lambda s: s.set("a", LARGE), 1),
    Verb("set-metadata", lambda s: s.set("m", NEW, {"source": "new"}), 1),
    Verb("set-first-metadata", lambda s: s.set("a", NEW, {"source": "new"}), 1),
    Verb("set-ttl", lambda s: s.set("m", NEW, ttl=3600), 1),
    Verb("touch", lambda s: s.touch("a", 3600), 1),
    Verb("set-over-ended", lambda s: s.set("ended", NEW), 1),
    Verb("set-over-ended-ttl", lambda s: s.set("ended", NEW, ttl=3600), 1),
    Verb("increment-ended", lambda s: s.increment("ended"), 1),
    Verb("set-if-match", lambda s: s.set("a", NEW, if_match=s.info("a").revision), 1),
    Verb("create", lambda s: s.create("b:new", NEW), 1),
    Verb("delete", lambda s: s.delete("a"), 1),
    Verb("delete-deep", lambda s: s.delete("e/f"), 1),
    Verb("delete-metadata", lambda s: s.delete("m"), 1),
    Verb("increment", lambda s: s.increment("n"), 1),
    Verb("append", lambda s: s.append("l", 3), 1),
    Verb("merge", lambda s: s.merge("o", {"y": {"z": None, "w": 3}}), 1),
    Verb("update", lambda s: s.update("a", lambda value: {**value, "w": 1}), 1),
    Verb("pop", lambda s: s.pop("a"), 1),
    Verb("set_many", lambda s: s.set_many({"a": NEW, "b:c": NEW, "new:1": NEW, "new:2": NEW}), 4),
    Verb("set_many-metadata", lambda s: s.set_many({"a": NEW, "m": NEW, "new": NEW}, {"source": "new"}), 3),
    Verb("delete_many", lambda s: s.delete_many(["a", "b:c", "m"]), 3),
    Verb("clear", lambda s: s.use_namespace("other").clear(), 2),
    Verb("replace_all", lambda s: s.use_namespace("other").replace_all({"p": NEW, "new": NEW}), 3),
    Verb("move", lambda s: s.move("m", "moved:to"), 2),
    Verb("move-over", lambda s: s.move("a", "p", namespace="other", overwrite=True), 2),
    Verb("copy", lambda s: s.copy("m", "copied", namespace="third"), 1),
    Verb("transaction", _transaction, 4),
]


def state(store: Store) -> State:
    """All that the store holds."""
    found: State = {}
    for name in store.list_namespaces():
        namespace = store.use_namespace(name)
        values = namespace.get_all()
        records = {key: namespace.info(key) for key in values}
        found[name] = {
            key: (values[key], record.metadata, record.expires_at is not None) for key, record in records.items()
        }
    return found


def outcomes(verb: Verb, root: Path, durability: str = "process") -> tuple[State, State]:
    """What the store holds before the verb and after it, from a run that nobody cuts short."""
    with fsstore.open(root, durability=durability) as store:
        prepare(store)
        before = state(store)
        verb.act(store)
        return before, state(store)


def complaint(root: Path, before: State, after: State, *, done: bool, durability: str = "process") -> str | None:
    """What is wrong with a store that was cut short, as a reader and then the next writer find it."""
    try:
        with fsstore.open(root, read_only=True) as reader:
            seen = state(reader)
        if seen not in (before, after):
            return f"a reader sees {_difference(seen, before, after)}"
        done = done or (seen == after and before != after)
        with fsstore.open(root, durability=durability) as store:
            found = state(store)
            if found != after and (done or found != before):
                return f"{'acknowledged, but ' if done else ''}neither old nor new: {_difference(found, before, after)}"
            return _next_writes(store, before, after) or _left(root)
    except fsstore.StoreError as error:
        return f"{type(error).__name__}: {error}"


def _next_writes(store: Store, before: State, after: State) -> str | None:
    for name in {**before, **after}:
        store.use_namespace(name).set_many(dict.fromkeys({**before.get(name, {}), **after.get(name, {})}, "next"))
    if any(value != "next" for name in store.list_namespaces() for value in store.handle(name).get_all().values()):
        return "the next write was not stored"
    findings = list(store.doctor())
    return f"the doctor finds {findings}" if findings else None


def _left(root: Path) -> str | None:
    left = litter(root)
    return f"left behind: {left}" if left else None


def litter(root: Path) -> list[str]:
    """Files that no finished commit leaves."""
    runtime = root / ".fsstore"
    return sorted(path.name for part in ("tmp", "commits") for path in (runtime / part).iterdir())


def _difference(found: State, before: State, after: State) -> str:
    lines = []
    for name in {**found, **before, **after}:
        for key in {**found.get(name, {}), **before.get(name, {}), **after.get(name, {})}:
            now, old, new = (which.get(name, {}).get(key) for which in (found, before, after))
            if old != new or now != old:
                what = "old" if now == old else "new" if now == new else repr(now)[:60]
                lines.append(f"{name}/{key} {what}")
    return ", ".join(sorted(lines))
