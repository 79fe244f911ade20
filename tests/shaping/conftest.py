"""Every test that takes ``store`` runs on each engine; scratch directories, and the tools that disturb a process."""

from __future__ import annotations

import pytest
from faults.conftest import _no_process_stays, scratch, strace

__all__ = ["_no_process_stays", "scratch", "strace"]
ENGINES = ("memory", "files")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """The engines are named here and nowhere else."""
    if "store" in metafunc.fixturenames:
        metafunc.parametrize("store", ENGINES, indirect=True)
