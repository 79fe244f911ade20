"""How a snapshot comes to know what people edited: from directories, a hub that watches them, or by a sweep.

Directories tell of every change but one made in place. Those a running hub has seen; without one they are looked for
now and then, in all files. It knows which files to look at, not what has become of them.
"""

from __future__ import annotations

import time
from collections.abc import Set as AbstractSet
from typing import NamedTuple

from fsstore.engines.files.sweeping import is_recent, is_sweep_due, sweep_after
from fsstore.engines.files.worktree import WorkTree
from fsstore.history.edits import Edits
from fsstore.history.index import Index
from fsstore.history.state import State, Swept

_FEW = 2_000  # files: looked at each time where no hub watches; more of them are when a sweep is due


class Searched(NamedTuple):
    """What a search found, and what it looked at."""

    edits: Edits
    swept: Swept
    is_all: bool
    """Whether every file was looked at."""


def search(work: WorkTree, index: Index, state: State, noted: AbstractSet[str], *, verify: bool) -> Searched:
    """Find the files that may have been edited. ``verify``: look at all. ``noted`` are paths that are read anyway.

    The first search with a hub looks at all, too: from then on the hub has seen what happened.
    """
    swept, begun = state.swept, time.time()
    edited = work.edits(swept.edited) if swept.is_whole else None
    edits = Edits(work.tree, index, state.directories)
    is_due = is_sweep_due(work.settings, swept.everything, swept.edited, edited, begun)
    if verify or not state.directories or is_due:
        now = time.time()  # the hub had begun before it
        edits.search(all_files=True)
        return Searched(edits, Swept(now, now, now, edits.apart), is_all=True)
    edits.search(all_files=False)
    if edited is not None:
        edits.compare(edited.paths - noted)
        swept = swept._replace(edited=begun)
        if swept.files_apart <= _FEW or not is_recent(swept.apart, begun, sweep_after(work.settings)):
            edits.search_apart()
            swept = swept._replace(apart=begun, files_apart=edits.apart)
    return Searched(edits, swept, is_all=False)
