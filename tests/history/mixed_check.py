"""Whether anything was lost or undone where agents and a person with git were at work in one store."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator

from .mixed import EVERYTHING, Act, Outcome, Write, everywhere
from .stores import StoreRepo

ON_FILES = ("edit", "checkout", "reset")
"""What replaces a file's content."""
ON_INDEX = ("add", "commit -a", "reset")
"""What replaces a staged content."""
NOTHING = "0" * 40
UNLOCKED = ("commit", "commit -a", "checkout", "stash", "pop", "reset")
"""What reads the index, or where the branch is, before it has locked it."""
AFTER_STASH = ("tag", "pop", "reset")
"""How a person goes on after a stash, until everything is back."""


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


def undone(repo: StoreRepo, outcome: Outcome) -> list[str]:
    """Commits that give a file the content it had before, in place of a newer one, and not by git's own doing.

    Git undoes others' commits by itself now and then: some commands read the index before they lock it. Those were
    under way while the content that is gone again was committed; and what they undid may be put in place once more.
    """
    had: dict[str, dict[str, str]] = {}
    excused: set[tuple[str, str]] = set()
    found = []
    for commit, path, old, new in _changed(repo):
        replaced_by = had.setdefault(path, {})
        replaced_by[old] = commit
        if new != NOTHING and (by := replaced_by.get(new)):
            if (by, path) in excused or _is_by_git(by, path, outcome):
                excused.add((commit, path))
            else:
                found.append(f"{commit}: {path} is again what it was before {by}")
    return found


def _changed(repo: StoreRepo) -> Iterator[tuple[str, str, str, str]]:
    """Commit, path, old and new content (`NOTHING` if there is none) of each file that a commit has changed."""
    text = repo.git("log", "--reverse", "--first-parent", "--raw", "--no-abbrev", "--no-renames", "--format=%x01%H")
    for part in text.split("\x01")[1:]:
        commit, *lines = part.split("\n")
        for line in lines:
            if line:
                about, _, path = line.partition("\t")
                _, _, old, new, _ = about.split(" ")
                yield commit, path, old, new


def _is_by_git(commit: str, path: str, outcome: Outcome) -> bool:
    """Whether a command that reads the index before it locks it was under way while an agent's snapshot was made."""
    made = next((snapshot for snapshot in outcome.snapshots if commit in snapshot.commits), None)
    return made is not None and any(
        key == EVERYTHING or path == f"default/{key}.json"
        for key, begun, done in _unlocked(outcome.acts)
        if begun <= made.done and done >= made.begun
    )


def _unlocked(acts: list[Act]) -> Iterator[tuple[str, float, float]]:
    """The key of each such command, when it began and when it was done; a stash is done when it has been taken back."""
    for number, act in enumerate(acts):
        if act.name in UNLOCKED:
            later = itertools.takewhile(lambda each: each.name in AFTER_STASH, acts[number + 1 :])
            yield act.key, act.begun, max(each.done for each in [act, *(later if act.name == "stash" else ())])


def problems(repo: StoreRepo, outcome: Outcome) -> list[str]:
    """All that is not as it should be."""
    found = [f"an agent complained: {text}" for text in outcome.complaints]
    found += [f"lost: {each}" for each in lost(outcome, everywhere(repo))]
    if told := repo.git("fsck", "--full", "--strict", "--no-dangling", check=False):
        found.append(f"fsck: {told}")
    repo.snapshot()
    _make_certain(repo)
    found += [f"status: {line}" for line in repo.status() if line[1] != " "]
    return [*found, *(f"undone: {each}" for each in undone(repo, outcome))]


def _make_certain(repo: StoreRepo) -> None:
    """Let git look into every file that it would believe unchanged."""
    for path in (repo.root / "default").rglob("*.json"):
        os.utime(path)
