"""Flaws that can be put into the snapshots of this process, each one switch."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from typing import Any

import pytest

from fsstore.engines.files.atomic import discard
from fsstore.history import publish, stale
from fsstore.history.captures import Captures
from fsstore.history.history import History
from fsstore.history.index import Index
from fsstore.history.objects import Signature
from fsstore.history.packing import write_pack
from fsstore.history.publish import Publisher
from fsstore.history.refs import Head
from fsstore.history.stale import take


class _KeepsTheIndex:
    """The module ``os``, but that no file replaces the index."""

    def __getattr__(self, name: str) -> Any:
        return getattr(os, name)

    @staticmethod
    def rename(old: bytes, new: bytes) -> None:
        if new.endswith(b"/.git/index") and os.path.exists(new):
            os.unlink(old)
        else:
            os.rename(old, new)


def _branch_before_the_lock(patch: pytest.MonkeyPatch) -> None:
    def move(
        self: Publisher,
        head: Head,
        commits: list[tuple[bytes, str]],
        old: Index,
        new: Index,
        who: Signature,
        *,
        sync: bool,
    ) -> None:
        staged = self._tree.absolute(f"fsstore/index.{commits[-1][0].hex() if commits else 'refreshed'}")
        self._tree.stage(staged, new.data, sync=sync)
        if commits:
            self._refs.move(head, commits, who, sync=sync, timeout=1)
        take(self._tree.absolute("index.lock"), staged, 1)
        os.rename(self._tree.absolute("index.lock"), self._tree.absolute("index"))
        os.rename(staged, self._tree.absolute("fsstore/index"))

    patch.setattr(Publisher, "move", move)


def _taken_back(patch: pytest.MonkeyPatch) -> None:
    def finish(self: Publisher, staged: str) -> None:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self._tree.absolute("index.lock"))
        discard(self._tree.absolute(staged))

    patch.setattr(Publisher, "_finish", finish)


def _pack_not_synced(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(publish, "write_pack", lambda tree, records, sync: write_pack(tree, records, sync=False))


SNAPSHOT_FLAWS: dict[str, Callable[[pytest.MonkeyPatch], None]] = {
    "index-not-replaced": lambda patch: patch.setattr(publish, "os", _KeepsTheIndex()),
    "branch-before-the-lock": _branch_before_the_lock,
    "no-lock-is-stale": lambda patch: patch.setattr(stale.Watched, "remove_if_stale", lambda self: False),
    "nobody-at-work": lambda patch: patch.setattr(stale, "_is_git_at_work", lambda directory: False),
    "pack-not-synced": _pack_not_synced,
    "index-not-caught-up": lambda patch: patch.setattr(Publisher, "catch_up", lambda self, tip, earlier: None),
    "no-recovery-after-a-cut": lambda patch: patch.setattr(History, "recover", lambda self: None),
    "taken-back-when-it-is-too-late": _taken_back,
    "unreadable-forgotten": lambda patch: patch.setattr(Captures, "_leave_out", lambda self, path, error: None),
    "no-recovery-of-snapshots": lambda patch: patch.setattr(Publisher, "recover", lambda self: None),
}
