"""Who did it: the journal's lines of a commit, and what a run has overwritten. It changes no key."""

from __future__ import annotations

import contextlib
import logging
import os
from typing import Any

from fsstore.engines.files import failures, layout
from fsstore.engines.files.access import MISSING_FILE
from fsstore.engines.files.journal import Line, author_of
from fsstore.engines.files.reader import FileReader
from fsstore.engines.files.runs import Image
from fsstore.engines.files.stripes import Stripe
from fsstore.engines.files.work import Work
from fsstore.records import Author
from fsstore.revisions import revision as revision_of

_log = logging.getLogger("fsstore")


class Noting(FileReader):
    """What a commit writes down under its locks right before it changes anything."""

    def _note(self, works: list[Work], author: Author, held: list[Stripe]) -> None:
        """Write the journal lines of what is about to be done, and keep what was, for a run that may be taken back."""
        if author.run is not None and self._runs.keeps_images(author.run):
            self._keep_images([work for work in works if work.note], author.run)
        lines: dict[int, list[dict[str, Any]]] = {}
        rare: dict[str, Any] = {"by_hand": author.by_hand, "undoing": author.undoing} if author.undoing else {}
        if len(works) > 1 and sum(1 for work in works if work.note) > 1:
            rare["commit"] = os.urandom(6).hex()
        for work in works:
            if not work.note:
                continue
            content = work.kept or work.raw
            line = {
                "op": work.note,
                "path": work.place.path,
                "revision": None if content is None else revision_of(content),
                "was": None if work.status is None else work.status.st_mtime,
                "agent": author.agent,
                "run": author.run,
                "time": work.time,
            }
            if rare:
                line |= rare
            lines.setdefault(work.place.stripe, []).append(line)
        for stripe in held:
            if of_stripe := lines.get(stripe.number):
                self._append(stripe, of_stripe)

    def _keep_images(self, works: list[Work], run: str) -> None:
        paths: dict[int, list[str]] = {}
        for work in works:
            paths.setdefault(work.place.stripe, []).append(work.place.path)
        lines: dict[str, list[Line]] = {}
        for number, of_stripe in paths.items():
            lines |= self._journal.lines_of(number, of_stripe)
        for work in works:
            self._keep_image(work, run, lines[work.place.path])

    def _keep_image(self, work: Work, run: str, lines: list[Line]) -> None:
        place = work.place
        raw = work.stored
        if raw is None and work.status is not None:
            with contextlib.suppress(*MISSING_FILE):  # removed by hand since it was looked at
                raw = self._tree.read(place.absolute, self._limit)
        try:
            sidecar = self._tree.read(place.sidecar, self._limit)
        except MISSING_FILE:
            sidecar = None
        revision, mtime = None if raw is None else revision_of(raw), work.status.st_mtime if work.status else 0.0
        author = author_of(lines, revision, mtime)._replace(undoing=run)
        self._runs.keep(run, Image(place.namespace, place.key, raw, sidecar, author), place.stripe)

    def _append(self, stripe: Stripe, lines: list[dict[str, Any]]) -> None:
        try:
            self._journal.append(stripe, lines)
        except OSError as error:
            if any(line["op"] != "delete" for line in lines):
                raise failures.other(error, self._absolute(layout.JOURNAL)) from error
            _log.warning("deleted, but not noted who did it: %s", error)  # deletes must work on a full disk
