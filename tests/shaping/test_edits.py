"""What people type that the schema does not allow: watchers are told, the doctor reports it, and it can be read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from cli.command import process
from watching.helpers import PATIENCE, short, take

import fsstore
from fsstore import SchemaViolation, Store
from fsstore.watching.watches import Watches

SCHEMA = {"type": "object", "properties": {"n": {"type": "integer"}}}


def events(store: Store, subscription: Any) -> list[Any]:
    store.sync(PATIENCE)
    return take(subscription)


@pytest.fixture
def edited(scratch: Path) -> Path:
    """A store whose schema a person's edit does not keep."""
    with fsstore.open(scratch / "store") as store:
        store.schema("default", SCHEMA)
        store.set("good", {"n": 1})
    (scratch / "store/default/bad.json").write_text('{"n": "three"}')
    return scratch / "store"


def test_a_watcher_is_told_of_the_value_and_what_is_wrong(scratch: Path) -> None:
    with fsstore.open(scratch / "store") as store, store.watch() as watching:
        store.schema("default", SCHEMA)
        store.set("k", {"n": 1})
        (scratch / "store/default/k.json").write_text('{"n": "three"}')
        (scratch / "store/default/l.json").write_text('{"n": ')
        found = {(event.key, event.kind): event for event in events(store, watching)}
        while ("k", "invalid") not in found or ("l", "invalid") not in found:
            event = watching.get(PATIENCE)
            assert event is not None
            found[event.key, event.kind] = event
        told = found["k", "invalid"]
        assert told.value == {"n": "three"}
        assert isinstance(told.error, SchemaViolation)
        assert (told.error.key, told.error.json_path) == ("k", "$.n")
        assert "is not as its schema wants it" in str(told.error)
        assert told.source.by_hand
        assert told.revision == store.info("k").revision
        assert isinstance(found["l", "invalid"].error, fsstore.BadValue)
        assert json.loads(json.dumps(told.as_dict()))["error"] == str(told.error)
        store.set("k", {"n": 2})
        assert [short(each) for each in events(store, watching)][-1:] == ["updated default/k={'n': 2}"]


def test_get_gives_it_and_the_next_write_has_to_keep_the_schema(edited: Path) -> None:
    with fsstore.open(edited) as store:
        assert store.get("bad") == {"n": "three"}
        assert store.wait_for("bad", timeout=PATIENCE) == {"n": "three"}
        with pytest.raises(SchemaViolation):
            store.merge("bad", {"m": 1})
        assert store.merge("bad", {"n": 3}) == {"n": 3}


def test_a_replay_and_what_changed_since_tell_it_too(edited: Path, scratch: Path) -> None:
    with fsstore.open(edited) as store:
        with store.watch(replay=True) as watching:
            found = [short(event) for event in events(store, watching)]
        (scratch / "since").write_text("")
        (scratch / "since").unlink()
        with store.watch() as watching:
            watching.save(scratch / "since")
        (edited / "default/bad.json").write_text('{"n": null}')
        changed = store.changes(scratch / "since")
    assert found == ["invalid default/bad={'n': 'three'}", "created default/good={'n': 1}", "ready"]
    assert [(event.key, event.kind, event.value) for event in changed] == [("bad", "invalid", {"n": None})]


def test_in_memory_what_was_stored_before_is_told(store: Store) -> None:
    store.set("k", "text")
    store.schema("default", SCHEMA)
    with store.watch(replay=True) as watching:
        assert [short(event) for event in events(store, watching)] == ["invalid default/k=text", "ready"]
    (finding,) = store.doctor()
    assert (finding.path, finding.problem) == ("default/k.json", "schema-violation")


def test_rules_that_make_no_sense_hinder_no_watcher(edited: Path) -> None:
    (edited / "default/.meta/.namespace.json").write_text("{")
    with fsstore.open(edited) as store, store.watch(replay=True) as watching:
        assert [event.kind for event in events(store, watching)] == ["created", "created", "ready"]


def test_a_watcher_that_is_not_told_is_seen(scratch: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A flaw: events are handed on as they are."""
    monkeypatch.setattr(Watches, "_inspected", lambda self, event: event)
    with fsstore.open(":memory:") as store, pytest.raises(AssertionError):
        test_in_memory_what_was_stored_before_is_told(store)


def test_the_doctor_reports_it_and_changes_nothing(edited: Path) -> None:
    with fsstore.open(edited) as store:
        (finding,) = store.doctor()
        assert (finding.path, finding.problem, finding.repair) == ("default/bad.json", "schema-violation", "")
        assert '$.n: "three" is not of type "integer"' in finding.detail
        assert [each.repair for each in store.doctor(fix=True)] == [""]
        assert store.get("bad") == {"n": "three"}


def test_the_command_line_tells_it(edited: Path) -> None:
    told = process("-C", str(edited), "watch", "--replay", "--limit", "1", "--json")
    assert json.loads(told.out)["kind"] == "invalid"
    assert "$.n" in json.loads(told.out)["error"]
    examined = process("-C", str(edited), "doctor")
    assert "default/bad.json: schema-violation: $.n" in examined.out
    refused = process("-C", str(edited), "set", "k", '{"n": "x"}')
    assert refused.status == 4
    assert "'k'" in refused.err
    assert "$.n" in refused.err
