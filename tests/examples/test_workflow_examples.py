"""The example agents whose state outlives a run: steps, checkpoints, locks, an index."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import fsstore
from examples.conftest import EXAMPLES
from fsstore import Store

Run = Callable[..., Any]


def test_state_machine_takes_one_step_per_run_and_stays_finished(run: Run, text: Path) -> None:
    input = {"job": "j", "file": str(text)}
    assert run("state_machine", **input) == {"state": "pending", "results": {}}
    states = [run("state_machine", **input, action="advance") for _ in range(5)]
    assert [state["state"] for state in states] == ["fetch", "count", "check", "finish", "finish"]
    assert [list(state["results"]) for state in states] == [
        ["fetch"],
        ["fetch", "count"],
        ["fetch", "count", "check"],
        ["fetch", "count", "check", "finish"],
        ["fetch", "count", "check", "finish"],
    ]
    assert states[-1]["results"]["finish"] == {"words": 5, "checked": True}
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
    assert list(run("state_machine", **input)["results"]) == ["fetch", "count", "check"]


def batch_of(tmp_path: Path, count: int) -> tuple[list[Path], list[str]]:
    """Files, and what is to come of each."""
    paths = [tmp_path / f"{number}.txt" for number in range(count)]
    for path in paths:
        path.write_text(path.name)
    return paths, [hashlib.sha256(path.name.encode()).hexdigest() for path in paths]


def test_batch_checkpoint_goes_on_where_the_last_run_stopped(run: Run, tmp_path: Path) -> None:
    paths, digests = batch_of(tmp_path, 5)
    input = {"job": "j", "items": [str(path) for path in paths], "batch_size": 2}
    assert run("batch_checkpoint", **input) == {"results": digests[:2], "processed": 2, "total": 5, "complete": False}
    paths[0].unlink()  # it is done, and nobody needs it any more
    assert run("batch_checkpoint", **input) == {"results": digests[:4], "processed": 4, "total": 5, "complete": False}
    last = run("batch_checkpoint", **input)
    assert last == {"results": digests, "processed": 5, "total": 5, "complete": True}
    assert run("batch_checkpoint", **input) == last


def test_batch_checkpoint_loses_the_batch_by_hand_and_else_one_item(
    run_before: Run, run_after: Run, store: Store, tmp_path: Path
) -> None:
    paths, digests = batch_of(tmp_path, 4)
    input = {"job": "j", "items": [str(path) for path in paths]}
    for run, kept in ((run_before, 0), (run_after, 2)):
        store.clear()
        paths[2].unlink()
        with pytest.raises(FileNotFoundError):
            run("batch_checkpoint", **input)
        paths[2].write_text(paths[2].name)
        assert run("batch_checkpoint", **{**input, "batch_size": 0})["results"] == digests[:kept]
        assert run("batch_checkpoint", **input) == {"results": digests, "processed": 4, "total": 4, "complete": True}


def test_advisory_lock_is_free_again_when_the_work_is_done_or_has_failed(
    run: Run, store: Store, tmp_path: Path
) -> None:
    resource = tmp_path / "ledger"
    resource.write_text("")
    assert run("advisory_lock", file=str(resource)) == {"result": 1}
    resource.write_text("no number")
    for _ in range(2):
        with pytest.raises(ValueError, match="no number"):
            run("advisory_lock", file=str(resource))
        assert store.list_keys() == []
    resource.write_text("7")
    assert run("advisory_lock", file=str(resource)) == {"result": 8}


def test_advisory_lock_tells_who_holds_it(run_after: Run, store: Store, tmp_path: Path) -> None:
    resource = tmp_path / "ledger"
    resource.write_text("1")
    with store.handle(agent="other").lock(f"lock:{resource}"):
        for _ in range(2):
            assert run_after("advisory_lock", file=str(resource)) == {"error": "resource locked", "locked_by": "other"}
    assert run_after("advisory_lock", file=str(resource)) == {"result": 2}


def test_advisory_lock_by_hand_is_respected_until_it_is_stale(run_before: Run, store: Store, tmp_path: Path) -> None:
    resource = tmp_path / "ledger"
    resource.write_text("1")
    key = f"lock:{resource}"
    held = {"agent": "other", "acquired_at": (datetime.now() - timedelta(seconds=200)).isoformat()}
    store.set(key, held)
    for _ in range(2):
        assert run_before("advisory_lock", file=str(resource)) == {"error": "resource locked", "locked_by": "other"}
    assert store.get(key) == held
    store.set(key, {**held, "acquired_at": (datetime.now() - timedelta(seconds=301)).isoformat()})
    assert run_before("advisory_lock", file=str(resource)) == {"result": 2}
    assert key not in store


def test_advisory_lock_by_hand_is_taken_from_whoever_has_it(store: Store, tmp_path: Path) -> None:
    """Another agent found the lock stale and took it over while the first was still at work."""
    resource = tmp_path / "ledger"
    resource.write_text("1")
    key = f"lock:{resource}"

    def take_over(operation: fsstore.Operation) -> None:
        if operation.op == "set" and operation.agent == "advisory_lock":
            store.set(key, {"agent": "second", "acquired_at": datetime.now().isoformat()})

    agent = EXAMPLES / "before" / "advisory_lock.py"
    fsstore.run_agent(agent, {"file": str(resource)}, store=store, ops=take_over)
    assert key not in store  # though the second is at work


Add = Callable[[str, str], Any]


def adder(run: Run, path: Path) -> Add:
    def add(name: str, content: str) -> Any:
        path.write_text(content)
        return run("keyword_index", action="add", id=name, file=str(path))

    return add


def found_by(run: Run, query: str) -> list[str]:
    return list(run("keyword_index", action="search", query=query)["documents"])


def test_keyword_index_finds_the_documents_with_a_word(run: Run, tmp_path: Path) -> None:
    add = adder(run, tmp_path / "document.txt")
    assert add("b", "Apples and pears") == {"indexed": "b"}
    add("a", "apples and plums")
    assert sorted(found_by(run, "APPLES")) == ["a", "b"]
    assert found_by(run, "cherries") == []
    result = run("keyword_index", action="search", query="plums")
    assert result == {"documents": {"a": {"content": "apples and plums"}}}


def test_keyword_index_by_hand_knows_words_that_are_gone_and_no_two_at_once(
    run_before: Run, run_after: Run, store: Store, tmp_path: Path
) -> None:
    expected = {run_before: (["a", "b"], []), run_after: (["a"], ["a"])}
    for run, (apples, both) in expected.items():
        for namespace in store.list_namespaces():
            store.use_namespace(namespace).clear()
        add = adder(run, tmp_path / "document.txt")
        add("a", "apples and pears")
        add("b", "apples and plums")
        add("b", "only cherries")
        assert found_by(run, "cherries") == ["b"]
        assert sorted(found_by(run, "apples")) == apples
        assert found_by(run, "apples pears") == both


def test_keyword_index_finds_what_a_person_has_edited(run_after: Run, store: Store, tmp_path: Path) -> None:
    adder(run_after, tmp_path / "document.txt")("a", "apples and pears")
    documents = store.use_namespace("documents")
    path = documents.info("a").path
    if os.path.exists(path):
        (tmp_path / "edited").write_text('{"content": "plums"}\n')
        (tmp_path / "edited").replace(path)  # as editors save
        assert found_by(run_after, "plums") == ["a"]
        assert found_by(run_after, "apples") == []
    assert documents.delete("a") is True
    assert found_by(run_after, "plums") == []


def test_work_queue_works_until_nothing_is_left(run: Run, tmp_path: Path) -> None:
    paths, digests = batch_of(tmp_path, 3)
    done = dict(zip(map(str, paths), digests, strict=True))
    assert run("work_queue", add=[str(path) for path in paths]) == {"done": done}
    assert run("work_queue", add=[]) == {"done": {}}
    assert run("work_queue", add=[str(paths[0])]) == {"done": {str(paths[0]): digests[0]}}


def test_work_queue_loses_a_job_that_fails_by_hand_only(
    run_before: Run, run_after: Run, store: Store, tmp_path: Path
) -> None:
    (missing,), (digest,) = batch_of(tmp_path, 1)
    missing.unlink()
    with pytest.raises(FileNotFoundError):
        run_before("work_queue", add=[str(missing)])
    store.clear()
    assert run_after("work_queue", add=[str(missing)]) == {"done": {}}
    missing.write_text(missing.name)
    assert run_before("work_queue", add=[]) == {"done": {}}
    (letter,) = store.queue("todo").dead()
    store.queue("todo").retry(letter.id)
    assert run_after("work_queue", add=[]) == {"done": {str(missing): digest}}


def test_few_at_once_tells_when_all_desks_are_taken(run: Run, form: str, store: Store, tmp_path: Path) -> None:
    input = {"room": str(tmp_path), "desks": 1}
    for _ in range(2):
        assert run("few_at_once", **input) == {"desk": 0}
    if form == "before":
        store.set("taken", 1)
        assert run("few_at_once", **input) == {"error": "all desks are taken"}
    else:
        with store.semaphore("desks", 1):
            assert run("few_at_once", **input) == {"error": "all desks are taken"}
        assert run("few_at_once", **input) == {"desk": 0}


def test_rendezvous_of_one_has_its_part(run: Run, tmp_path: Path) -> None:
    (path,), (digest,) = batch_of(tmp_path, 1)
    for _ in range(2):
        result = run("rendezvous", name="ann", file=str(path), parties=1)
        assert result == {"parts": {"part:ann": digest}}
