"""Imports point one way: the contracts in ``.importlinter`` are kept, and they see what breaks them."""

from __future__ import annotations

import configparser
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

WRONG = {
    "namespace knows an engine": ("namespace.py", "from fsstore.engines import memory", "fsstore.namespace"),
    "an engine knows the handle": ("engines/memory.py", "import fsstore.namespace", "fsstore.engines"),
    "engines know each other": (
        "engines/memory.py",
        "from fsstore.engines.files import layout",
        "fsstore.engines.memory",
    ),
    "late and hidden in a function": ("engine.py", "def late():\n    from fsstore import store", "fsstore.engine"),
    "values know keys' errors only": ("errors.py", "from fsstore import values", "fsstore.errors"),
    "the store knows its runner": ("store.py", "from fsstore.runner import run_agent", "fsstore.store"),
}


def lint(directory: Path) -> subprocess.CompletedProcess[str]:
    """Run import-linter on the package that lies in a directory."""
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    environment = {**os.environ, "NO_COLOR": "1", "COLUMNS": "200"}
    return subprocess.run(command, cwd=directory, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    shutil.copytree(ROOT / "fsstore", tmp_path / "fsstore", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / ".importlinter", tmp_path)
    return tmp_path


def test_the_contracts_are_kept() -> None:
    done = lint(ROOT)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Contracts: 2 kept, 0 broken." in done.stdout


def test_the_layers_are_exhaustive() -> None:
    contracts = configparser.ConfigParser()
    contracts.read(ROOT / ".importlinter")
    layers = contracts["importlinter:contract:layers"]
    assert layers["exhaustive"] == "true"
    assert layers["containers"].split() == ["fsstore"]


def test_the_copy_is_what_is_looked_at(copied: Path) -> None:
    assert lint(copied).returncode == 0
    (copied / "fsstore" / "elsewhere.py").write_text('"""A module without a layer."""\n')
    done = lint(copied)
    assert done.returncode == 1
    assert "elsewhere" in done.stdout


@pytest.mark.parametrize(("module", "line", "importer"), WRONG.values(), ids=WRONG.keys())
def test_one_wrong_import_is_seen(copied: Path, module: str, line: str, importer: str) -> None:
    path = copied / "fsstore" / module
    path.write_text(f"{path.read_text()}\n{line}\n")
    done = lint(copied)
    assert done.returncode == 1, done.stdout
    assert f"{importer}" in done.stdout
    assert "is not allowed to import" in done.stdout
