"""The schema of a namespace: given, read, taken away; and every verb that stores a value goes by it."""

from __future__ import annotations

import asyncio
import http.server
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import fsstore
from fsstore import InvalidValue, Namespace, ReadOnly, SchemaViolation, Store, guards, writing
from fsstore.alternatives import multiply
from fsstore.ops import Put
from fsstore.shape import violation

SCHEMA = {
    "type": "object",
    "properties": {
        "items": {"type": "array", "items": {"type": "object", "properties": {"when": {"type": "string"}}}},
        "n": {"type": "integer"},
    },
    "required": ["n"],
}
BAD = {"n": "three"}
Act = Callable[[Namespace], Any]


@pytest.fixture
def shaped(store: Store) -> Namespace:
    """A namespace with a schema and one key."""
    store.schema("shaped", SCHEMA)
    space = store.use_namespace("shaped")
    space.set("old", {"n": 1})
    store.set("elsewhere", BAD)
    return space


def test_a_schema_is_given_read_and_taken_away(store: Store) -> None:
    assert store.schema("n") is None
    assert store.schema("n", SCHEMA) == SCHEMA
    assert store.use_namespace("other").schema("n") == SCHEMA
    store.use_namespace("n").set("k", {"n": 1})
    assert store.schema("n", None) is None
    assert store.schema("n") is None
    store.use_namespace("n").set("k", BAD)


def doubling(levels: int) -> dict[str, Any]:
    """A schema with 2 to the power of ``levels`` ways to say that a value is none of its numbers."""
    steps = {
        f"d{level}": {"anyOf": [{"allOf": [{"$ref": f"#/$defs/d{level + 1}"}, {"type": each}]} for each in KINDS]}
        for level in range(levels)
    }
    return {"$defs": {**steps, f"d{levels}": {"type": "string"}}, "$ref": "#/$defs/d0"}


KINDS = ("integer", "boolean")
NODE = {"type": "object", "properties": {"kids": {"type": "array", "items": {"$ref": "#/$defs/node"}}}}
TREE = {"$defs": {"node": {"anyOf": [{**NODE, "required": [name]} for name in "abc"]}}, "$ref": "#/$defs/node"}


def nested(levels: int) -> dict[str, Any]:
    value: dict[str, Any] = {"kids": ["unfit"]}
    for _ in range(levels):
        value = {"kids": [value]}
    return value


@pytest.mark.parametrize(("schema", "value"), [(doubling(16), "x"), (TREE, nested(60))], ids=["doubling", "tree"])
def test_alternatives_that_multiply_take_no_time(schema: Any, value: Any, store: Store) -> None:
    """All the ways in which the value is none of them are more than a machine can hold."""
    store.schema("n", schema)
    with pytest.raises(SchemaViolation, match="too many ways to say where") as caught:
        store.use_namespace("n").set("k", value)
    assert (caught.value.json_path, caught.value.schema_path) == ("$", "$")


def test_alternatives_that_are_asked_all_the_same_are_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """A flaw: the library tells all of them, here still few enough."""
    schema, value = doubling(12), "x"
    assert multiply(schema, value)
    monkeypatch.setattr("fsstore.shape.multiply", lambda *_: False)
    found = violation(schema, value)
    assert found is not None
    assert "too many ways" not in found.reason


def test_large_values_and_schemas_do_not_multiply() -> None:
    rows = [{"n": number, "tags": ["a", "b"]} for number in range(50_000)]
    row = {"type": "object", "properties": {"n": {"type": "integer"}, "tags": {"items": {"type": "string"}}}}
    assert not multiply({"items": row}, rows)
    assert not multiply({"properties": {f"p{number}": {"type": "string"} for number in range(5000)}}, {"p1": 1})
    assert not multiply({"items": {"$ref": "#"}}, [[[[1]]]])
    found = violation({"items": row}, [*rows, {"n": "x"}])
    assert found is not None
    assert found.json_path == "$[50000].n"


def test_what_is_done_with_a_schema_afterwards_changes_nothing(store: Store) -> None:
    mine = {"type": "integer", "title": "mine"}
    told = store.schema("n", mine)
    for each in (mine, told, store.schema("n")):
        each["type"] = "string"
        assert store.schema("n") == {"type": "integer", "title": "mine"}
    store.use_namespace("n").set("k", 1)
    with pytest.raises(SchemaViolation):
        store.use_namespace("n").set("k", "one")


