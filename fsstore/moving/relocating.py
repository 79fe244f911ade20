"""A namespace under another name: copied, moved, renamed, in one commit. It knows no line and no file."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from fsstore.engine import Engine, Stored
from fsstore.errors import Conflict, InvalidName, NotFound, StoreError
from fsstore.keys import path_of
from fsstore.ops import Check, CheckScan, Delete, Expect, Op, Put
from fsstore.records import Author
from fsstore.revisions import revision as revision_of

Commit = Callable[[Sequence[Op], bool], object]
"""With whether what the target's rules want is to be checked."""

_ATTEMPTS = 100
"""How often it begins anew because the source was changed after it was read."""


class Relocation:
    """What is to become of a namespace."""

    def __init__(self, source: str, target: str, *, removes: bool, overwrite: bool, anew: bool) -> None:
        for name in (source, target):
            path_of(name, "")
        if source == target:
            raise InvalidName(
                f"namespace {source!r} cannot take its own place; name another target", name=target, reason="the source"
            )
        self._source, self._target = source, target
        self._removes = removes
        self._overwrite = overwrite
        self._anew = anew
        """Whether the target must hold nothing."""
        self._given: Mapping[str, Any] | None = None
        """The rules that the target got, as it had none."""

    def run(self, engine: Engine, commit: Commit, author: Author, *, dry_run: bool) -> int:
        """Do it, as the source is at one instant; how many keys there were.

        Raises `Conflict` where the target is in the way, `NotFound` for a source without keys, and the error of
        reading a file of it. The target keeps no rules of a call that fails.
        """
        try:
            return self._done(engine, commit, author, dry_run=dry_run)
        except BaseException:
            self._take_back_rules(engine, author)
            raise

    def _done(self, engine: Engine, commit: Commit, author: Author, *, dry_run: bool) -> int:
        for left in reversed(range(_ATTEMPTS)):
            found = self._read(engine)
            if dry_run:
                self._require_room(engine, found)
                return len(found)
            comes_with_rules = self._hand_over_rules(engine, author)
            try:
                commit(self._ops(found), not comes_with_rules)
            except Conflict as error:
                if error.namespace == self._target:
                    raise self._in_the_way(error.key) from None
                if not left:
                    raise
            else:
                if self._removes:
                    self._take_rules_away(engine, author)
                return len(found)
        raise AssertionError("unreachable")

    def _read(self, engine: Engine) -> dict[str, Stored]:
        """All that the source holds. The commit checks that it was so in one instant."""
        found: dict[str, Stored] = {}
        for key, stored in engine.scan_stored(self._source):
            if isinstance(stored, StoreError):
                raise stored
            found[key] = stored
        if not found:
            raise NotFound(
                f"namespace {self._source!r} holds no key. list_namespaces() shows those that do.",
                namespace=self._source,
                key="",
                prefix="",
            )
        return found

    def _ops(self, found: dict[str, Stored]) -> list[Op]:
        expect = Expect.ANYTHING if self._overwrite else Expect.ABSENT
        ops: list[Op] = [CheckScan(self._source, "", tuple(found))]
        if self._anew:
            ops.append(CheckScan(self._target, "", ()))
        for key, stored in found.items():
            revision = revision_of(stored.raw)
            ops.append(Check(self._source, key, revision, stored.metadata, ends=True, expires=stored.expires))
            ops.append(
                Put(
                    self._target,
                    key,
                    stored.raw,
                    stored.metadata or None,
                    expect,
                    anew=True,
                    exact=True,
                    expires=stored.expires,
                )
            )
            if self._removes:
                ops.append(Delete(self._source, key, revision))
        return ops

    def _hand_over_rules(self, engine: Engine, author: Author) -> bool:
        """The rules go along into a namespace that has none and holds nothing; they are there before the keys.

        Whether the two have the same rules: then values come as they are, also those that an edit has made unfit.
        """
        rules, there = engine.rules(self._source).members, engine.rules(self._target).members
        is_ours = not there or there == self._given  # an earlier attempt has handed over what was changed since
        if is_ours and there != rules and not engine.keys(self._target):
            self._given = rules
            engine.set_rules(self._target, {**dict.fromkeys(there), **rules}, author)
        return engine.rules(self._target).members == rules

    def _take_back_rules(self, engine: Engine, author: Author) -> None:
        """From a target that got no key, and whose rules nobody has changed since."""
        with contextlib.suppress(StoreError):  # what went wrong first is told
            if self._given and engine.rules(self._target).members == self._given and not engine.keys(self._target):
                engine.set_rules(self._target, dict.fromkeys(self._given), author)

    def _take_rules_away(self, engine: Engine, author: Author) -> None:
        """But for the one by which those files of the source that are left are known to be over."""
        rules = engine.rules(self._source)
        gone: dict[str, Any] = dict.fromkeys(rules.members)
        if rules.expires:
            gone["expires"] = True
        if gone:
            engine.set_rules(self._source, gone, author)

    def _require_room(self, engine: Engine, found: dict[str, Stored]) -> None:
        """Raise `Conflict` where the commit would."""
        there = engine.keys(self._target)
        if self._anew and there:
            raise self._in_the_way(there[0])
        if not self._overwrite and (clashing := sorted(found.keys() & set(there))):
            raise self._in_the_way(clashing[0])

    def _in_the_way(self, key: str) -> Conflict:
        way_out = "Choose another name, or move it there." if self._anew else "Overwrite it, or choose another target."
        what = f"namespace {self._target!r} holds keys already, {key!r} for one"
        if not self._anew:
            what = f"key {key!r} of namespace {self._target!r} exists already"
        return Conflict(
            f"{what}. Nothing was changed. {way_out}", namespace=self._target, key=key, expected=None, actual=None
        )
