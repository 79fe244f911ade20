"""The rules of a namespace, as every engine keeps them: members that are given, changed one by one, and taken away."""

from __future__ import annotations

import pytest

from fsstore import InvalidName, NestedWrite, Store
from fsstore.engine import Engine
from fsstore.records import Author
from fsstore.transaction import TransactionEngine


@pytest.fixture
def engine(store: Store) -> Engine:
    return store._engine


def test_without_any_nothing_holds(engine: Engine) -> None:
    rules = engine.rules("n")
    assert (rules.schema, rules.ttl, rules.expires, dict(rules.indexed)) == (None, None, False, {})


def test_members_are_changed_one_by_one(engine: Engine) -> None:
    assert engine.set_rules("n", {"ttl": 60, "later": [1]}, Author()).ttl == 60
    engine.set_rules("n", {"schema": {"type": "object"}}, Author())
    rules = engine.rules("n")
    assert (rules.schema, rules.ttl, rules.members["later"]) == ({"type": "object"}, 60, [1])
    assert engine.set_rules("n", {"ttl": None}, Author()).ttl is None
    assert dict(engine.rules("n").members) == {"later": [1], "schema": {"type": "object"}}
    assert engine.rules("other").schema is None


def test_they_are_the_same_object_until_they_change(engine: Engine) -> None:
    schema = engine.set_rules("n", {"schema": {"type": "object"}}, Author()).schema
    assert engine.rules("n").schema is schema
    assert engine.set_rules("n", {"schema": {"type": "array"}}, Author()).schema is not schema


def test_they_are_no_key_and_make_no_namespace(store: Store, engine: Engine) -> None:
    engine.set_rules("n", {"ttl": 60}, Author())
    assert store.list_namespaces() == []
    assert store.use_namespace("n").list_keys() == []
    assert list(store.doctor()) == []


def test_a_name_that_is_none_is_refused(engine: Engine) -> None:
    with pytest.raises(InvalidName):
        engine.set_rules("", {"ttl": 60}, Author())


def test_they_are_no_part_of_a_transaction_or_an_update(store: Store, engine: Engine) -> None:
    with pytest.raises(NestedWrite):
        TransactionEngine(engine).set_rules("n", {"ttl": 60}, Author())
    engine.set_rules("default", {"schema": {"type": "object"}}, Author())
    transaction = TransactionEngine(engine)
    assert transaction.rules("default").schema == {"type": "object"}
