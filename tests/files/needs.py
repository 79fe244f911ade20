"""What a test needs of the machine: without it the test is skipped, under CI it fails. It provides nothing."""

from __future__ import annotations

import os
import shutil

import pytest


def need(available: bool, reason: str) -> None:
    """Skip the test with this reason unless ``available``; where CI is set a missing need is a failure."""
    if available:
        return
    if os.environ.get("CI"):
        pytest.fail(f"CI must provide: {reason}")
    pytest.skip(reason)


def need_root() -> None:
    """The test mounts, makes devices or becomes another user."""
    need(os.geteuid() == 0, "needs root")


def need_program(name: str) -> str:
    """The full path of a program that must be installed."""
    found = shutil.which(name)
    need(found is not None, f"needs the program {name}")
    assert found is not None
    return found