def test_a_schema_that_is_given_out_itself_is_seen(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("copy.deepcopy", lambda found: found)
    with pytest.raises(AssertionError):
        test_what_is_done_with_a_schema_afterwards_changes_nothing(store)


def test_false_is_a_schema_and_allows_nothing(store: Store) -> None:
    assert store.schema("n", False) is False
    with pytest.raises(SchemaViolation):
        store.use_namespace("n").set("k", 1)
    assert store.schema("n") is False


def test_it_is_awaited_too(store: Store) -> None:
    async def work() -> Any:
        await store.aio.schema("n", SCHEMA)
        return await store.aio.schema("n")

    assert asyncio.run(work()) == SCHEMA


WRITES: dict[str, Act] = {
    "set": lambda space: space.set("old", BAD),
    "item": lambda space: space.__setitem__("old", BAD),
    "mapping": lambda space: space.mapping().update(old=BAD),
    "create": lambda space: space.create("new", BAD),
    "set_many": lambda space: space.set_many({"a": {"n": 1}, "old": BAD}),
    "set_default": lambda space: space.set_default("new", BAD),
    "update": lambda space: space.update("old", lambda value: {**value, "n": "three"}),
    "increment": lambda space: space.increment("new"),
    "append": lambda space: space.append("new", 1),
    "merge": lambda space: space.merge("old", BAD),
    "patch": lambda space: space.patch("old", [{"op": "remove", "path": "/n"}]),
    "replace_all": lambda space: space.replace_all({"a": {"n": 1}, "b": BAD}),
    "copy into": lambda space: space.store.copy("elsewhere", "new", namespace="shaped"),
    "move into": lambda space: space.store.move("elsewhere", "new", namespace="shaped"),
    "transact": lambda space: space.transact(lambda tx: tx.set_many({"a": {"n": 1}, "old": BAD})),
    "transact update": lambda space: space.transact(lambda tx: tx.update("old", lambda value: BAD)),
    "elsewhere in a transaction": lambda space: space.store.transact(
        lambda tx: tx.use_namespace("shaped").set("old", BAD)
    ),
    "aio": lambda space: asyncio.run(space.aio.set("old", BAD)),
}


def state(store: Store) -> dict[str, Any]:
    """All there is."""
    return {name: store.use_namespace(name).get_all() for name in store.list_namespaces()}


@pytest.mark.parametrize("name", WRITES)
def test_what_it_does_not_allow_is_not_stored(name: str, shaped: Namespace) -> None:
    before = state(shaped.store)
    with pytest.raises(SchemaViolation) as caught:
        WRITES[name](shaped)
    assert caught.value.namespace == "shaped"
    assert state(shaped.store) == before


def test_the_transaction_is_where_a_check_at_the_last_commit_alone_would_be_late(
    shaped: Namespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A flaw: what a transaction gathers is not looked at."""

    def flawed(engine: Any, ops: Any) -> Any:
        return ops if type(engine).__name__ == "TransactionEngine" else guards.guarded(engine, ops)

    monkeypatch.setattr(writing, "guarded", flawed)
    seen = []
    for name in WRITES:
        try:
            test_what_it_does_not_allow_is_not_stored(name, shaped)
        except (AssertionError, pytest.fail.Exception):
            seen.append(name)
        shaped.set("old", {"n": 1})
    assert seen == ["transact", "transact update", "elsewhere in a transaction"]


def test_an_update_is_looked_at_as_well_as_a_put(shaped: Namespace, monkeypatch: pytest.MonkeyPatch) -> None:
    """A flaw: what the function of an update makes is not looked at."""
    monkeypatch.setattr(guards, "_STORING", (Put,))
    with pytest.raises(pytest.fail.Exception):
        test_what_it_does_not_allow_is_not_stored("merge", shaped)


def test_the_error_says_where_what_and_the_way_out(shaped: Namespace) -> None:
    value = {"n": 1, "items": [{"when": "now"}, {}, {"when": "soon"}, {"when": 3}]}
    with pytest.raises(SchemaViolation) as caught:
        shaped.set("plan:a", value)
    error = caught.value
    assert (error.key, error.json_path) == ("plan:a", "$.items[3].when")
    assert error.schema_path == "$.properties.items.items.properties.when.type"
    assert error.reason == '3 is not of type "string"'
    for part in ("'plan:a'", "'shaped'", "$.items[3].when", '3 is not of type "string"', "store.schema('shaped', ...)"):
        assert part in str(error)


def test_a_value_is_checked_as_it_is_stored(shaped: Namespace) -> None:
    shaped.store.schema("shaped", {"properties": {"1": {"type": "array", "items": {"type": "integer"}}}})
    shaped.set("k", {1: (1, 2)})
    with pytest.raises(SchemaViolation) as caught:
        shaped.set("k", {1: (1, "x")})
    assert caught.value.json_path == '$["1"][1]'


def test_deletes_and_reads_do_not_care(shaped: Namespace) -> None:
    shaped.store.schema("shaped", {"type": "string"})
    assert shaped.get("old") == {"n": 1}
    assert shaped.pop("old") == {"n": 1}
    assert shaped.delete("old") is False


def test_deep_values_and_numbers_of_any_size(store: Store) -> None:
    value: Any = 10**40
    for _ in range(250):
        value = [value]
    store.schema(
        "n",
        {
            "$ref": "#/$defs/nest",
            "$defs": {"nest": {"anyOf": [{"type": "integer"}, {"type": "array", "items": {"$ref": "#/$defs/nest"}}]}},
        },
    )
    store.use_namespace("n").set("k", value)
    with pytest.raises(SchemaViolation):
        store.use_namespace("n").set("k", "text")


@pytest.mark.parametrize(
    ("wrong", "path"),
    [
        ({"type": "objekt"}, "$.type"),
        ({"properties": {"a b": {"type": 3}}}, '$.properties["a b"].type'),
        ({"properties": {"a": {"pattern": "("}}}, "$.properties.a.pattern"),
        ([], "$"),
        ("{}", "$"),
        ({"$ref": "#/$defs/none"}, "$"),
        ({"$schema": "http://127.0.0.1:9/none"}, "$"),
        ({"$ref": "file:///etc/passwd"}, "$"),
    ],
)
def test_what_is_no_schema_is_refused(wrong: Any, path: str, store: Store) -> None:
    store.schema("n", SCHEMA)
    with pytest.raises(InvalidValue, match="namespace 'n'") as caught:
        store.schema("n", wrong)
    assert caught.value.json_path == path
    assert store.schema("n") == SCHEMA


@pytest.fixture
def server() -> Iterator[tuple[str, list[str]]]:
    """A schema on the web, and who asked for it."""
    asked: list[str] = []

    class Answer(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b'{"type": "string"}')

        def log_message(self, format: str, *args: Any) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answer) as serving:
        thread = threading.Thread(target=serving.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{serving.server_port}/schema.json", asked
        serving.shutdown()
        thread.join()


@pytest.mark.parametrize("where", ["$ref", "$schema", "$id and $ref"])
def test_nothing_is_fetched(where: str, server: tuple[str, list[str]], store: Store) -> None:
    url, asked = server
    schema = {"$id": url, "$ref": "other.json"} if where == "$id and $ref" else {where: url}
    with pytest.raises(InvalidValue, match=r"127\.0\.0\.1"):
        store.schema("n", schema)
    assert asked == []


def test_a_server_that_is_asked_tells(server: tuple[str, list[str]]) -> None:
    """A flaw: a library that fetches, as this one does by itself."""
    import jsonschema_rs

    url, asked = server
    assert jsonschema_rs.validator_for({"$ref": url}).is_valid("text")
    assert asked == ["/schema.json"]


def test_a_reader_gives_no_schema(store: Store, tmp_path: Any) -> None:
    with fsstore.open(tmp_path / "s") as writer:
        writer.schema("default", SCHEMA)
    with fsstore.open(tmp_path / "s", read_only=True) as reader:
        assert reader.schema("default") == SCHEMA
        with pytest.raises(ReadOnly, match="schema"):
            reader.schema("default", None)


def test_runs_are_rolled_back_and_old_commits_restored_whatever_the_schema(tmp_path: Any) -> None:
    with fsstore.open(tmp_path / "s") as store:
        store.set("k", "text")
        first = store.snapshot()
        assert first is not None
        with pytest.raises(ZeroDivisionError), store.run("agent", on_error="rollback") as data:
            data.set("k", {"n": 2})
            store.schema("default", SCHEMA)
            raise ZeroDivisionError
        assert store.get("k") == "text"
        store.set("k", {"n": 3})
        store.restore(first.id)
        assert store.get("k") == "text"
        assert store.schema("default") == SCHEMA
        assert [finding.problem for finding in store.doctor()] == ["schema-violation"]
