"""The commits of one snapshot, made one upon the other. Nothing is written."""

from __future__ import annotations

import os
import time
from typing import NamedTuple

from fsstore.commits import Commit, make_commit
from fsstore.history.groups import PERSON, Group
from fsstore.history.identity import STORE, STORE_ADDRESS, of_agent, of_person, signature
from fsstore.history.objects import Entry, Signature, commit_content
from fsstore.history.packing import Record, record_of
from fsstore.history.packs import Object, object_id
from fsstore.history.refs import Head
from fsstore.history.repository import Repository
from fsstore.history.trees import splice


class Made(NamedTuple):
    """A commit that is ready."""

    id: bytes
    parent: bytes | None
    changes: dict[bytes, Entry | None]
    commit: Commit


class Making:
    """Commits on top of a head."""

    def __init__(self, repository: Repository, head: Head, tree: bytes | None, records: dict[bytes, Record]) -> None:
        """``tree`` is that of the head; ``records`` gets the objects that are new."""
        self._repository, self._objects, self._records = repository, repository.objects, records
        self.parent, self.tree = head.commit, tree
        """The newest commit so far, and its tree."""
        self.made: list[Made] = []
        self.committer = signature(STORE, STORE_ADDRESS, time.time())

    def add(self, group: Group, message: str | None, trailers: tuple[tuple[str, str], ...]) -> None:
        """Make the commit of one author's changes."""
        changes = {os.fsencode(change.path): change.new for change in group.changes}
        objects: dict[bytes, Object] = {}
        tree, parent = splice(self._objects, self.tree, changes, objects) or _empty(objects), self.parent
        text, author = group.message(message, trailers), self._author(group)
        raw = commit_content(tree, parent, author, self.committer, text)
        oid = object_id(b"commit", raw)
        objects[oid] = (b"commit", raw)
        self._records |= {name: record_of(name, *content) for name, content in objects.items()}
        parents = () if parent is None else (parent,)
        commit = make_commit(oid, parents, author.name, author.email, author.time, text)
        self.made.append(Made(oid, parent, changes, commit))
        self.parent, self.tree = oid, tree

    def _author(self, group: Group) -> Signature:
        now = self.committer.time
        if group.kind == PERSON:
            return signature(*of_person(self._repository.directory), min(group.time or now, now))
        return signature(*of_agent(group.author.agent), now) if group.kind == "agent" else self.committer


def _empty(objects: dict[bytes, Object]) -> bytes:
    """The tree of nothing."""
    oid = object_id(b"tree", b"")
    objects[oid] = (b"tree", b"")
    return oid
