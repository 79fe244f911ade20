"""A closed store refuses every verb, of every handle, and closing twice is nothing."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import pytest

from fsstore import Closed, Namespace, Store

VERBS: dict[str, Callable[[Namespace], Any]] = {
    "get": lambda h: h.get("k"),
    "get a new key": lambda h: h.get("never asked for"),
    "set": lambda h: h.set("k", 2),
    "delete": lambda h: h.delete("k"),
    "list_keys": lambda h: h.list_keys(),
    "list_namespaces": lambda h: h.list_namespaces(),
    "get_all": lambda h: h.get_all(),
    "get_many": lambda h: h.get_many(["k"]),
    "set_many": lambda h: h.set_many({"k": 2}),
    "set_many of nothing": lambda h: h.set_many({}),
    "delete_many": lambda h: h.delete_many(["k"]),
    "clear": lambda h: h.clear(),
    "exists": lambda h: h.exists("k"),
    "lock": lambda h: h.lock("k").__enter__(),
    "locked_by": lambda h: h.locked_by("k"),
    "in": lambda h: "k" in h,
    "iteration": lambda h: list(h),
    "[]": lambda h: h["k"],
    "[] =": lambda h: h.__setitem__("k", 2),
    "del": lambda h: h.__delitem__("k"),
    "info": lambda h: h.info("k"),
    "count": lambda h: h.count(),
    "items": lambda h: list(h.items()),
    "scan": lambda h: list(h.scan("k")),
    "get_prefix": lambda h: h.get_prefix("k"),
    "delete_prefix": lambda h: h.delete_prefix("k"),
    "replace_all": lambda h: h.replace_all({}),
    "copy": lambda h: h.copy("k", "l"),
    "move": lambda h: h.move("k", "l"),
    "stats": lambda h: h.stats(),
    "stats of the store": lambda h: h.store.stats(),
    "doctor": lambda h: list(h.store.doctor()),
    "create": lambda h: h.create("l", 1),
    "update": lambda h: h.update("k", lambda value: value),
    "increment": lambda h: h.increment("k"),
    "append": lambda h: h.append("l", 1),
    "merge": lambda h: h.merge("k", {}),
    "patch": lambda h: h.patch("k", []),
    "expires": lambda h: h.expires("k"),
    "touch": lambda h: h.touch("k", 60),
    "persist": lambda h: h.persist("k"),
    "sweep": lambda h: h.sweep(),
    "pop": lambda h: h.pop("k"),
    "set_default": lambda h: h.set_default("k", 1),
    "transact": lambda h: h.store.transact(lambda tx: tx.get("k")),
    "transaction": lambda h: h.store.transaction().__enter__(),
    "history": lambda h: list(h.history("k")),
    "blame": lambda h: h.blame("k"),
    "watch": lambda h: h.watch(),
    "watch with a name": lambda h: h.watch(name="w", callback=print),
    "wait_for": lambda h: h.wait_for("k", timeout=0),
    "changes": lambda h: h.store.changes("HEAD"),
    "sync": lambda h: h.store.sync(),
    "watch_status": lambda h: h.store.watch_status(),
    "cached": lambda h: h.cached("k", dict),
    "memoize": lambda h: h.memoize(name="f")(lambda: 1)(),
    "schema": lambda h: h.schema("n"),
    "statistics": lambda h: h.statistics("s").add(1),
    "logbook": lambda h: h.logbook("l").append(1),
    "find": lambda h: h.find({"n": 1}),
    "grep": lambda h: h.grep("n"),
    "index": lambda h: h.index("n"),
    "export_ndjson": lambda h: h.store.export_ndjson(io.BytesIO()),
    "import_ndjson": lambda h: h.store.import_ndjson(io.BytesIO(b'{"key":"l","value":1}')),
    "copy_namespace": lambda h: h.store.copy_namespace("n", "m"),
    "rename_namespace": lambda h: h.store.rename_namespace("n", "m"),
    "queue": lambda h: h.queue("q").put(1),
    "checkpoint": lambda h: list(h.checkpoint("c", [1])),
    "state_machine": lambda h: h.state_machine("m", {"a": ["a"]}).to("a"),
    "signal": lambda h: h.signal("s").set(),
    "semaphore": lambda h: h.semaphore("s", 1).__enter__(),
    "throttle": lambda h: h.throttle("s", 1, 1.0).acquire(),
    "barrier": lambda h: h.barrier("s", 1).wait(),
    "mapping": lambda h: dict(h.mapping()),
    "use_namespace": lambda h: h.use_namespace("other").get("k"),
}


@pytest.mark.parametrize("verb", VERBS.values(), ids=VERBS.keys())
def test_every_verb_raises_closed(store: Store, verb: Callable[[Namespace], Any]) -> None:
    handle = store.use_namespace("n")
    handle.set("k", 1)
    assert handle.get("k") == 1
    store.close()
    for closed in (handle, store):
        with pytest.raises(Closed) as caught:
            verb(closed)
        assert isinstance(caught.value, ValueError)


def test_every_verb_is_in_the_list() -> None:
    verbs = {name for name in dir(Namespace) if not name.startswith("_") and callable(getattr(Namespace, name))}
    assert verbs - {"key"} <= set(VERBS)


def test_closing_twice_is_nothing(store: Store) -> None:
    store.close()
    store.close()


def test_leaving_the_with_block_closes(store: Store) -> None:
    with pytest.raises(KeyError), store as same:
        assert same is store
        raise KeyError
    with pytest.raises(Closed):
        store.get("k")
