"""A handle as a Python object: membership, iteration, brackets, truth, identity, and many handles at once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import fsstore
from fsstore import InvalidName, NotFound, Store


def test_exists_and_in(store: Store) -> None:
    store.set("a:b", None)
    assert store.exists("a:b") is True
    assert store.exists("a") is False
    assert "a:b" in store
    assert "a" not in store
    assert "a:b:c" not in store
    store.delete("a:b")
    assert store.exists("a:b") is False


def test_iteration_gives_the_sorted_keys(store: Store) -> None:
    store.set_many({"b": 1, "a:x": 2, "a": 3})
    assert isinstance(iter(store), Iterator)
    assert list(store) == ["a", "a:x", "b"]
    assert [key for key in store.use_namespace("empty")] == []  # noqa: C416 - the loop is what is tested


def test_keys_may_be_deleted_while_iterating(store: Store) -> None:
    store.set_many({"a": 1, "b": 2, "c": 3})
    for key in store:
        del store[key]
    assert list(store) == []


def test_brackets(store: Store) -> None:
    store["k"] = {"x": 1}
    assert store["k"] == {"x": 1}
    store["n"] = None
    assert store["n"] is None
    del store["k"]
    with pytest.raises(NotFound) as caught:
        store["k"]
    assert isinstance(caught.value, KeyError)
    assert (caught.value.namespace, caught.value.key) == ("default", "k")
    with pytest.raises(NotFound):
        del store["k"]
    assert list(store) == ["n"]


def test_a_handle_is_always_true(store: Store) -> None:
    assert bool(store) is True
    assert bool(store.use_namespace("empty")) is True


def test_handles_compare_by_identity(store: Store) -> None:
    one, two = store.use_namespace("n"), store.use_namespace("n")
    assert one == one
    assert one != two
    assert len({one, two, one}) == 2


def test_a_handle_shows_its_namespace_and_agent(store: Store) -> None:
    assert repr(store) == "<Store 'default' agent='tester'>"
    assert repr(store.handle("n", agent="alice")) == "<Namespace 'n' agent='alice'>"


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        (("a",), "a"),
        (("project", "alpha", "config"), "project:alpha:config"),
        (("job", 7), "job:7"),
        (("files", "src/main.py"), "files:src%2Fmain.py"),
        (("a", "b:c"), "a:b%3Ac"),
        (("a", "100%"), "a:100%25"),
        (("a", "%3A"), "a:%253A"),
        (("", ""), ":"),
        (("..", ".git"), "..:.git"),
    ],
)
def test_key_joins_parts_and_none_breaks_out(store: Store, parts: tuple[str | int, ...], expected: str) -> None:
    assert store.key(*parts) == expected
    store.set(expected, parts[-1])
    assert store.list_keys(expected) == [expected]


def test_key_of_different_parts_differs(store: Store) -> None:
    parts = [
        ("a", "b", "c"),
        ("a:b", "c"),
        ("a", "b:c"),
        ("a:b:c",),
        ("a/b", "c"),
        ("a%3Ab", "c"),
        ("a", "b/c"),
        ("a/b/c",),
    ]
    assert len({store.key(*each) for each in parts}) == len(parts)


def test_key_needs_a_part(store: Store) -> None:
    with pytest.raises(InvalidName, match="at least one part"):
        store.key()


def test_many_handles_of_many_agents(store: Store) -> None:
    agents = [store.handle(f"ns-{number % 5}", agent=f"agent-{number}") for number in range(50)]
    for number, handle in enumerate(agents):
        handle.set(f"k:{number}", number)
    assert store.list_namespaces() == [f"ns-{number}" for number in range(5)]
    for number, handle in enumerate(agents):
        assert handle.get_all() == {f"k:{other}": other for other in range(number % 5, 50, 5)}
        assert handle.info(f"k:{number}").created_by == f"agent-{number}"


def test_a_new_handle_keeps_what_is_not_given(store: Store) -> None:
    handle = store.handle("n", agent="alice", run="r1")
    assert (handle.name, handle.agent, handle.run_id, handle.store) == ("n", "alice", "r1", store)
    below = handle.use_namespace("m")
    assert (below.name, below.agent, below.run_id) == ("m", "alice", "r1")
    again = store.handle()
    assert (again.name, again.agent, again.run_id) == ("default", "tester", None)


def test_a_handle_outlives_the_variable_of_its_store(tmp_path: Path) -> None:
    for path in (":memory:", str(tmp_path / "s")):
        handle = fsstore.open(path, agent="a").use_namespace("n")
        handle.set("k", 1)
        assert handle.get("k") == 1
        handle.store.close()


def test_memory_stores_are_strangers_and_one_directory_is_one_store(tmp_path: Path) -> None:
    with fsstore.open(":memory:") as one, fsstore.open(":memory:") as two:
        one.set("k", 1)
        assert two.list_keys() == []
    with fsstore.open(tmp_path / "s", agent="one") as one, fsstore.open(tmp_path / "s", agent="two") as two:
        one.set("k", 1)
        assert two.get("k") == 1
        two.set("k", 2)
        assert one.get("k") == 2
        assert (one.info("k").created_by, one.info("k").updated_by) == ("one", "two")
        assert two.delete("k") is True
        assert one.list_namespaces() == []
