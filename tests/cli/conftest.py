"""An empty directory to stand in, a store in it, and a command line to call."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

import fsstore

from .command import Command


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current directory: empty, and no environment that names another store or agent."""
    place = tmp_path.resolve()
    monkeypatch.chdir(place)
    for name in ("FSSTORE_DIR", "FSSTORE_AGENT", "FSSTORE_RUN"):
        monkeypatch.delenv(name, raising=False)
    return place


@pytest.fixture
def directory(place: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A store, and the current directory."""
    directory = place / "state"
    fsstore.open(directory).close()
    monkeypatch.chdir(directory)
    return directory


@pytest.fixture
def past(directory: Path) -> Path:
    """The store with a history: a run of the planner, an edit by Ada, and a run of the cleaner."""
    with fsstore.open(directory) as store:
        with store.run(agent="planner", run_id="run-1") as data_store:
            data_store.set("greeting", {"text": "hello\nworld\nend\n", "n": 1})
            data_store.set("gone", [1])
            data_store.use_namespace("a:b").set("x y", "q")
        for setting in (("user.name", "Ada"), ("user.email", "ada@example.org")):
            subprocess.run(["git", "config", *setting], cwd=directory, check=True)
        (directory / "default" / "greeting.json").write_text('{"text": "hello\\nWorld\\nend\\n", "n": 1}')
        store.snapshot(verify=True)
        with store.run(agent="cleaner", run_id="run-2") as data_store:
            data_store.delete("gone")
            data_store.merge("greeting", {"m": [True, None]})
    return directory


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Command:
    return Command(capsys, monkeypatch)
