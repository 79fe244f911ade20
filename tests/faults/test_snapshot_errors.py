"""An error at every system call of a snapshot: typed, nothing lost, nothing left behind, and the next one goes on."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from fsstore import Store

from .disturbed import ERRORS, ROUNDS
from .flaws import flawed
from .repositories import ACTS, Act, Ground
from .tally import TALLY
from .test_errors_injected import open_files
from .traced import Call

pytestmark = pytest.mark.usefixtures("strace")


def failures(ground: Ground, cases: list[tuple[Call, str]]) -> Iterator[str]:
    """What goes wrong when these calls fail with these errors."""
    for call, error in cases:
        TALLY["errors in snapshots"] += 1

        def after(store: Store) -> None:
            """In the process that met the error: what it left open, and its own next snapshot."""
            kept = ("/gate", "/users", ".ndjson", "/changes", ".pack")  # libgit2's close when its error is forgotten
            with contextlib.suppress(OSError):  # some runs are a call shorter, so that it comes only here
                leaked = [path for path in open_files(ground.root) if not path.endswith(kept)]
                assert not leaked, f"leaked {leaked}"
            store.snapshot()

        ended = ground.run(f"{call.name}:error={error}:when={call.nth}", after)
        kind, _, text = ended.answer.partition(": ")
        if kind != "ok" and not kind.startswith("fsstore.errors."):
            yield f"{call} {error}: {kind}: {text}"
        elif wrong := ground.complaint():
            yield f"{call} {error}: {wrong}"


def cases(ground: Ground) -> list[tuple[Call, str]]:
    """Every call with every error that it may be answered with; those that only read too.

    Not the reading of the configuration, which libgit2 does: where that fails, the person is unknown.
    """
    calls = [call for call in ground.calls(all_opens=True) if "/.git/config" not in call.arguments]
    return [(call, error) for call in calls for error in ERRORS.get(call.name, [])]


@pytest.mark.parametrize("act", ACTS, ids=lambda act: act.name)
def test_an_error_at_every_call(act: Act, scratch: Path) -> None:
    ground = Ground(scratch, act)
    found = cases(ground)
    assert len(found) >= 100
    assert list(failures(ground, found[:: 1 if ROUNDS > 1 else 61])) == []


@pytest.mark.parametrize(
    ("name", "path"),
    [("taken-back-when-it-is-too-late", '/index.lock", '), ("unreadable-forgotten", "/default/b.json")],
)
def test_flaws_are_seen(name: str, path: str, scratch: Path) -> None:
    with flawed(name):
        ground = Ground(scratch, ACTS[0])
        chosen = [
            (call, error) for call, error in cases(ground) if path in call.arguments and error in ("EIO", "EACCES")
        ]
        assert chosen
        assert next(failures(ground, chosen), None) is not None
