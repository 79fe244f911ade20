"""The example agents as a set: every recipe has one, every one is tested, and their docstrings say what is true."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

import fsstore

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "scripts" / "examples"

# The recipes a user of an agent data store expects, and the agent that shows each.
SECTIONS = {
    "Cache-Aside (Lazy Loading)": "cache_aside",
    "Write-Through Cache": "write_through",
    "Cache with TTL Check": "ttl_cache",
    "Running Counter": "running_counter",
    "Append to List": "append_to_list",
    "Aggregate Statistics": "aggregate_statistics",
    "Hierarchical Keys": "hierarchical_keys",
    "Dynamic Namespaces": "dynamic_namespaces",
    "Namespace Discovery": "namespace_discovery",
    "State Machine Pattern": "state_machine",
    "Batch Processing Pattern": "batch_checkpoint",
    "Lock Pattern (Advisory)": "advisory_lock",
    "Index Pattern": "keyword_index",
    "Storing Large Binary Data": "large_binary",
    "Using Data Store for Real-time Coordination": "realtime_coordination",
    "Storing Sensitive Credentials": "credentials",
    "Waiting for Others": "polling_by_hand",
    "Importing from CouchDB": "import_couchdb",
}


def test_every_section_has_an_example_and_every_example_a_section() -> None:
    assert sorted(path.stem for path in EXAMPLES.glob("*.py")) == sorted(SECTIONS.values())


def test_every_example_is_run_by_a_test() -> None:
    exercised = set()
    for path in Path(__file__).parent.glob("test_*_examples.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "run":
                (name, *_) = node.args
                exercised.add(ast.literal_eval(name))
    assert exercised == set(SECTIONS.values())


@pytest.mark.parametrize("example", SECTIONS.values())
def test_the_docstring_says_what_it_takes_and_claims(example: str) -> None:
    docstring = _docstring(example)
    places = [docstring.find(f"\n{heading}") for heading in ("Input:", "Run:", "Claims:")]
    assert -1 not in places
    assert places == sorted(places)


@pytest.mark.parametrize("example", SECTIONS.values())
def test_the_command_line_in_the_docstring_runs_twice(example: str, tmp_path: Path) -> None:
    fsstore.open(tmp_path / "store").close()
    tools = os.path.dirname(sys.executable)
    environment = os.environ | {"FSSTORE_DIR": str(tmp_path / "store"), "PATH": f"{tools}:{os.environ['PATH']}"}
    command = _command(example)
    assert f"fsstore run scripts/examples/{example}.py " in command
    for _ in range(2):
        done = subprocess.run(
            ["sh", "-ec", command], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=True
        )
        assert done.stdout.startswith("{")
        assert done.stderr == ""


def _docstring(example: str) -> str:
    return ast.get_docstring(ast.parse((EXAMPLES / f"{example}.py").read_text())) or ""


def _command(example: str) -> str:
    return _docstring(example).partition("\nRun:")[2].partition("\nClaims:")[0]
