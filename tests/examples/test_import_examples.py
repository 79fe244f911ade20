"""The import of another store's dump: all of it arrives, twice is once, and dumps come in several shapes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from fsstore import Store

from .conftest import EXAMPLES, Run

DUMP = EXAMPLES / "couchdb-dump.json"
ROWS = json.loads(DUMP.read_text())["rows"]
PASSED_OVER = {"deleted": 1, "design": 1, "no record": 1}


def counts(created: int, unchanged: int, passed_over: dict[str, int] = PASSED_OVER) -> dict[str, Any]:
    return {"created": created, "updated": 0, "unchanged": unchanged, "skipped": 0, "passed_over": passed_over}


def test_a_second_import_changes_nothing(run_alone: Run, store: Store) -> None:
    assert run_alone("import_couchdb", file=str(DUMP)) == counts(4, 0)
    assert store.list_namespaces() == ["cache:github", "default", "files:apache/mina"]
    assert store.get_all() == {"greeting": {"text": "grüß Gott", "tags": ["a", "b"]}, "nothing": None}
    assert store.use_namespace("files:apache/mina").info("src/main/App.java").metadata == {"language": "java"}
    record = store.use_namespace("cache:github").info("etag")
    assert record.value == 'W/"0920c77"'
    assert record.metadata["ttl"] == 3600
    assert record.metadata["original"]["created_by"] == "crawler"
    assert record.updated_by == "import_couchdb"
    assert run_alone("import_couchdb", file=str(DUMP)) == counts(0, 4)
    assert store.use_namespace("cache:github").info("etag") == record


@pytest.mark.parametrize("shape", ["a document a line", "an array", "pretty", "small pieces"])
def test_every_shape_of_a_dump(run_alone: Run, store: Store, shape: str, tmp_path: Path) -> None:
    documents = [row["doc"] for row in ROWS]
    large = {"_id": "x", "namespace": "n", "key": "large", "value": ["é] , {" * 50_000]}
    lines = "\n".join(json.dumps(each) for each in [*documents, large])
    text = {
        "a document a line": lines,
        "an array": json.dumps([*documents, large]),
        "pretty": json.dumps({"total_rows": 1, "rows": [*ROWS, {"id": "x", "doc": large}]}, indent=2),
        "small pieces": json.dumps({"docs": [*documents, large]}),
    }[shape]
    dump = tmp_path / "dump.json"
    dump.write_text(text)
    assert run_alone("import_couchdb", file=str(dump)) == counts(5, 0)
    assert store.use_namespace("n").get("large") == large["value"]


def test_a_dump_that_was_cut_off_is_told_and_goes_on_from_what_is_there(
    run_alone: Run, store: Store, tmp_path: Path
) -> None:
    dump = tmp_path / "dump.json"
    dump.write_text(DUMP.read_text()[:-500])
    with pytest.raises(ValueError, match="ends in the middle of a document"):
        run_alone("import_couchdb", file=str(dump))
    assert store.count() == 2
    assert run_alone("import_couchdb", file=str(DUMP)) == counts(1, 3)


def test_what_is_there_may_be_left(run_alone: Run, store: Store) -> None:
    store.set("greeting", "mine")
    assert run_alone("import_couchdb", file=str(DUMP), on_conflict="skip")["skipped"] == 1
    assert store.get("greeting") == "mine"
