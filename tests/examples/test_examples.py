"""The example agents as a set: every pattern has one in both forms, each is tested, each docstring is true."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import fsstore
from examples.conftest import EXAMPLES, FORMS, ROOT

# The patterns that a user of an agent data store expects, and the agent that shows each.
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
}
MORE = ["few_at_once", "memoized", "polling_by_hand", "rendezvous", "work_queue"]
EXAMPLE_NAMES = [*SECTIONS.values(), *MORE]
ALONE = sorted(path.stem for path in EXAMPLES.glob("*.py"))
"""Those that are in one form only."""
ALL = [(example, form) for form in FORMS for example in EXAMPLE_NAMES] + [(example, ".") for example in ALONE]


@pytest.mark.parametrize("form", FORMS)
def test_every_section_has_an_example_and_every_example_a_section(form: str) -> None:
    found = sorted(path.stem for path in (EXAMPLES / form).glob("*.py"))
    assert found == sorted(["__init__", *EXAMPLE_NAMES])


def test_every_example_is_run_by_a_test_of_what_it_claims() -> None:
    exercised = set()
    runners = {"run": FORMS, "run_before": ("before",), "run_after": ("after",), "run_alone": (".",)}
    for path in Path(__file__).parent.glob("test_*_examples.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in runners:
                exercised |= {(ast.literal_eval(node.args[0]), form) for form in runners[node.func.id]}
    assert exercised == set(ALL)


@pytest.mark.parametrize(("example", "form"), ALL)
def test_the_docstring_says_what_it_takes_and_claims(example: str, form: str) -> None:
    docstring = _docstring(example, form)
    headings = ["Input:", "Run:", "Claims:", *(["Flaws:"] if form == "before" else [])]
    assert re.findall(r"^(?:Input|Run|Claims|Flaws):(?=\s)", docstring, re.MULTILINE) == headings


@pytest.mark.parametrize("example", EXAMPLE_NAMES)
def test_the_command_lines_in_the_docstrings_run_twice_and_give_the_same_members(example: str, tmp_path: Path) -> None:
    first, second = [[sorted(result) for result in _run_twice(example, form, tmp_path)] for form in FORMS]
    assert first == second
    assert len(first) >= 2


@pytest.mark.parametrize("example", ALONE)
def test_the_command_line_of_one_that_has_one_form_runs_twice(example: str, tmp_path: Path) -> None:
    assert len(_run_twice(example, ".", tmp_path)) >= 2


@pytest.mark.parametrize("example", EXAMPLE_NAMES)
def test_the_readme_shows_it(example: str) -> None:
    text = (ROOT / "README.md").read_text()
    _, _, section = text.partition("\n## By hand, and with fsstore\n")
    section = re.split(r"^##+ ", section, maxsplit=1, flags=re.MULTILINE)[0]
    assert f"`{example}`" in section


def test_with_recipes_no_example_takes_more_statements() -> None:
    longer = {}
    for example in EXAMPLE_NAMES:
        before, after = (_statements(example, form) for form in FORMS)
        if after > before:
            longer[example] = (before, after)
    assert longer == {}


def _run_twice(example: str, form: str, tmp_path: Path) -> list[dict[str, Any]]:
    """What the commands print, in a store of its own."""
    root = tmp_path / form
    fsstore.open(root).close()
    tools = os.path.dirname(sys.executable)
    path = f"{tools}:{os.environ['PATH']}"
    environment = os.environ | {"FSSTORE_DIR": str(root), "TMPDIR": str(tmp_path), "PATH": path}
    command = _docstring(example, form).partition("\nRun:")[2].partition("\nClaims:")[0]
    assert f"fsstore run {os.path.normpath(f'scripts/examples/{form}/{example}.py')} " in command
    results = []
    for _ in range(2):
        done = subprocess.run(
            ["sh", "-ec", command], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300, check=True
        )
        results += [json.loads(line) for line in done.stdout.splitlines()]
        assert done.stderr == ""
    return results


def _docstring(example: str, form: str) -> str:
    return ast.get_docstring(ast.parse((EXAMPLES / form / f"{example}.py").read_text())) or ""


def _statements(example: str, form: str) -> int:
    """How many statements of ``run`` there are."""
    tree = ast.parse((EXAMPLES / form / f"{example}.py").read_text())
    (run,) = [node for node in tree.body if isinstance(node, ast.AsyncFunctionDef) and node.name == "run"]
    return sum(isinstance(node, ast.stmt) for node in ast.walk(run)) - 1
