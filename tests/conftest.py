"""The whole run: in a process of its own or divided among several, with the same signals and one summary."""

from __future__ import annotations

import importlib
import os
import pkgutil
import signal
import time
from collections.abc import Callable
from typing import Any

import pytest
from coverage import Coverage
from faults.tally import TALLY
from hypothesis import HealthCheck, settings

import fsstore

IS_NIGHTLY = int(os.environ.get("FSSTORE_FAULT_ROUNDS", "1")) > 1


def pytest_configure() -> None:
    """The same examples each time, other ones each night, however long one takes; and signals are heard.

    They are not where a run was started in the background of a shell, or so that it outlives its terminal.
    """
    slow = [HealthCheck.too_slow]  # as any machine may be: and so no example has a time by which it must be done
    settings.register_profile(
        "fsstore", derandomize=not IS_NIGHTLY, database=None, deadline=None, suppress_health_check=slow
    )
    settings.load_profile("fsstore")
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if signal.getsignal(signal.SIGHUP) == signal.SIG_IGN:
        signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.fixture(scope="session", autouse=True)
def _every_module_is_imported() -> None:
    """No test is the first to import something: neither as another user, who may not read Python's own files, nor in
    several threads at once, where Python 3.11 may fail to parse what pytest has it rewrite (cpython issue 106905).

    What importing fsstore itself imports is looked at in other processes.
    """
    for module in pkgutil.walk_packages(fsstore.__path__, "fsstore."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """What a worker counted and measured goes to the process that started it, which may not wait for its end."""
    told: dict[str, Any] | None = getattr(session.config, "workeroutput", None)
    if told is not None:
        told["tally"] = dict(TALLY)
        if (measured := Coverage.current()) is not None:
            measured.save()


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
