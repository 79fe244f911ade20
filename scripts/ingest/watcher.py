"""What a watcher, in a process of its own, is told while the agents work: by whom, where, and what. It changes nothing.

Run: python -m scripts.ingest.watcher STORE
It says so when it watches, and when its input ends, what it was told until then: lines of namespace, kind, author and
number of events, as one JSON list.
"""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

import fsstore

ROOT = Path(__file__).parents[2]
Told = list[tuple[str, str, str, int]]
"""Namespace, kind and author, with the number of events."""


def watch(directory: str) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # its input ends when the agents do
    told: Counter[tuple[str, str, str]] = Counter()

    def note(event: fsstore.Event) -> None:
        told[event.namespace, event.kind, event.source.agent or "hand"] += 1

    with fsstore.open(directory, create=False, read_only=True) as store, store.watch(callback=note):
        print("watching", flush=True)
        sys.stdin.read()
        store.sync()
        with contextlib.suppress(BrokenPipeError):  # whoever asked is dead
            print(json.dumps([(*what, count) for what, count in sorted(told.items())]), flush=True)


@contextlib.contextmanager
def watched(directory: str) -> Iterator[Told]:
    """What is told meanwhile: known at the end, and then complete."""
    told: Told = []
    command = [sys.executable, "-m", "scripts.ingest.watcher", str(Path(directory).resolve())]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        try:
            yield told
        finally:
            output, _ = process.communicate()
            told += json.loads(output or "[]")


def lines(told: Told) -> list[str]:
    """A line for each namespace and kind."""
    authors: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    counts: Counter[tuple[str, str]] = Counter()
    for namespace, kind, author, count in told:
        authors[namespace, kind].append(author)
        counts[namespace, kind] += count
    return [
        f"{namespace:<16}{counts[namespace, kind]:>11,} {kind} by {', '.join(by)}"
        for (namespace, kind), by in authors.items()
    ] or ["nothing: every value is as it was"]


if __name__ == "__main__":
    watch(sys.argv[1])
