"""Flaws that can be put into the real transactions of this process, to see that the proofs about them notice."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from fsstore.engine import Content
from fsstore.footprint import Footprint
from fsstore.gathered import Gathered
from fsstore.namespace import Handle
from fsstore.ops import Check, CheckScan, Delete, Expect, Op, Outcome, Put
from fsstore.records import Author
from fsstore.transaction import TransactionEngine

Patch = Callable[[pytest.MonkeyPatch], None]


def _nothing(*args: Any, **options: Any) -> None:
    """Instead of doing something."""


def _without(kind: type[Check] | type[CheckScan]) -> Patch:
    """Commits are not told what the transaction has read, or listed."""

    def patch_it(patch: pytest.MonkeyPatch) -> None:
        sound = TransactionEngine.finish

        def finish(self: TransactionEngine, author: Author, durability: str | None) -> None:
            commit = self._base.commit

            def less(ops: list[Op], *args: Any, **options: Any) -> list[Outcome]:
                return commit([op for op in ops if not isinstance(op, kind)], *args, **options)

            with pytest.MonkeyPatch.context() as inner:
                inner.setattr(self._base, "commit", less)
                sound(self, author, durability)

        patch.setattr(TransactionEngine, "finish", finish)

    return patch_it


def _written_keys_not_checked(patch: pytest.MonkeyPatch) -> None:
    sound = TransactionEngine._op

    def op(self: TransactionEngine, *args: Any) -> Op:
        found = sound(self, *args)
        assert isinstance(found, Put | Delete)
        return found._replace(expect=Expect.ANYTHING)

    patch.setattr(TransactionEngine, "_op", op)


def _readers_not_checked(patch: pytest.MonkeyPatch) -> None:
    sound = TransactionEngine.finish

    def finish(self: TransactionEngine, author: Author, durability: str | None) -> None:
        if self._gathered:
            sound(self, author, durability)

    patch.setattr(TransactionEngine, "finish", finish)


def _own_writes_not_seen(patch: pytest.MonkeyPatch) -> None:
    def contents(self: TransactionEngine, namespace: str, keys: Any) -> dict[str, Content]:
        return self._base.contents(namespace, keys)

    patch.setattr(TransactionEngine, "contents", contents)


def _written_at_once(patch: pytest.MonkeyPatch) -> None:
    sound = Handle._commit

    def commit(self: Handle, verb: str, ops: Any, *args: Any, **options: Any) -> list[Outcome]:
        outcomes = sound(self, verb, ops, *args, **options)
        if isinstance(self._engine, TransactionEngine):
            self._engine._base.commit(ops, Author())
        return outcomes

    patch.setattr(Handle, "_commit", commit)


FLAWS: dict[str, Patch] = {
    "reads-not-checked": _without(Check),
    "listings-not-checked": _without(CheckScan),
    "written-keys-not-checked": _written_keys_not_checked,
    "readers-not-checked": _readers_not_checked,
    "moments-not-compared": lambda patch: patch.setattr(Footprint, "_require_moment", _nothing),
    "own-writes-not-seen": _own_writes_not_seen,
    "own-writes-not-listed": lambda patch: patch.setattr(
        Gathered, "put_into", lambda self, namespace, prefix, found: found
    ),
    "written-at-once": _written_at_once,
}


@contextmanager
def flawed(name: str) -> Iterator[None]:
    """Transactions with this flaw."""
    with pytest.MonkeyPatch.context() as patch:
        FLAWS[name](patch)
        yield
