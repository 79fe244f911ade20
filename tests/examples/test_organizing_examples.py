"""The example agents that accumulate, and those that order keys and namespaces."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

import fsstore
from fsstore import Store

Run = Callable[..., Any]
EXAMPLES = Path(__file__).parents[2] / "scripts" / "examples"


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


def test_aggregate_statistics_takes_zero_for_a_value(run: Run, store: Store) -> None:
    assert run("aggregate_statistics", value=0) == {"count": 1, "sum": 0, "min": 0, "max": 0, "average": 0}
    assert run("aggregate_statistics", value=6) == {"count": 2, "sum": 6, "min": 0, "max": 6, "average": 3.0}
    expected = {"count": 3, "sum": 3, "min": -3, "max": 6, "average": 1.0}
    assert run("aggregate_statistics", value=-3) == expected
    with pytest.raises(ValueError, match="nan"):
        run("aggregate_statistics", value=float("nan"))
    assert store.get("statistics") == expected


def test_aggregate_statistics_keeps_a_maximum_of_zero(run: Run) -> None:
    run("aggregate_statistics", value=0)
    assert run("aggregate_statistics", value=-5)["max"] == 0


def test_hierarchical_keys_list_one_project_only(run: Run, store: Store, tmp_path: Path) -> None:
    directory = tmp_path / "project"
    directory.mkdir()
    (directory / "main.py").write_text("print()\n")
    (directory / "a:b.txt").write_text("odd\n")
    expected = ["project:alpha:files:a%3Ab.txt", "project:alpha:files:main.py"]
    for name in ("alpha", "alphabet", "alpha:files", "alpha"):
        found = run("hierarchical_keys", project=name, directory=str(directory))
    assert found == {"project": "alpha", "files": expected}
    assert store.get("project:alpha:files:main.py") == "print()\n"
    assert store.get("project:alpha:status") == "active"
    assert store.get("project:alphabet:config") == {"directory": str(directory), "files": 2}


def test_hierarchical_keys_are_directories_on_disk(tmp_path: Path) -> None:
    source = tmp_path / "project"
    source.mkdir()
    (source / "main.py").write_text("print()\n")
    agent = EXAMPLES / "hierarchical_keys.py"
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
