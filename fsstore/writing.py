"""The writing of single keys and of their ends, and the one way in which all verbs commit. It knows no file."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from fsstore import values
from fsstore.engine import Engine, Reader
from fsstore.errors import InvalidValue, ReadOnly, UnsupportedType
from fsstore.guards import guarded
from fsstore.ops import MISSING, Delete, Expect, Expire, Op, Outcome, Put
from fsstore.reading import OpsHook, ReadHandle
from fsstore.records import NO_RULES, Rules, seconds_of, timestamp

if TYPE_CHECKING:
    from fsstore.locks import Lock

_SWEPT_AT_ONCE = 1000
_LONGEST = 1e12
"""Seconds: the year 9999 is nearer, the last one of a date."""


class WriteHandle(ReadHandle):
    """The records of one namespace, to be read, and written one at a time."""

    __slots__ = ("_ttl",)
    _engine: Engine

    def __init__(
        self,
        engine: Reader,
        name: str,
        *,
        agent: str | None,
        run: str | None,
        ops: OpsHook | None,
        ttl: float | None = None,
    ) -> None:
        super().__init__(engine, name, agent=agent, run=run, ops=ops)
        require_lasting(ttl)
        self._ttl = ttl

    def set(
        self,
        key: str,
        value: Any,
        metadata: Mapping[str, Any] | None = None,
        *,
        ttl: float | None = None,
        if_match: str | None = None,
        lease: Lock | None = None,
        durability: str | None = None,
    ) -> None:
        """Store ``value``; ``metadata`` is merged over what the record had. An equal value is not written again.

        ``ttl`` is how many seconds the key lasts from now; ``None`` is the handle's, else the namespace's, else for
        ever, as is ``math.inf``: an earlier end does not count any more. What has ended is missing to every verb.
        ``if_match`` is the revision that the key must have (`info` gives it), else `Conflict` is raised. With a
        ``lease`` nothing is written once it has expired or is somebody else's (`LeaseLost`); writes without
        it are not stopped by it. Raises `UnsupportedType` or `InvalidValue`, with the place in the value, for what JSON
        could not give back. Whatever is raised, the old value stays.
        """
        rules = self._engine.rules(self.name)
        put = self._put(key, value, metadata, _expected(if_match), self._end(ttl, rules))
        self._commit("set", [put], key=key, value=value, lease=lease, durability=durability, rules=rules)

    def create(
        self,
        key: str,
        value: Any,
        metadata: Mapping[str, Any] | None = None,
        *,
        ttl: float | None = None,
        lease: Lock | None = None,
        durability: str | None = None,
    ) -> None:
        """Store ``value`` under a key that must not exist. Raises `Conflict` if it does. ``ttl`` as in `set`."""
        rules = self._engine.rules(self.name)
        put = self._put(key, value, metadata, Expect.ABSENT, self._end(ttl, rules))
        self._commit("create", [put], key=key, value=value, lease=lease, durability=durability, rules=rules)

    def delete(
        self, key: str, *, if_match: str | None = None, lease: Lock | None = None, durability: str | None = None
    ) -> bool:
        """Remove ``key`` and its metadata; was it there? Works on a full disk. ``if_match`` as in `set`."""
        op = Delete(self.name, key, _expected(if_match))
        return self._commit("delete", [op], key=key, lease=lease, durability=durability) == [Outcome.DELETED]

    # -- when a key ends by itself -----------------------------------------------------------------

    def expires(self, key: str) -> str | None:
        """When ``key`` ends by itself: ISO 8601, UTC; ``None`` if it does not. Raises `NotFound`."""
        return self.info(key).expires_at

    def touch(self, key: str, ttl: float | None = None, *, durability: str | None = None) -> bool:
        """Let ``key`` last so many seconds from now, as `set` would; was it there? Its value is not written."""
        end = self._end(ttl, NO_RULES if ttl is not None else self._engine.rules(self.name))
        return self._expire("touch", key, end, durability)

    def persist(self, key: str, *, durability: str | None = None) -> bool:
        """Let ``key`` last for ever; was it there?"""
        return self._expire("persist", key, None, durability)

    def _expire(self, verb: str, key: str, end: float | None, durability: str | None) -> bool:
        outcomes = self._commit(verb, [Expire(self.name, key, end)], key=key, durability=durability)
        return outcomes != [Outcome.MISSING]

    def sweep(self, *, dry_run: bool = False, durability: str | None = None) -> int:
        """Remove what is left of the keys that have ended by themselves; how many this call removed.

        They are missing before, too: this gives back the space, and takes their files from people's eyes. Reads the
        metadata of all keys that may end. Not one commit, but as many as there are thousands of keys; so a transaction
        raises `Unsupported`. What is set anew or touched meanwhile stays. ``dry_run`` only counts.
        """
        return self._sweep(self.name, durability, dry_run=dry_run)

    def _sweep(self, namespace: str | None, durability: str | None, *, dry_run: bool) -> int:
        if self._engine.capabilities.read_only and not dry_run:
            raise self._read_only("sweep")
        ended = self._engine.ended(namespace)
        if dry_run:
            return len(ended)
        swept = 0
        for first in range(0, len(ended), _SWEPT_AT_ONCE):
            deletes = [Delete(*name, ended=True) for name in ended[first : first + _SWEPT_AT_ONCE]]
            swept += self._commit("sweep", deletes, durability=durability).count(Outcome.DELETED)
        return swept

    def _end(self, ttl: float | None, rules: Rules) -> float | None:
        """When a key ends that is set now, in seconds since the epoch."""
        if ttl is None:
            ttl = self._ttl
            if ttl is None and (rules is NO_RULES or (ttl := rules.ttl) is None):
                return None
        require_lasting(ttl)
        if ttl == math.inf:
            return None
        return seconds_of(timestamp(time.time() + min(ttl, _LONGEST)))  # just as it is written down

    # -- how ---------------------------------------------------------------------------------------

    def _put(
        self, key: str, value: Any, metadata: Any, expect: Expect | str = Expect.ANYTHING, end: float | None = None
    ) -> Put:
        raw = self._encode(value, "", key)
        if metadata is None:
            return Put(self.name, key, raw, None, expect, expires=end)
        if not isinstance(metadata, Mapping):
            what = type(metadata).__name__
            raise UnsupportedType(f"the metadata of key {key!r} is a dict, not {what}", json_path="$", type_name=what)
        given = values.decode(self._encode(dict(metadata), "the metadata of ", key))
        return Put(self.name, key, raw, given, expect, expires=end)

    def _encode(self, value: Any, what: str, key: str) -> bytes:
        try:
            return values.encode(value)
        except (UnsupportedType, InvalidValue) as error:
            message = f"{what}key {key!r} of namespace {self.name!r} was not set: {error}"
            raise type(error)(message, **error.__dict__) from None

    def _commit(
        self,
        verb: str,
        ops: Sequence[Op],
        key: str | None = None,
        value: Any = MISSING,
        found: bool | None = None,
        lease: Lock | None = None,
        durability: str | None = None,
        checked: bool = True,
        rules: Rules | None = None,
    ) -> list[Outcome]:
        """Check the ops by the rules of their namespaces, and commit them.

        ``rules`` are those of this namespace, where the ops are about no other, and they have just been read.
        """
        capabilities = self._engine.capabilities
        if capabilities.read_only:
            raise self._read_only(verb)
        if durability is not None:
            capabilities.require_durability(durability)
        claim = None if lease is None else lease.claim
        if checked and (rules is not NO_RULES or capabilities.credentials != "off"):
            ops = guarded(self._engine, ops)
        outcomes = self._engine.commit(ops, self._writer, durability=durability, claim=claim)
        if self._ops is not None:
            if len(ops) == 1 and found is None:
                found = outcomes[0] not in (Outcome.CREATED, Outcome.MISSING)
            count = sum(outcome not in (Outcome.MISSING, Outcome.HELD) for outcome in outcomes)
            self._tell(verb, key, found=found, count=count, value=value)
        return outcomes

    def _read_only(self, verb: str) -> ReadOnly:
        reason = self._engine.capabilities.read_only
        return ReadOnly(f"{verb}() on namespace {self.name!r} of a read-only store: {reason}.", reason=reason)


def require_lasting(ttl: float | None) -> None:
    """Raise `ValueError` for what is no time that a key can last."""
    if ttl is not None and (isinstance(ttl, bool) or not isinstance(ttl, int | float) or not ttl > 0):
        raise ValueError(f"ttl={ttl!r} is no number of seconds above 0; math.inf is for ever, None the default")


def _expected(if_match: Any) -> Expect | str:
    if if_match is None:
        return Expect.ANYTHING
    if isinstance(if_match, str):
        return if_match
    what = type(if_match).__name__
    raise UnsupportedType(
        f"if_match is a revision, a str, not {what}; info(key).revision is one", json_path="$", type_name=what
    )
