"""What people typed that looks like a credential, before it is committed. It reads no file, and changes none."""

from __future__ import annotations

from fsstore.credentials import suspicion
from fsstore.engines.files import layout
from fsstore.engines.files.worktree import WorkTree
from fsstore.guards import meaning, warn_once
from fsstore.history.capture import Captured, Unreadable
from fsstore.records import OFF, REFUSE


def guard(work: WorkTree, path: str, found: Captured) -> None:
    """Warn of a person's file, once; or raise `Unreadable`, each time, where the policy is to refuse.

    Of what is no value, which a commit takes as it is, the text is looked at.
    """
    if work.credentials == OFF:
        return
    _, key, _ = layout.record_of(path)
    seen = suspicion(key or "", found.raw, meaning)
    if seen is None:
        return
    told = f"{seen.json_path} in it looks like a credential ({seen.detector})"
    if work.credentials == REFUSE:
        raise Unreadable(f"{told}; take it out, or commit it yourself with git")
    warn_once((work.tree.root, path, *map(str, seen)), f"{work.tree.root}/{path}, edited by hand: {told}")
