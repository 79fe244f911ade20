"""What a transaction is to write, and what keys will be by it: values, metadata, ends. It reads no store."""

from __future__ import annotations

import time
from typing import Any, NamedTuple

from fsstore import values
from fsstore.engine import Content
from fsstore.keys import path_of
from fsstore.ops import Delete, Expect, Expire, Op, Put, Update
from fsstore.records import Record, timestamp
from fsstore.revisions import revision as revision_of

Name = tuple[str, str]
"""Namespace and key."""


class Written(NamedTuple):
    """What is to be written of a key."""

    raw: bytes | None
    """``None``: the key is removed."""
    metadata: dict[str, Any]
    anew: bool
    """Whether the record before it was removed in the same transaction."""
    expires: float | None = None
    """When it ends by itself, in seconds since the epoch."""
    keeps: bool = False
    """Whether it ends when it would have."""


class Gathered:
    """The writes of one transaction, of each key the last."""

    __slots__ = ("_ends", "writes")

    def __init__(self, of: Gathered | None = None) -> None:
        """Nothing yet, or a copy to come back to."""
        self.writes: dict[Name, Written] = {} if of is None else of.writes.copy()
        """The keys that are written or removed."""
        self._ends: dict[Name, float | None] = {} if of is None else of._ends.copy()
        """When keys that are not written are to end by themselves."""

    def __bool__(self) -> bool:
        return bool(self.writes or self._ends)

    # -- gathering ---------------------------------------------------------------------------------

    def put(self, op: Put, *, exists: bool) -> None:
        """A value, over what was to be written before."""
        before = self.writes.get((op.namespace, op.key))
        removed = before is not None and before.raw is None
        metadata = {**(before.metadata if before is not None else {}), **(op.metadata or {})}
        anew = op.anew or removed or (before is not None and before.anew)
        self.writes[op.namespace, op.key] = Written(op.raw, metadata, anew or not exists, op.expires, op.keeps)
        self._ends.pop((op.namespace, op.key), None)

    def remove(self, name: Name) -> None:
        """No value."""
        self.writes[name] = Written(None, {}, anew=False)
        self._ends.pop(name, None)

    def end(self, name: Name, end: float | None) -> None:
        """Another end for a key that is there."""
        if name in self.writes:
            self.writes[name] = self.writes[name]._replace(expires=end, keeps=False)
        else:
            self._ends[name] = end

    def updated(self, op: Update, raw: bytes, *, exists: bool) -> Put:
        """What an update writes: a key that is there ends when it would have."""
        name = op.namespace, op.key
        put = Put(*name, raw, expires=op.expires)
        if not exists:
            return put
        if name in self._ends:
            return put._replace(expires=self._ends[name])
        own = self.writes.get(name)
        return put._replace(keeps=True) if own is None else put._replace(expires=own.expires, keeps=own.keeps)

    # -- what it makes of keys ---------------------------------------------------------------------

    def content(self, name: Name) -> Content | None:
        """What is to be written of a key; ``None`` if nothing is, or it is removed."""
        written = self.writes.get(name)
        if written is None or written.raw is None:
            return None
        return Content(values.decode(written.raw), revision_of(written.raw))

    def put_into(self, namespace: str, prefix: str, found: dict[str, Any]) -> dict[str, Any]:
        """A listing as it will be."""
        for of_namespace, key in self.writes:
            if of_namespace == namespace and key.startswith(prefix):
                content = self.content((namespace, key))
                if content is None:
                    found.pop(key, None)
                else:
                    found[key] = content
        return found

    def record(self, namespace: str, key: str, below: Record | None) -> Record | None:
        """A record as it will be, by what it is."""
        written = self.writes.get((namespace, key))
        if written is None:
            changed = below is not None and (namespace, key) in self._ends
            return below._replace(expires_at=_time(self._ends[namespace, key])) if below and changed else below
        if written.raw is None:
            return None
        now = timestamp(time.time())
        new = Record(
            namespace, key, None, {}, now, now, None, None, "", 0, f"(not committed)/{path_of(namespace, key)}"
        )
        old = new if below is None or written.anew else below
        return old._replace(
            value=values.decode(written.raw),
            metadata={**old.metadata, **written.metadata},
            updated_at=now,
            revision=revision_of(written.raw),
            size=len(written.raw),
            expires_at=old.expires_at if written.keeps else _time(written.expires),
        )

    # -- what is to be committed -------------------------------------------------------------------

    def op(self, name: Name, expect: Expect | str) -> Op:
        """The op for a key that is written or removed."""
        written = self.writes[name]
        if written.raw is None:
            return Delete(*name, expect)
        metadata = written.metadata or None
        put = Put(*name, written.raw, metadata, expect, written.anew, expires=written.expires)
        return put._replace(keeps=True) if written.keeps else put

    def ends(self) -> list[Op]:
        """The ops for the keys of which nothing but the end is another."""
        return [Expire(*name, end) for name, end in self._ends.items()]


def _time(end: float | None) -> str | None:
    return None if end is None else timestamp(end)
