"""The example agents that accumulate, and those that order keys and namespaces."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

import fsstore
from examples.conftest import EXAMPLES, FORMS
from fsstore import Store

Run = Callable[..., Any]


def test_running_counter_counts_the_runs(run: Run, store: Store) -> None:
    assert [run("running_counter") for _ in range(3)] == [{"run_number": number} for number in (1, 2, 3)]
    assert store.get("processed-count") == 3


def test_append_to_list_keeps_order_repeats_and_null(run: Run, store: Store) -> None:
    assert run("append_to_list", item="a") == {"total_items": 1, "latest": "a"}
    assert run("append_to_list", item=None) == {"total_items": 2, "latest": None}
    assert run("append_to_list", item="a") == {"total_items": 3, "latest": "a"}
    items = store.get("collected-items")
    assert [item["value"] for item in items] == ["a", None, "a"]
    times = [datetime.fromisoformat(item["added_at"]) for item in items]
    assert times == sorted(times)


def test_aggregate_statistics_are_those_of_all_values(run: Run) -> None:
    assert run("aggregate_statistics", value=4) == {"count": 1, "sum": 4, "min": 4, "max": 4, "average": 4}
    assert run("aggregate_statistics", value=9) == {"count": 2, "sum": 13, "min": 4, "max": 9, "average": 6.5}
    expected = {"count": 3, "sum": 12, "min": -1, "max": 9, "average": 4}
    assert run("aggregate_statistics", value=-1) == expected
    with pytest.raises(ValueError, match="nan"):
        run("aggregate_statistics", value=float("nan"))
    assert run("aggregate_statistics", value=4) == {"count": 4, "sum": 16, "min": -1, "max": 9, "average": 4}


@pytest.mark.parametrize(("values", "least", "most"), [((0, 5), (5, 0), (5, 5)), ((0, -5), (-5, -5), (-5, 0))])
def test_aggregate_statistics_by_hand_forget_a_zero(
    run_before: Run,
    run_after: Run,
    store: Store,
    values: tuple[int, int],
    least: tuple[int, int],
    most: tuple[int, int],
) -> None:
    for form, run in enumerate((run_before, run_after)):
        store.clear()
        (*_, last) = [run("aggregate_statistics", value=value) for value in values]
        assert (last["min"], last["max"]) == (least[form], most[form])


def test_hierarchical_keys_list_the_files_of_a_project(run: Run, store: Store, tmp_path: Path) -> None:
    directory = tmp_path / "project"
    directory.mkdir()
    (directory / "main.py").write_text("print()\n")
    for name in ("alpha", "alphabet", "alpha"):
        found = run("hierarchical_keys", project=name, directory=str(directory))
    assert found == {"project": "alpha", "files": ["project:alpha:files:main.py"]}
    assert store.get("project:alpha:files:main.py") == "print()\n"
    assert store.get("project:alpha:status") == "active"
    assert store.get("project:alphabet:config") == {"directory": str(directory), "files": 1}


def test_hierarchical_keys_of_another_project_break_in_by_hand_only(
    run_before: Run, run_after: Run, store: Store, tmp_path: Path
) -> None:
    (tmp_path / "project").mkdir()
    (tmp_path / "project" / "main.py").write_text("print()\n")
    others = {run_before: ["config", "files:main.py", "main.py", "status"], run_after: ["main.py"]}
    for run, files in others.items():
        store.clear()
        run("hierarchical_keys", project="alpha:files", directory=str(tmp_path / "project"))
        found = run("hierarchical_keys", project="alpha", directory=str(tmp_path / "project"))
        assert found["files"] == [f"project:alpha:files:{name}" for name in files]


def test_hierarchical_keys_are_directories_on_disk(form: str, tmp_path: Path) -> None:
    source = tmp_path / "project"
    source.mkdir()
    (source / "main.py").write_text("print()\n")
    agent = EXAMPLES / form / "hierarchical_keys.py"
    for _ in range(2):
        fsstore.run_agent(agent, {"project": "alpha", "directory": str(source)}, store=tmp_path / "s")
        assert (tmp_path / "s/default/project/alpha/files/main.py.json").read_text() == '"print()\\n"\n'


def test_dynamic_namespaces_do_not_mix(run: Run, store: Store, tmp_path: Path) -> None:
    (tmp_path / "code").mkdir()
    module = tmp_path / "code" / "a.py"
    module.write_text("1\n")
    input = {"repo": "acme/shop", "directory": str(tmp_path / "code")}
    assert run("dynamic_namespaces", **input) == {"namespace": "repo:acme/shop:main", "files_stored": 1}
    before = store.use_namespace("repo:acme/shop:main").info("files")
    run("dynamic_namespaces", **input)
    module.write_text("2\n")
    assert run("dynamic_namespaces", **input, branch="next")["namespace"] == "repo:acme/shop:next"
    assert store.list_namespaces() == ["repo:acme/shop:main", "repo:acme/shop:next"]
    assert store.use_namespace("repo:acme/shop:main").info("files") == before
    run("dynamic_namespaces", **input)
    contents = [store.use_namespace(name).get_all() for name in store.list_namespaces()]
    assert contents[0] == contents[1]
    assert contents[0]["files"] == {"a.py": hashlib.sha256(b"2\n").hexdigest()}


def test_namespace_discovery_finds_what_holds_keys(run: Run, store: Store) -> None:
    store.use_namespace("repo:a").set_many({f"k{number}": number for number in range(7)})
    store.use_namespace("repo:b").set("only", 1)
    store.use_namespace("repository").set("other", 1)
    found = run("namespace_discovery")
    assert found == {
        "prefix": "repo:",
        "matches": 2,
        "summary": {
            "repo:a": {"keys": 7, "first": ["k0", "k1", "k2", "k3", "k4"]},
            "repo:b": {"keys": 1, "first": ["only"]},
        },
    }
    store.use_namespace("repo:b").clear()
    assert list(run("namespace_discovery", prefix="repo:")["summary"]) == ["repo:a"]
    assert run("namespace_discovery", prefix="none:") == {"prefix": "none:", "matches": 0, "summary": {}}
    assert store.list_namespaces() == ["repo:a", "repository"]


def test_namespace_discovery_by_hand_reads_the_names_of_all_keys(store: Store) -> None:
    store.use_namespace("repo:a").set_many({f"k{number}": number for number in range(7)})
    listed: list[int] = []

    def look(operation: fsstore.Operation) -> None:
        if operation.op == "list_keys":
            listed.append(operation.count)

    for form in FORMS:
        found = fsstore.run_agent(EXAMPLES / form / "namespace_discovery.py", store=store, ops=look)
        assert found["summary"]["repo:a"]["keys"] == 7
    assert listed == [7, 5]
