"""Every test that takes ``store`` runs on each engine; time passes when a test says so."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

Pass = Callable[[float], None]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """The engines are named here and nowhere else."""
    if "store" in metafunc.fixturenames:
        metafunc.parametrize("store", ("memory", "files"), indirect=True)


@pytest.fixture
def let_pass(monkeypatch: pytest.MonkeyPatch) -> Pass:
    """Let so many seconds pass at once."""
    real, passed = time.time, [0.0]
    monkeypatch.setattr(time, "time", lambda: real() + passed[0])

    def let(seconds: float) -> None:
        passed[0] += seconds

    return let
