"""What a transaction has read: revisions, metadata, ends and names, to be checked as it commits. It writes nothing."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any

from fsstore.engine import Content, Reader
from fsstore.errors import Conflict
from fsstore.ops import Check, CheckScan, Op, require_end, require_expected, require_metadata, require_names
from fsstore.records import Record, seconds_of

Name = tuple[str, str]
"""Namespace and key."""


class Footprint:
    """The reads of one transaction on the reader below it.

    What is read is compared with what was read before whenever a commit of several keys came between, so that nobody
    decides on half of one.
    """

    def __init__(self, base: Reader) -> None:
        self._base = base
        self._moment = base.moment()
        self._reads: dict[Name, str | None] = {}
        self._records: dict[Name, Check] = {}
        """What the metadata and the ends must be of keys of which they were read."""
        self._scans: dict[tuple[str | None, str], tuple[str, ...]] = {}
        self._found_stale = False

    def revision(self, name: Name) -> tuple[bool, str | None]:
        """Whether the key was read, and the revision that it had (``None``: no such key)."""
        return name in self._reads, self._reads.get(name)

    def knows(self, name: Name) -> bool:
        """Whether it was read, or listed whether it exists."""
        return name in self._reads or any(of == name[0] and name[1].startswith(prefix) for of, prefix in self._scans)

    def add(self, namespace: str, keys: Iterable[str], found: dict[str, Content]) -> None:
        """Remember what these keys are. Raises `Conflict` if one is not what it was."""
        for key in keys:
            actual = found[key].revision if key in found else None
            before = self._reads.setdefault((namespace, key), actual)
            self._must(require_expected, namespace, key, before, actual)
        self._require_moment()

    def add_record(self, record: Record) -> None:
        """Remember a record's metadata, too, and when it ends by itself."""
        name, end = (record.namespace, record.key), _end(record)
        read = Check(*name, record.revision, record.metadata, ends=True, expires=end)
        before = self._records.setdefault(name, read)
        self._must(require_metadata, before, record.metadata)
        self._must(require_end, before, end)

    def add_names(self, namespace: str | None, prefix: str, names: Sequence[str]) -> None:
        """Remember which keys (or namespaces) there are."""
        before = self._scans.setdefault((namespace, prefix), tuple(names))
        self._must(require_names, CheckScan(namespace, prefix, before), names)
        self._require_moment()

    def checks(self, written: Collection[Name]) -> list[Op]:
        """What must still be so; a revision of what is written itself is for its write to expect."""
        checks: list[Op] = [
            self._records.get(name) or Check(*name, revision)
            for name, revision in self._reads.items()
            if name not in written or name in self._records
        ]
        checks += [CheckScan(namespace, prefix, names) for (namespace, prefix), names in self._scans.items()]
        return checks

    def is_stale(self) -> bool:
        """Whether something that was read is not as it was, or was not when it was read again."""
        if self._found_stale:
            return True
        try:
            self.validate()
        except Conflict:
            return True
        return False

    def validate(self) -> None:
        """Raise `Conflict` unless all that was read is as it was: then it was so at one instant."""
        by_namespace: dict[str, list[str]] = {}
        for namespace, key in self._reads:
            by_namespace.setdefault(namespace, []).append(key)
        for namespace, keys in by_namespace.items():
            found = self._base.contents(namespace, keys)
            for key in keys:
                actual = found[key].revision if key in found else None
                require_expected(namespace, key, self._reads[namespace, key], actual)
        for (namespace, key), read in self._records.items():
            record = self._base.record(namespace, key)
            require_metadata(read, {} if record is None else record.metadata)
            require_end(read, None if record is None else _end(record))
        for (of, prefix), names in self._scans.items():
            now = self._base.namespaces() if of is None else self._base.keys(of, prefix)
            require_names(CheckScan(of, prefix, names), now)

    def _must(self, require: Callable[..., None], *args: Any) -> None:
        """What was read is as it was when it was read first; else all is in vain, also if it comes back."""
        try:
            require(*args)
        except Conflict:
            self._found_stale = True
            raise

    def _require_moment(self) -> None:
        """All that was read is of one moment, or it is read again and found the same."""
        while (now := self._base.moment()) != self._moment:
            self._must(self.validate)
            self._moment = now


def _end(record: Record) -> float | None:
    return None if record.expires_at is None else seconds_of(record.expires_at)
