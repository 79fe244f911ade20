"""An empty directory to stand in, a store in it, and a command line to call."""

from __future__ import annotations

from pathlib import Path

import pytest

import fsstore

from .command import Command


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current directory: empty, and no environment that names another store or agent."""
    place = tmp_path.resolve()
    monkeypatch.chdir(place)
    for name in ("FSSTORE_DIR", "FSSTORE_AGENT"):
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
def cli(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Command:
    return Command(capsys, monkeypatch)
