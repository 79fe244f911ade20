"""What a watcher of the store is told while the agents work: by whom, where, and what. It changes nothing."""

from __future__ import annotations

import contextlib
from collections import Counter, defaultdict
from collections.abc import Iterator

import fsstore

Told = Counter[tuple[str, str, str]]
"""How many events there were of each namespace, kind and author."""


@contextlib.contextmanager
def watched(store: fsstore.Store) -> Iterator[Told]:
    """Count what is told meanwhile; at the end all that has happened is in it."""
    told: Told = Counter()

    def note(event: fsstore.Event) -> None:
        told[event.namespace, event.kind, event.source.agent or "hand"] += 1

    with store.watch(callback=note):
        yield told
        store.sync()


def lines(told: Told) -> list[str]:
    """A line for each namespace and kind."""
    authors: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    counts: Counter[tuple[str, str]] = Counter()
    for (namespace, kind, author), count in sorted(told.items()):
        authors[namespace, kind].append(author)
        counts[namespace, kind] += count
    return [
        f"{namespace:<16}{counts[namespace, kind]:>11,} {kind} by {', '.join(by)}"
        for (namespace, kind), by in authors.items()
    ] or ["nothing: every value is as it was"]
