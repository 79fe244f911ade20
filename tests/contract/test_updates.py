"""Atomic updates make of a value what they say, return it, and leave it alone when they fail."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

import fsstore
from fsstore import BadValue, Conflict, InvalidValue, NestedWrite, NotFound, Store, UnsupportedType

HUGE = 10**400


class Stop(Exception):
    """Raised by functions of updates."""


def stop(value: Any) -> Any:
    raise Stop


# -- update ----------------------------------------------------------------------------------------


def test_update_returns_the_new_value(store: Store) -> None:
    store.set("k", {"n": 1})
    assert store.update("k", lambda value: {**value, "m": 2}) == {"n": 1, "m": 2}
    assert store.get("k") == {"n": 1, "m": 2}


@pytest.mark.parametrize("default", [None, 0, [], {"a": [1]}])
def test_update_of_a_missing_key_begins_with_the_default(store: Store, default: Any) -> None:
    assert store.update("k", lambda value: [value], default) == [default]
    assert store.get("k") == [default]


def test_a_stored_none_is_not_the_default(store: Store) -> None:
    store.set("k", None)
    assert store.update("k", lambda value: [value], "default") == [None]


def test_what_the_function_gets_and_what_is_returned_are_copies(store: Store) -> None:
    store.set("k", {"list": []})
    default: dict[str, list[int]] = {"list": []}
    got: list[Any] = []

    def change(value: Any) -> Any:
        got.append(value)
        value["list"].append(1)
        return value

    for key in ("k", "new"):
        returned = store.update(key, change, default)
        returned["list"].append(2)
        got[-1]["list"].append(3)
        assert store.get(key) == {"list": [1]}
    assert default == {"list": []}


def test_a_tuple_is_returned_as_what_was_stored(store: Store) -> None:
    assert store.update("k", lambda _: (1, {2: "x"})) == store.get("k") == [1, {"2": "x"}]


def test_an_update_keeps_metadata_and_notes_the_agent(store: Store) -> None:
    store.handle(agent="alice").set("k", 1, {"m": 1})
    store.handle(agent="bob").increment("k")
    record = store.info("k")
    assert (record.value, record.metadata, record.created_by, record.updated_by) == (2, {"m": 1}, "alice", "bob")


def test_an_update_to_an_equal_value_is_no_write(store: Store) -> None:
    store.set("k", [1])
    before = store.info("k")
    assert store.handle(agent="other").update("k", lambda value: value) == [1]
    assert store.info("k") == before


@pytest.mark.parametrize("within", [lambda store, do: do(store), lambda store, do: store.transact(do)])
def test_the_function_may_remove_the_key(store: Store, within: Callable[[Store, Callable[[Any], Any]], Any]) -> None:
    store.set("k", [1], {"m": 1})
    seen: list[Any] = []

    def spend(value: Any) -> Any:
        seen.append(value)
        return fsstore.REMOVE

    assert within(store, lambda space: space.update("k", spend)) is None
    assert within(store, lambda space: space.update("k", spend, "default")) is None
    assert (seen, store.list_keys()) == ([[1], "default"], [])
    store.set("k", 2)
    assert store.info("k").metadata == {}


def test_what_removes_is_no_value(store: Store) -> None:
    with pytest.raises(UnsupportedType, match="Verdict"):
        store.set("k", fsstore.REMOVE)


@pytest.mark.parametrize("there", [True, False])
def test_if_the_function_raises_nothing_changes(store: Store, there: bool) -> None:
    if there:
        store.set("k", [1], {"m": 1})
    before = store.info("k") if there else None
    with pytest.raises(Stop):
        store.update("k", stop)
    assert (store.info("k") if there else None) == before
    assert store.list_keys() == (["k"] if there else [])
    store.set("k", 2)  # no lock was left behind
    assert store.update("k", lambda value: value + 1) == 3


@pytest.mark.parametrize(
    ("new", "error", "place"),
    [({"a": {1}}, UnsupportedType, "$.a"), ([float("nan")], InvalidValue, "$[0]")],
)
def test_what_cannot_be_stored_changes_nothing(store: Store, new: Any, error: type[Exception], place: str) -> None:
    store.set("k", 1)
    with pytest.raises(error, match="key 'k'") as raised:
        store.update("k", lambda _: new)
    assert getattr(raised.value, "json_path", None) == place
    assert store.get("k") == 1


def test_threads_do_not_lose_updates(store: Store) -> None:
    start = threading.Barrier(4)

    def work(number: int) -> None:
        start.wait()
        for item in range(25):
            store.increment("n")
            store.append("list", [number, item])

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))
    assert store.get("n") == 100
    listed = store.get("list")
    assert len(listed) == 100
    for number in range(4):
        assert [item for by, item in listed if by == number] == list(range(25))


# -- inside the function ---------------------------------------------------------------------------

READS: dict[str, Callable[[Store], Any]] = {
    "get": lambda store: store.get("other"),
    "get of the key": lambda store: store.get("k"),
    "get_many": lambda store: store.get_many(["k", "other"]),
    "get_all": lambda store: store.get_all(),
    "list_keys": lambda store: store.list_keys(),
    "info": lambda store: store.info("k").value,
    "scan": lambda store: list(store.scan()),
    "another namespace": lambda store: store.use_namespace("n").get("k", "nothing"),
}


@pytest.mark.parametrize("read", READS.values(), ids=list(READS))
def test_the_function_may_read_and_sees_what_was(store: Store, read: Callable[[Store], Any]) -> None:
    store.set_many({"k": 1, "other": 2})
    expected = read(store)
    assert store.update("k", lambda _: ["seen", read(store)]) == json.loads(json.dumps(["seen", expected]))


def commit_transaction(store: Store) -> None:
    with store.transaction() as tx:
        tx.set("other", 3)


def take_lock(store: Store) -> None:
    with store.lock("name", timeout=0):
        pytest.fail("it was taken")


WRITES: dict[str, Callable[[Store], Any]] = {
    "set": lambda store: store.set("other", 3),
    "set of the key": lambda store: store.set("k", 3),
    "delete": lambda store: store.delete("other"),
    "update": lambda store: store.update("other", lambda _: 3),
    "increment of the key": lambda store: store.increment("k"),
    "pop": lambda store: store.pop("other"),
    "set_default": lambda store: store.set_default("third", 3),
    "set_many": lambda store: store.set_many({"other": 3, "third": 3}),
    "another namespace": lambda store: store.use_namespace("n").set("other", 3),
    "transaction": commit_transaction,
    "transact": lambda store: store.transact(lambda tx: tx.increment("other")),
    "lock": take_lock,
}


@pytest.mark.parametrize("write", WRITES.values(), ids=list(WRITES))
def test_a_write_inside_is_refused_and_nothing_changes(store: Store, write: Callable[[Store], Any]) -> None:
    store.set_many({"k": 1, "other": 2})
    with pytest.raises(NestedWrite) as raised:
        store.update("k", lambda _: write(store))
    assert isinstance(raised.value, RuntimeError)
    assert store.get_all() == {"k": 1, "other": 2}
    assert store.list_namespaces() == ["default"]
    store.set("other", 3)  # as before


def test_the_function_may_survive_a_refused_write(store: Store) -> None:
    def change(value: Any) -> Any:
        with pytest.raises(NestedWrite):
            store.set("other", 1)
        with pytest.raises(NestedWrite):
            store.set("other", 1)
        return "changed"

    assert store.update("k", change) == "changed"
    assert store.get_all() == {"k": "changed"}


def test_another_thread_may_write_another_key_meanwhile(tmp_path: Path) -> None:
    """Only on files: a store in memory has one lock."""
    with fsstore.open(tmp_path / "store") as store, ThreadPoolExecutor(1) as pool:
        store.update("k", lambda _: pool.submit(store.set, "other", 1).result(timeout=10))
        assert store.get_all() == {"k": None, "other": 1}


def test_another_store_may_be_written_inside(store: Store) -> None:
    with fsstore.open(":memory:") as other:
        assert store.update("k", lambda _: other.increment("n")) == 1
        assert other.get("n") == 1


# -- increment -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "by", "new"),
    [
        (1, 1, 2),
        (1, -3, -2),
        (1, 0, 1),
        (1, 0.5, 1.5),
        (0.25, 0.5, 0.75),
        (2.0, 1, 3.0),
        (HUGE, 1, HUGE + 1),
        (-(2**63), -1, -(2**63) - 1),
        (2**63 - 1, 2**64, 2**63 - 1 + 2**64),
    ],
)
def test_increment(store: Store, old: Any, by: Any, new: Any) -> None:
    store.set("n", old)
    found = store.increment("n", by)
    assert (found, type(found)) == (new, type(new))
    assert (store.get("n"), type(store.get("n"))) == (new, type(new))


def test_increment_of_a_missing_key(store: Store) -> None:
    assert store.increment("a") == 1
    assert store.increment("b", -2) == -2
    assert store.increment("c", 5, default=100) == 105
    assert store.increment("c", 5, default=100) == 110
    assert store.get_all() == {"a": 1, "b": -2, "c": 110}


@pytest.mark.parametrize("old", ["1", True, False, None, [1], {"n": 1}], ids=repr)
def test_increment_of_what_is_no_number(store: Store, old: Any) -> None:
    store.set("counter", old)
    with pytest.raises(UnsupportedType, match="'counter'") as raised:
        store.increment("counter")
    assert isinstance(raised.value, TypeError)
    assert raised.value.type_name == type(old).__name__
    assert store.get("counter") is old or store.get("counter") == old


@pytest.mark.parametrize("by", ["1", True, None, [1]], ids=repr)
def test_increment_by_what_is_no_number(store: Store, by: Any) -> None:
    with pytest.raises(UnsupportedType):
        store.increment("n", by)
    with pytest.raises(UnsupportedType):
        store.increment("n", 1, default=by)
    assert store.list_keys() == []


@pytest.mark.parametrize(("old", "by"), [(1, float("nan")), (1, float("inf")), (1.7e308, 1.7e308)])
def test_increment_to_what_json_cannot_hold(store: Store, old: Any, by: float) -> None:
    store.set("n", old)
    with pytest.raises(InvalidValue, match="'n'"):
        store.increment("n", by)
    assert store.get("n") == old


def test_increment_of_an_integer_that_no_float_can_hold(store: Store) -> None:
    store.set("n", HUGE)
    with pytest.raises(InvalidValue, match="'n'"):
        store.increment("n", 0.5)
    assert store.get("n") == HUGE


# -- append ----------------------------------------------------------------------------------------


def test_append_makes_the_list_and_returns_it(store: Store) -> None:
    assert store.append("list", {"a": 1}) == [{"a": 1}]
    assert store.append("list", [2]) == [{"a": 1}, [2]]
    assert store.append("list", None) == [{"a": 1}, [2], None]
    assert store.get("list") == [{"a": 1}, [2], None]


@pytest.mark.parametrize("maxlen", [1, 2, 3, 10])
def test_append_keeps_the_newest(store: Store, maxlen: int) -> None:
    for number in range(6):
        returned = store.append("list", number, maxlen=maxlen)
        assert returned == list(range(number + 1))[-maxlen:] == store.get("list")


def test_append_shortens_a_list_that_is_too_long(store: Store) -> None:
    store.set("list", [1, 2, 3, 4])
    assert store.append("list", 5, maxlen=2) == [4, 5]


@pytest.mark.parametrize("maxlen", [0, -1])
def test_append_with_no_room(store: Store, maxlen: int) -> None:
    store.set("list", [1])
    with pytest.raises(ValueError, match="maxlen"):
        store.append("list", 2, maxlen=maxlen)
    assert store.get("list") == [1]


@pytest.mark.parametrize("old", ["text", 1, None, {"a": 1}, True], ids=repr)
def test_append_to_what_is_no_list(store: Store, old: Any) -> None:
    store.set("log", old)
    with pytest.raises(UnsupportedType, match="'log'") as raised:
        store.append("log", 1)
    assert raised.value.type_name == type(old).__name__
    assert store.get("log") == old


def test_append_of_what_json_has_no_form_for(store: Store) -> None:
    store.set("list", [1])
    with pytest.raises(UnsupportedType, match="'list'"):
        store.append("list", {1})
    assert store.get("list") == [1]


# -- set_default and pop ---------------------------------------------------------------------------


def test_set_default(store: Store) -> None:
    assert store.set_default("k", {"a": 1}) == {"a": 1}
    assert store.set_default("k", {"b": 2}) == {"a": 1} == store.get("k")
    store.set("none", None)
    assert store.set_default("none", 1) is None


def test_set_default_returns_a_copy(store: Store) -> None:
    given = {"list": [1]}
    store.set_default("k", given)["list"].append(2)
    store.set_default("k", given)["list"].append(3)
    assert (given, store.get("k")) == ({"list": [1]}, {"list": [1]})


def test_set_default_that_cannot_be_stored(store: Store) -> None:
    store.set("there", 1)
    for key in ("there", "missing"):
        with pytest.raises(UnsupportedType, match=f"'{key}'"):
            store.set_default(key, {1})
    assert store.get_all() == {"there": 1}


def test_pop(store: Store) -> None:
    store.set("k", {"a": 1}, {"m": 1})
    assert store.pop("k") == {"a": 1}
    assert store.list_keys() == []
    assert store.pop("k", "default") == "default"
    assert store.pop("k", None) is None
    with pytest.raises(NotFound) as raised:
        store.pop("k")
    assert (raised.value.namespace, raised.value.key) == ("default", "k")
    store.set("k", 1)
    assert store.info("k").metadata == {}


def test_pop_of_a_none(store: Store) -> None:
    store.set("k", None)
    assert store.pop("k", "default") is None
    assert "k" not in store


def test_each_item_is_popped_once(store: Store) -> None:
    store.set_many({f"job:{number}": number for number in range(20)})
    start = threading.Barrier(4)

    def work(_: int) -> list[int]:
        start.wait()
        return [found for key in store.list_keys("job:") if (found := store.pop(key, None)) is not None]

    with ThreadPoolExecutor(4) as pool:
        popped = sorted(number for part in pool.map(work, range(4)) for number in part)
    assert popped == list(range(20))


# -- create, and revisions that must match ---------------------------------------------------------


def test_create(store: Store) -> None:
    store.create("k", [1], {"m": 1})
    before = store.info("k")
    assert (before.value, before.metadata) == ([1], {"m": 1})
    for value in ([1], [2]):
        with pytest.raises(Conflict, match="'k'") as raised:
            store.create("k", value, {"m": 2})
        error = raised.value
        assert (error.namespace, error.key, error.expected, error.actual) == ("default", "k", None, before.revision)
    assert store.info("k") == before
    store.delete("k")
    store.create("k", 2)
    assert store.info("k").metadata == {}


def test_one_of_several_creates_it(store: Store) -> None:
    start = threading.Barrier(4)

    def work(number: int) -> int | None:
        start.wait()
        try:
            store.create("k", number)
        except Conflict:
            return None
        return number

    with ThreadPoolExecutor(4) as pool:
        created = [number for number in pool.map(work, range(4)) if number is not None]
    assert created == [store.get("k")]


def test_set_if_match(store: Store) -> None:
    store.set("k", 1)
    first = store.info("k").revision
    store.set("k", 2, if_match=first)
    second = store.info("k").revision
    assert first != second
    with pytest.raises(Conflict) as raised:
        store.set("k", 3, if_match=first)
    error = raised.value
    assert (error.namespace, error.key, error.expected, error.actual) == ("default", "k", first, second)
    assert store.get("k") == 2


def test_delete_if_match(store: Store) -> None:
    store.set("k", 1)
    first = store.info("k").revision
    store.set("k", 2)
    with pytest.raises(Conflict):
        store.delete("k", if_match=first)
    assert store.get("k") == 2
    assert store.delete("k", if_match=store.info("k").revision) is True


@pytest.mark.parametrize("verb", ["set", "delete"])
def test_nothing_matches_a_missing_key(store: Store, verb: str) -> None:
    store.set("k", 1)
    revision = store.info("k").revision
    store.delete("k")
    with pytest.raises(Conflict, match="does not exist") as raised:
        store.set("k", 1, if_match=revision) if verb == "set" else store.delete("k", if_match=revision)
    assert (raised.value.expected, raised.value.actual) == (revision, None)
    assert "k" not in store


def test_info_gives_revision_and_value_of_one_read(store: Store) -> None:
    """Whatever is written meanwhile, a revision always goes with the same value."""
    done = threading.Event()
    seen: list[tuple[str, Any]] = []

    def read() -> None:
        while not done.is_set():
            record = store.info("k")
            seen.append((record.revision, record.value))

    store.set("k", 0)
    reader = threading.Thread(target=read)
    reader.start()
    expected = set()
    for number in range(200):
        store.set("k", number % 7)
        record = store.info("k")
        expected.add((record.revision, record.value))
    done.set()
    reader.join()
    assert len(expected) == 7
    assert set(seen) <= expected


# -- files that hold no JSON -----------------------------------------------------------------------

UPDATES: dict[str, Callable[[Store], Any]] = {
    "update": lambda store: store.update("k", lambda _: 1),
    "increment": lambda store: store.increment("k"),
    "append": lambda store: store.append("k", 1),
    "merge": lambda store: store.merge("k", {"a": 1}),
    "patch": lambda store: store.patch("k", [{"op": "replace", "path": "", "value": 1}]),
    "set_default": lambda store: store.set_default("k", 1),
    "pop": lambda store: store.pop("k", None),
}


@pytest.mark.parametrize("inside", ["store", "transaction"])
@pytest.mark.parametrize("update", UPDATES.values(), ids=list(UPDATES))
def test_a_bad_file_stays_as_it_is(tmp_path: Path, update: Callable[[Any], Any], inside: str) -> None:
    with fsstore.open(tmp_path / "store") as store:
        store.set_many({"k": 1, "good": 1})
        file = Path(store.info("k").path)
        file.write_bytes(b'{"half":')
        with pytest.raises(BadValue) as raised:
            if inside == "store":
                update(store)
            else:
                store.transact(update)
        assert (raised.value.namespace, raised.value.key) == ("default", "k")
        assert file.read_bytes() == b'{"half":'
        store.set("k", 2)
        assert store.get_all() == {"good": 1, "k": 2}


def test_a_person_who_edits_meanwhile_is_not_overwritten(tmp_path: Path) -> None:
    """The function is called again with what the person wrote."""
    with fsstore.open(tmp_path / "store") as store:
        store.set("k", 1)
        file = Path(store.info("k").path)
        got = []

        def change(value: Any) -> Any:
            got.append(value)
            if value == 1:
                file.write_text("10\n")
            return value + 1

        assert store.update("k", change) == 11
        assert got == [1, 10]
        assert store.get("k") == 11


def test_a_person_who_removes_the_file_meanwhile(tmp_path: Path) -> None:
    with fsstore.open(tmp_path / "store") as store:
        store.set("k", 1)
        file = Path(store.info("k").path)

        def change(value: Any) -> Any:
            if value == 1:
                file.unlink()
            return [value]

        assert store.update("k", change, "default") == ["default"]
        assert store.get("k") == ["default"]


def test_an_update_that_a_person_never_leaves_alone_gives_up(tmp_path: Path) -> None:
    with fsstore.open(tmp_path / "store") as store:
        store.set("k", 0)
        file = Path(store.info("k").path)

        def change(value: Any) -> Any:
            file.write_text(f"{value + 1}\n")
            return "from the update"

        with pytest.raises(Conflict, match="by hand"):
            store.update("k", change)
        assert isinstance(store.get("k"), int)
