"""The whole run: in a process of its own or divided among several, with the same signals and one summary."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from typing import Any

import pytest
from faults.tally import TALLY
from hypothesis import HealthCheck, settings

IS_NIGHTLY = int(os.environ.get("FSSTORE_FAULT_ROUNDS", "1")) > 1


def pytest_configure() -> None:
    """The same examples each time, other ones each night; and interrupts interrupt.

    They do not where a run was started in the background of a shell.
    """
    slow = [HealthCheck.too_slow]  # as any machine may be
    settings.register_profile("fsstore", derandomize=not IS_NIGHTLY, database=None, suppress_health_check=slow)
    settings.load_profile("fsstore")
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """What a worker counted goes to the process that started it."""
    told: dict[str, Any] | None = getattr(session.config, "workeroutput", None)
    if told is not None:
        told["tally"] = dict(TALLY)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Add up what the workers counted."""
    TALLY.update(getattr(node, "workeroutput", {}).get("tally", {}))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Tell how many cases there were."""
    for name, count in sorted(TALLY.items()):
        terminalreporter.write_line(f"{name}: {count:,} cases")


@pytest.fixture
def let_pass(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Let so many seconds pass at once."""
    real, passed = time.time, [0.0]
    monkeypatch.setattr(time, "time", lambda: real() + passed[0])

    def let(seconds: float) -> None:
        passed[0] += seconds

    return let
