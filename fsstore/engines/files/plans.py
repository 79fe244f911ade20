"""What a commit is going to do to each file, for its record and for the log. It looks, and changes nothing."""

from __future__ import annotations

import os

from fsstore.engines.files.atomic import READ, Tree, read_descriptor
from fsstore.engines.files.directories import Directories
from fsstore.engines.files.intents import Entry, Signature, signature
from fsstore.engines.files.log import Logged
from fsstore.engines.files.places import Place
from fsstore.engines.files.placing import Placing
from fsstore.engines.files.work import Work
from fsstore.revisions import revision as revision_of


class Edited(Exception):
    """A file was changed by hand between the look at it and its replacement."""

    def __init__(self, place: Place) -> None:
        super().__init__(place.path)
        self.place = place


class Plan:
    """A commit of several files."""

    __slots__ = ("entries", "logged", "name", "stripes", "works")

    def __init__(self, name: str, stripes: list[int], entries: list[Entry], works: list[Work]) -> None:
        self.name = name
        """Of its record."""
        self.stripes = stripes
        self.entries = entries
        self.works = works
        self.logged = -1
        """Where its record in the log begins."""


class Planning:
    """Looks at the files that the ops of a commit are about."""

    def __init__(self, tree: Tree, placing: Placing, limit: int) -> None:
        self._tree = tree
        self._placing = placing
        self._limit = limit

    def entries(self, work: Work) -> list[Entry]:
        """The files that an op changes: its value's, its sidecar's."""
        place, entries = work.place, []
        if work.sidecar is not None:
            path = self._tree.relative(place.sidecar)
            try:
                was = signature(self._tree.stat(place.sidecar))
            except (FileNotFoundError, NotADirectoryError):
                was = None
            if work.staged_sidecar or was:
                old = self._tree.new_name(place.stripe)
                entries.append(
                    Entry(
                        path,
                        work.staged_sidecar or None,
                        len(work.sidecar),
                        old,
                        was,
                        self._new(work.staged_sidecar),
                        None,
                    )
                )
        if work.staged or work.removes:
            was = None if work.status is None else signature(work.status)
            old = self._tree.new_name(place.stripe)
            size = 0 if work.raw is None else len(work.raw)
            entries.append(
                Entry(
                    place.path,
                    work.staged or None,
                    size,
                    old,
                    was,
                    self._new(work.staged),
                    (place.namespace, place.key),
                )
            )
        if work.ended:  # else observers would see what had ended without its end for an instant
            entries.reverse()
        return entries

    def _new(self, staged: str) -> Signature | None:
        """What tells a staged file from one that a person puts in its place later."""
        return signature(self._tree.stat(self._placing.temporary(staged))) if staged else None

    def logged(self, work: Work, *, power: bool) -> list[Logged]:
        """What the log says of an op; with "power" the contents, too."""
        if not (power or work.note):
            return []
        place = work.place
        content = work.kept if work.kept is not None else work.raw
        before = None if work.stored is None else revision_of(work.stored)
        after = None if content is None else revision_of(content)
        found = [Logged(place.path, after, before, content if power else None, power)]
        if work.sidecar is not None:
            path, content = self._tree.relative(place.sidecar), work.sidecar or None
            after = None if content is None else revision_of(content)
            found.append(Logged(path, after, self._revision(place.sidecar), content if power else None, power))
        return found

    def _revision(self, path: bytes) -> str | None:
        try:
            return revision_of(self._tree.read(path, 1 << 30))
        except OSError:
            return None

    def require_same(self, work: Work, directories: Directories) -> None:
        """Raise `Edited` if the file is not what it was when it was looked at."""
        stored: bytes | None = None
        exists = True
        try:
            fd = os.open(work.place.name, READ, dir_fd=directories.find(work.place.parent))
            try:
                stored = read_descriptor(fd, self._limit)
            finally:
                os.close(fd)
        except (FileNotFoundError, NotADirectoryError):
            exists = False
        except OSError:  # there, and not to be read: as before, it is to be hoped
            stored = None
        if exists != (work.status is not None) or stored != work.stored:
            raise Edited(work.place)
