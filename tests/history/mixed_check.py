"""Whether anything was lost or undone where agents and a person with git were at work in one store."""

from __future__ import annotations

import os

from .mixed import EVERYTHING, Act, Outcome, Write, everywhere
from .stores import StoreRepo

TOLERATED = 3
"""Git undoes others' commits by itself now and then: commit and stash read the index before they lock it."""
ON_FILES = ("edit", "checkout", "reset")
"""What replaces a file's content."""
ON_INDEX = ("add", "commit -a", "reset")
"""What replaces a staged content."""


def lost(outcome: Outcome, found: set[str]) -> list[Write | Act]:
    """Acknowledged values that are nowhere, though the person gave none of them up."""
    missing: list[Write | Act] = [
        write for write in outcome.writes if write.value not in found and not _is_given_up(write, outcome.acts)
    ]
    for number, act in enumerate(outcome.acts):
        if act.value and act.value not in found and not _is_replaced(act, outcome.acts[number + 1 :], outcome.writes):
            missing.append(act)
    return missing


def _is_replaced(staged: Act, later: list[Act], writes: list[Write]) -> bool:
    """Whether the person staged something else, before an agent wrote the key and committed what was staged first."""
    until = next((act.begun for act in later if act.key in (staged.key, EVERYTHING) and act.name in ON_INDEX), None)
    mine = [
        write
        for write in writes
        if write.key == staged.key and write.begun > staged.done and not _is_taken_away(write, later)
    ]
    return until is not None and not any(write.committed < until for write in mine)


def _is_taken_away(write: Write, acts: list[Act]) -> bool:
    """Whether the file may have been another by the time of the commit, so that what was staged was left as it is."""
    return any(
        act.key in (write.key, EVERYTHING)
        and act.name in ("move", "stash", "pop", *ON_FILES)
        and act.done >= write.begun
        and act.begun <= write.committed
        for act in acts
    )


def _is_given_up(write: Write, acts: list[Act]) -> bool:
    """Whether a command of the person may have replaced it before it was committed."""
    for act in acts:
        if act.key not in (write.key, EVERYTHING):
            continue
        if act.name in ON_FILES and act.done >= write.begun and act.begun <= write.committed:
            return True
        if act.name in ("stash", "pop") and act.done >= write.begun and act.begun <= write.done:
            return True  # written after the stash was made, and before it had cleared the files
    return False


def undone(repo: StoreRepo) -> list[str]:
    """Commits that give a file the content it had before, in place of a newer one."""
    text = repo.git("log", "--reverse", "--first-parent", "--raw", "--no-abbrev", "--no-renames", "--format=%x01%h %an")
    had: dict[str, set[str]] = {}
    found = []
    for part in text.split("\x01")[1:]:
        head, *lines = part.split("\n")
        for line in lines:
            if not line.startswith(":"):
                continue
            about, _, path = line.partition("\t")
            _, _, old, new, kind = about.split(" ")
            before = had.setdefault(path, set())
            if kind == "M" and new in before:
                found.append(f"{head}: {path} is again what it was")
            before |= {old, new}
    return found


def problems(repo: StoreRepo, outcome: Outcome) -> list[str]:
    """All that is not as it should be."""
    found = [f"an agent complained: {text}" for text in outcome.complaints]
    found += [f"lost: {each}" for each in lost(outcome, everywhere(repo))]
    if told := repo.git("fsck", "--full", "--strict", "--no-dangling", check=False):
        found.append(f"fsck: {told}")
    repo.snapshot()
    _make_certain(repo)
    found += [f"status: {line}" for line in repo.status() if line[1] != " "]
    again = undone(repo)
    return [*found, *(again if len(again) > TOLERATED else [])]


def _make_certain(repo: StoreRepo) -> None:
    """Let git look into every file that it would believe unchanged."""
    for path in (repo.root / "default").rglob("*.json"):
        os.utime(path)
