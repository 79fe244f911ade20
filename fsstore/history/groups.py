"""Whose changes they are: the commits that a snapshot makes, and in which order. It reads no file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from fsstore.engines.files import layout
from fsstore.engines.files.journal import Line
from fsstore.history import messages
from fsstore.history.messages import Told
from fsstore.history.objects import Entry
from fsstore.records import Author, Run

PERSON, STORE = "person", "store"
_ORDER = {STORE: 0, PERSON: 1, "agent": 2}


class Change(NamedTuple):
    """One file in one commit."""

    path: str
    old: Entry | None
    new: Entry | None

    @property
    def told(self) -> Told:
        """For the message."""
        kind = "added" if self.old is None else "removed" if self.new is None else "changed"
        return Told(self.path, *layout.record_of(self.path)[:2], kind, layout.record_of(self.path)[2])


class Group:
    """The changes of one author, in one run."""

    def __init__(self, kind: str, author: Author) -> None:
        self.kind = kind
        """``person``, ``store`` or ``agent``."""
        self.author = author
        self.changes: list[Change] = []
        self.time = 0.0
        """Of the newest change, in seconds since the epoch."""
        self.run: Run | None = None

    def message(self, wanted: str | None, trailers: tuple[tuple[str, str], ...]) -> str:
        """What the commit says."""
        told = [change.told for change in self.changes]
        first = (wanted or "").strip(" \t\r\n\0") or f"{self._who()}{messages.summary(told)}"
        keys = messages.keys_line(told)
        found = [("Keys", keys)] if keys else []
        if self.kind == "agent":
            found = [*self._of_run(), *found, *self._ending()]
        return messages.compose(first, (*found, *trailers))

    def _who(self) -> str:
        if self.kind == PERSON:
            return "by hand: "
        if self.kind == STORE:
            return "a new store: "
        failed = f" ({self.run.status})" if self.run and self.run.status not in ("ok", "running") else ""
        return f"{messages.one_line(self.author.agent or 'fsstore')}{failed}: "

    def _of_run(self) -> list[tuple[str, str]]:
        found = [
            ("Agent", self.author.agent),
            ("Run-Id", self.author.run),
            ("Parent-Run-Id", self.run.parent if self.run else None),
        ]
        return [(name, messages.quoted(value)) for name, value in found if value]

    def _ending(self) -> list[tuple[str, str]]:
        if self.run is None:
            return []
        found = [("Status", self.run.status)]
        return [*found, ("Input", self.run.input)] if self.run.input else found


class Groups:
    """Divides changes among their authors."""

    def __init__(self, asker: Author, runs: Mapping[str, Run]) -> None:
        """``asker`` wants the snapshot; ``runs`` are those under way, and those that ended since the last one."""
        self._asker = asker
        self._runs = runs
        self._groups: dict[tuple[str, Author], Group] = {}

    def waits(self, line: Line) -> bool:
        """Whether a change belongs to a run that will commit it itself."""
        run = self._runs.get(line.run or "")
        return run is not None and run.status == "running" and run.id != self._asker.run

    def add(self, line: Line | None, change: Change, mtime: float) -> None:
        """Put a change where it belongs; ``line`` is the journal's of the write, ``None`` for a person's."""
        if line is not None:
            run = self._runs.get(line.run or "")
            author = Author(run.agent if run else line.agent, line.run)
            group = self._group("agent", author)
            group.run, mtime = run, line.time
        else:
            kind = STORE if change.old is None and change.path in layout.template_names() else PERSON
            group = self._group(kind, Author())
        group.changes.append(change)
        group.time = max(group.time, mtime)

    def _group(self, kind: str, author: Author) -> Group:
        return self._groups.setdefault((kind, author), Group(kind, author))

    def ordered(self) -> list[Group]:
        """The store's own files, people's edits, then agents' changes by time."""
        return sorted(self._groups.values(), key=lambda group: (_ORDER[group.kind], group.time))

    def asked_for(self, groups: list[Group]) -> Group | None:
        """The one that a message is for: what the asker wrote, else a person, else the last."""
        own = [group for group in groups if group.kind == "agent" and group.author == self._asker]
        people = [group for group in groups if group.kind == PERSON]
        found = own or people or groups
        return found[-1] if found else None
