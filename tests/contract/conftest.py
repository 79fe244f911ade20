"""Run every test that takes ``store`` on each engine, and put a flaw into the engine if one is asked for."""

from __future__ import annotations

import os

import flaws
import pytest

ENGINES = ("memory", "files")


def pytest_configure() -> None:
    """``FSSTORE_TEST_FLAW=unsorted-keys pytest tests/contract`` shows which tests see that flaw."""
    if name := os.environ.get("FSSTORE_TEST_FLAW"):
        flaws.FLAWS[name].apply()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """The engines are named here and nowhere else."""
    if "store" in metafunc.fixturenames:
        metafunc.parametrize("store", ENGINES, indirect=True)
