"""Every test that takes ``store`` runs on each engine."""

from __future__ import annotations

import pytest

ENGINES = ("memory", "files")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """The engines are named here and nowhere else."""
    if "store" in metafunc.fixturenames:
        metafunc.parametrize("store", ENGINES, indirect=True)
