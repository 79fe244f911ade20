"""A main job of its own for each test."""

from __future__ import annotations

from pathlib import Path

import pytest

from .job import Job


@pytest.fixture
def job(tmp_path: Path) -> Job:
    return Job(tmp_path)
