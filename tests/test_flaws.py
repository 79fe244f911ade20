"""The contract suite is worth something: it passes on the engine as it is, and each flaw put into it is seen."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from flaws import FLAWS

ROOT = Path(__file__).parents[1]
SELECTION = ["tests/contract/test_calls.py", "tests/contract/test_files_only.py", "-k", "files"]


def run_contract(flaw: str, tmp_path: Path) -> subprocess.CompletedProcess[str]:
    """Run the selection in a process of its own, with a flaw in its engine; an empty name for none."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")}
    environment |= {"FSSTORE_TEST_FLAW": flaw, "NO_COLOR": "1", "COLUMNS": "300"}
    options = ["-p", "no:cacheprovider", f"--basetemp={tmp_path / 'contract'}", "--maxfail=3", "--tb=no"]
    command = [sys.executable, "-m", "pytest", *options, *SELECTION]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=100)


def test_the_engine_as_it_is_keeps_the_contract(tmp_path: Path) -> None:
    done = run_contract("", tmp_path)
    assert done.returncode == pytest.ExitCode.OK, done.stdout + done.stderr
    assert re.search(r"\b[4-9]\d passed, \d+ deselected in ", done.stdout), done.stdout


@pytest.mark.parametrize("name", FLAWS)
def test_each_flaw_is_seen(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    done = run_contract(name, tmp_path)
    seen_by = re.findall(r"^FAILED \S+::(\S+)", done.stdout, re.MULTILINE)
    assert done.returncode == pytest.ExitCode.TESTS_FAILED, done.stdout + done.stderr
    assert seen_by
    assert "error" not in done.stdout.splitlines()[-1], done.stdout
    with capsys.disabled():
        print(f"\n{name} ({FLAWS[name].wrong}) is seen by {', '.join(seen_by)}")
