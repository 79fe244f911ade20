"""The example agents whose state outlives a run: steps, checkpoints, locks, an index."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import fsstore
from fsstore import Store

Run = Callable[..., Any]
EXAMPLES = Path(__file__).parents[2] / "scripts" / "examples"


def test_state_machine_takes_one_step_per_run_and_stays_finished(run: Run, text: Path) -> None:
    input = {"job": "j:1", "file": str(text)}
    assert run("state_machine", **input) == {"status": "pending", "done": {}}
    states = [run("state_machine", **input, action="advance") for _ in range(5)]
    assert [list(state["done"]) for state in states] == [
        ["fetch"],
        ["fetch", "count"],
        ["fetch", "count", "check"],
        ["fetch", "count", "check", "finish"],
        ["fetch", "count", "check", "finish"],
    ]
    assert [state["status"] for state in states] == ["in progress"] * 3 + ["finished"] * 2
    assert states[-1]["done"]["finish"] == "4 words"
    assert run("state_machine", **input) == states[-1]


def test_state_machine_tries_a_failed_step_again(run: Run, text: Path) -> None:
    input = {"job": "j", "file": str(text), "action": "advance"}
    run("state_machine", **input)
    counted = run("state_machine", **input)
    original = text.read_text()
    text.write_text("changed")
    with pytest.raises(ValueError, match="not what was fetched"):
        run("state_machine", **input)
    assert run("state_machine", job="j", file=str(text)) == counted
    text.write_text(original)
    assert list(run("state_machine", **input)["done"]) == ["fetch", "count", "check"]
    with pytest.raises(ValueError, match="neither advance nor status"):
        run("state_machine", job="j", file=str(text), action="rewind")


def test_batch_checkpoint_goes_on_where_a_run_broke_off(run: Run, store: Store, tmp_path: Path) -> None:
    paths = [tmp_path / f"{number}.txt" for number in range(5)]
    for path in paths:
        path.write_text(path.name)
    results = [{"file": str(path), "sha256": hashlib.sha256(path.name.encode()).hexdigest()} for path in paths]
    input = {"job": "j", "items": [str(path) for path in paths], "batch_size": 2}
    first = run("batch_checkpoint", **input)
    assert first == {"batch": results[:2], "processed": 2, "total": 5, "complete": False}
    paths[3].unlink()
    with pytest.raises(FileNotFoundError):
        run("batch_checkpoint", **input)
    assert store.get("batch:j") == results[:3]
    paths[3].write_text(paths[3].name)
    last = run("batch_checkpoint", **input)
    assert last == {"batch": results[3:], "processed": 5, "total": 5, "complete": True}
    assert run("batch_checkpoint", **input) == {**last, "batch": []}


def test_advisory_lock_respects_another_agent_until_stale(run: Run, store: Store, text: Path) -> None:
    key = f"lock:{text}"
    held = {"agent": "other", "since": datetime.now(UTC).isoformat(), "token": "t"}
    store.set(key, held)
    assert run("advisory_lock", file=str(text)) == {"locked_by": "other"}
    assert store.get(key) == held
    store.set(key, {**held, "since": (datetime.now(UTC) - timedelta(seconds=301)).isoformat()})
    assert run("advisory_lock", file=str(text), stale_seconds=600) == {"locked_by": "other"}
    assert run("advisory_lock", file=str(text)) == {"sha256": hashlib.sha256(text.read_bytes()).hexdigest()}
    assert key not in store


def test_advisory_lock_is_released_when_the_work_fails(run: Run, store: Store, tmp_path: Path) -> None:
    for _ in range(2):
        with pytest.raises(FileNotFoundError):
            run("advisory_lock", file=str(tmp_path / "missing"))
        assert store.list_keys() == []


def test_advisory_lock_of_somebody_else_is_not_released(store: Store, text: Path) -> None:
    """Another agent found the lock stale and took it over while the first was still at work."""
    key = f"lock:{text}"
    taken = {"agent": "second", "since": datetime.now(UTC).isoformat(), "token": "t"}

    def take_over(operation: fsstore.Operation) -> None:
        if operation.op == "set" and operation.agent == "advisory_lock":
            store.set(key, taken)

    fsstore.run_agent(EXAMPLES / "advisory_lock.py", {"file": str(text)}, store=store, ops=take_over)
    assert store.get(key) == taken


def test_keyword_index_finds_all_words_and_forgets_old_ones(run: Run, store: Store, tmp_path: Path) -> None:
    path = tmp_path / "document.txt"

    def add(name: str, content: str) -> Any:
        path.write_text(content)
        return run("keyword_index", action="add", id=name, file=str(path))

    def found(query: str) -> list[str]:
        return list(run("keyword_index", action="search", query=query)["documents"])

    assert add("b", "Apples and pears") == {"indexed": "b", "words": 3}
    add("a", "apples and plums")
    assert found("APPLES") == ["a", "b"]
    assert found("apples pears") == ["b"]
    assert found("apples cherries") == []
    assert found("") == []
    add("b", "only cherries")
    assert found("apples") == ["a"]
    assert found("cherries") == ["b"]
    assert "pears" not in store.use_namespace("keyword-index")
    result = run("keyword_index", action="search", query="plums")
    assert result == {"query": "plums", "documents": {"a": "apples and plums"}}
