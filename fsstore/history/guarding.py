"""What people typed that looks like a credential, before it is committed. It reads no file, and changes none."""

from __future__ import annotations

from fsstore import values
from fsstore.credentials import OFF, REFUSE, suspicion
from fsstore.engines.files import layout
from fsstore.engines.files.worktree import WorkTree
from fsstore.guards import warn_once
from fsstore.history.capture import Captured, Unreadable
from fsstore.history.objects import LINK


def guard(work: WorkTree, path: str, found: Captured | None) -> None:
    """Warn of a person's file, once; or raise `Unreadable`, each time, where the policy is to refuse.

    What is no value is not looked at.
    """
    if work.credentials == OFF or found is None or found.entry[0] == LINK:
        return
    _, key, _ = layout.record_of(path)
    try:
        seen = suspicion((key or "").rpartition(":")[2], found.raw, values.decode)
    except values.Malformed:
        return
    if seen is None:
        return
    told = f"{seen.json_path} in it looks like a credential ({seen.detector})"
    if work.credentials == REFUSE:
        raise Unreadable(f"{told}; take it out, or commit it yourself with git")
    warn_once((work.tree.root, path, *map(str, seen)), f"{work.tree.root}/{path}, edited by hand: {told}")
