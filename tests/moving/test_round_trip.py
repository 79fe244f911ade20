"""A store goes out and comes in as it was: each file to the byte, and the export of the copy is the same export."""

from __future__ import annotations

import io
import os
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import fsstore
from fsstore import Store
from fsstore.engine import Stored
from fsstore.moving import exporting, lines

from .conftest import ODD, VECTORS, files_of, put
from .test_lines import CONTENTS, METADATA

KEYS = [(namespace, key) for namespace in ("default", "n:s/é") for key, _ in VECTORS["keys"]]
STORES = st.dictionaries(st.sampled_from(KEYS), st.tuples(CONTENTS, METADATA), max_size=6)


def exported(store: Store, **options: Any) -> bytes:
    stream = io.BytesIO()
    store.export_ndjson(stream, **options)
    return stream.getvalue()


def require_same(source: Store, target: Store, root: Path) -> None:
    """An import of all of the source makes the target the same."""
    said = exported(source)
    target.import_ndjson(io.BytesIO(said))
    assert files_of(root / "target") == files_of(root / "source")
    assert exported(target) == said


def test_files_of_every_kind(odd: Store, target: Store, scratch: Path) -> None:
    require_same(odd, target, scratch)
    assert target.info("noted").metadata == {"by": "Ada", "n": [1, {"x": None}]}
    assert target.info("noted").created_by == "importer"
    assert len(files_of(scratch / "target")) == len(ODD) + 2


def test_every_key_and_namespace_there_may_be(source: Store, target: Store, scratch: Path) -> None:
    for namespace, _ in VECTORS["namespaces"]:
        source.use_namespace(namespace).set("k", namespace)
    source.set_many({key: number for number, (key, _) in enumerate(VECTORS["keys"])}, {"m": 1})
    require_same(source, target, scratch)


def test_rules_travel(source: Store, target: Store, scratch: Path) -> None:
    source.use_namespace("ruled").set("k", 1)
    source._engine.set_rules("ruled", {"index": {"fields": ["a"], "text": []}, "mine": 10**30}, source._writer)
    require_same(source, target, scratch)
    done = target.import_ndjson(io.BytesIO(exported(source)))
    assert (done.rules, done.unchanged) == (0, 1)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(STORES)
def test_any_store(records: dict[tuple[str, str], tuple[bytes, dict[str, Any]]]) -> None:
    with tempfile.TemporaryDirectory(dir="/dev/shm") as made:
        root = Path(made)
        with fsstore.open(root / "source") as source, fsstore.open(root / "target") as target:
            for (namespace, key), (_, metadata) in records.items():
                source.use_namespace(namespace).set(key, 0, metadata)
            put(root / "source", {name: raw for name, (raw, _) in records.items()})
            require_same(source, target, root)


def test_a_store_in_memory_and_back(source: Store, target: Store, scratch: Path) -> None:
    source.set_many({"a": [1], "b": None}, {"m": 1})
    put(scratch / "source", {("default", "hand"): b"[ 1 ]"})
    with fsstore.open(":memory:") as memory:
        memory.import_ndjson(io.BytesIO(exported(source)))
        assert memory.get_all() == {"a": [1], "b": None, "hand": [1]}
        target.import_ndjson(io.BytesIO(exported(memory)))
        assert files_of(scratch / "target") == files_of(scratch / "source")
        with pytest.raises(fsstore.InvalidValue, match="JSON values alone"):
            memory.import_ndjson(io.BytesIO(b'{"key":"bad","raw":"{"}'))
        assert memory.count() == 3


# -- flaws that these tests must see ---------------------------------------------------------------


def test_an_export_without_the_text_of_files_is_seen(
    odd: Store, target: Store, scratch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def flawed(namespace: str, key: str, stored: Stored) -> bytes:
        line = lines.key_line(namespace, key, stored)
        return line if b'"value"' not in line else line.partition(b',"raw":')[0].removesuffix(b"}\n") + b"}\n"

    monkeypatch.setattr(exporting, "key_line", flawed)
    with pytest.raises(AssertionError):
        require_same(odd, target, scratch)


def test_an_export_without_metadata_is_seen(
    odd: Store, target: Store, scratch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sound = lines.key_line
    monkeypatch.setattr(exporting, "key_line", lambda name, key, stored: sound(name, key, stored._replace(metadata={})))
    with pytest.raises(AssertionError):
        require_same(odd, target, scratch)


# -- keys that end by themselves -------------------------------------------------------------------


def test_ends_travel(source: Store, target: Store, scratch: Path) -> None:
    source.set("a", 1, {"m": 1}, ttl=1000)
    source.set("b", 2, ttl=0.001)
    source.use_namespace("x").set("c", 3)
    source._engine.set_rules("x", {"ttl": 1000}, source._writer)
    source.use_namespace("x").set("d", 4)
    source.set("e", 5, ttl=5000)
    source.touch("e", 1000)
    while source.exists("b"):
        os.sched_yield()
    said = exported(source)
    assert b'"key":"b"' not in said
    assert said.count(b'"expires":') == 3
    target.import_ndjson(io.BytesIO(said))
    assert exported(target) == said
    assert target.expires("a") == source.expires("a")
    assert target.use_namespace("x").expires("c") is None
    assert [target.use_namespace("x").expires(key) == source.use_namespace("x").expires(key) for key in "cd"] == [
        True
    ] * 2
    done = target.import_ndjson(io.BytesIO(said))
    assert (done.unchanged, done.rules) == (4, 0)
    target.persist("a")
    assert target.import_ndjson(io.BytesIO(said)).updated == 1
    assert target.info("a").expires_at == source.expires("a")
    assert target.info("a").metadata == {"m": 1}


def test_an_export_without_ends_is_seen(
    source: Store, target: Store, scratch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sound = lines.key_line
    monkeypatch.setattr(
        exporting, "key_line", lambda name, key, stored: sound(name, key, stored._replace(expires=None))
    )
    with pytest.raises(AssertionError):
        test_ends_travel(source, target, scratch)
