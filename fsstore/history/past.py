"""The store as a commit has it: a reader of that commit's tree, so that all reading verbs work on the past."""

from __future__ import annotations

import os
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from typing import Any

from fsstore import values
from fsstore.commits import Commit
from fsstore.engine import UNREADABLE, Capabilities, Content
from fsstore.engines.files import layout
from fsstore.engines.files.doctor import bad_content, not_regular, too_large
from fsstore.engines.files.rules import parse_rules
from fsstore.engines.files.sidecars import end_of, parse
from fsstore.history.changes import Changes
from fsstore.history.contents import File, is_plain, kind_of, load, value_of
from fsstore.history.log import commit_of
from fsstore.history.objects import DIRECTORY, Entry, Objects
from fsstore.history.table import REMOVED
from fsstore.history.treekeys import keys_in, namespaces_in
from fsstore.keys import encode_namespace, path_of
from fsstore.ops import MAX_VALUE_BYTES
from fsstore.records import NO_RULES, Finding, Record, Rules, Usage, timestamp


class PastEngine:
    """A `Reader` of one commit. What it gives never changes, so that every view is consistent."""

    def __init__(self, objects: Objects, changes: Changes, commit: bytes, *, limit: int = MAX_VALUE_BYTES) -> None:
        """``commit`` is 20 bytes, ``limit`` the largest size of a value in bytes. Raises `DamagedHistory`."""
        self._objects, self._changes, self._limit = objects, changes, limit
        self._raw = objects.commit(commit)
        self.commit = commit_of(self._raw)
        """The commit as users see it."""
        self.place = f"{self.commit.id}"
        self.capabilities = Capabilities(
            read_only=f"it is the store as commit {self.commit.id[:12]} of {self.commit.time[:19]} has it"
        )
        self._known: dict[str, dict[str, Entry]] = {}

    def get(self, namespace: str, keys: Sequence[str]) -> dict[str, Any]:
        """The values of those keys that exist, or the error of reading them."""
        found = self._find(namespace, keys)
        return {key: self._value(namespace, key, entry) for key, entry in found.items()}

    def contents(self, namespace: str, keys: Sequence[str]) -> dict[str, Content]:
        """The same, with the revisions."""
        return self._contents(namespace, self._find(namespace, keys))

    def all_contents(self, namespace: str, prefix: str = "") -> dict[str, Content]:
        """All of them."""
        return self._contents(namespace, {key: self._entries(namespace)[key] for key in self.keys(namespace, prefix)})

    def _contents(self, namespace: str, found: dict[str, Entry]) -> dict[str, Content]:
        return {
            key: Content(self._value(namespace, key, entry), entry[1].hex() if is_plain(entry) else UNREADABLE)
            for key, entry in found.items()
        }

    def rules(self, namespace: str) -> Rules:
        """Those that the commit has."""
        path = f"{encode_namespace(namespace)}/{layout.RULES}"
        entry = self._objects.blob_at(self._raw.tree, path.encode())
        if entry is None:
            return NO_RULES
        return load(self._objects, entry, File(namespace, None, path, self._raw.id), self._limit, parse_rules)

    def ended(self, namespace: str | None = None) -> list[tuple[str, str]]:
        """None: what was there is there."""
        return []

    def moment(self) -> object:
        """Always the same."""
        return self.commit.id

    def has(self, namespace: str, key: str) -> bool:
        """Whether there is anything where the key's file would lie."""
        return bool(self._find(namespace, (key,)))

    def keys(self, namespace: str, prefix: str = "") -> list[str]:
        """The sorted keys."""
        return [key for key in self._entries(namespace) if key.startswith(prefix)]

    def scan(self, namespace: str, prefix: str = "", after: str | None = None) -> Iterator[tuple[str, Any]]:
        """Keys in order, each with its value, which is read when its turn comes."""
        found = self._entries(namespace)
        listed = self.keys(namespace, prefix)
        for key in listed if after is None else listed[bisect_right(listed, after) :]:
            yield key, self._value(namespace, key, found[key])

    def read_all(self, namespace: str, prefix: str = "") -> dict[str, Any]:
        """All values."""
        return dict(self.scan(namespace, prefix))

    def record(self, namespace: str, key: str) -> Record | None:
        """The record; who wrote it, and when, is what the commits say that changed it."""
        entry = self._find(namespace, (key,)).get(key)
        if entry is None:
            return None
        file = self._file(namespace, key)
        size, value = load(self._objects, entry, file, self._limit, lambda raw: (len(raw), values.decode(raw)))
        created, updated = self._origin(file.path.encode())
        sidecar = self._sidecar(file)
        end = end_of(sidecar)
        return Record(
            namespace=namespace,
            key=key,
            value=value,
            metadata=sidecar.get("metadata", {}),
            created_at=created.time,
            updated_at=updated.time,
            created_by=created.agent,
            updated_by=updated.agent,
            revision=entry[1].hex(),
            size=size,
            path=file.name,
            expires_at=None if end is None else timestamp(end),
        )

    def usage(self, namespace: str) -> Usage:
        """Number and total size of the values of a namespace. Reads them."""
        found = self._entries(namespace).values()
        sizes = [len(self._objects.blob(entry[1])) for entry in found if is_plain(entry)]
        return Usage(1 if found else 0, len(found), sum(sizes))

    def namespaces(self) -> list[str]:
        """Namespaces with at least one key."""
        found = namespaces_in(self._objects, self._raw.tree)
        return sorted(name for name, path, tree in found if any(keys_in(self._objects, tree, path)))

    def traces(self, namespace: str) -> None:
        """Nothing: what is past does not change, and is indexed nowhere."""

    def check(self, *, fix: bool = False) -> Iterator[Finding]:
        """The files of keys and of their metadata that hold no readable value. The past is not mended."""
        return self._check(self._raw.tree, "")

    def _check(self, tree: bytes, at: str) -> Iterator[Finding]:
        for name, entry in self._objects.tree(tree).items():
            path = at + os.fsdecode(name)
            if entry[0] == DIRECTORY:
                yield from self._check(entry[1], f"{path}/")
                continue
            namespace, key, is_metadata = layout.record_of(path)
            if namespace is None or key is None:
                continue
            if not is_plain(entry):
                yield not_regular(path, kind_of(entry))
            elif len(raw := self._objects.blob(entry[1])) > self._limit:
                yield too_large(path, self._limit)
            else:
                try:
                    (parse if is_metadata else values.decode)(raw)
                except values.Malformed as error:
                    yield bad_content(path, error)

    def _find(self, namespace: str, keys: Sequence[str]) -> dict[str, Entry]:
        """What lies where the keys' files would lie. Raises `InvalidName`."""
        found = {}
        for key in keys:
            entry = self._objects.blob_at(self._raw.tree, path_of(namespace, key).encode())
            if entry is not None:
                found[key] = entry
        return found

    def _value(self, namespace: str, key: str, entry: Entry) -> Any:
        return value_of(self._objects, entry, self._file(namespace, key), self._limit)

    def _file(self, namespace: str, key: str) -> File:
        return File(namespace, key, path_of(namespace, key), self._raw.id)

    def _entries(self, namespace: str) -> dict[str, Entry]:
        """All keys of a namespace, sorted, with what lies there; listed once."""
        found = self._known.get(namespace)
        if found is None:
            path = encode_namespace(namespace)
            entry = self._objects.blob_at(self._raw.tree, path.encode())
            tree = entry[1] if entry is not None and entry[0] == DIRECTORY else None
            found = self._known[namespace] = dict(sorted(keys_in(self._objects, tree, path)))
        return found

    def _sidecar(self, file: File) -> dict[str, Any]:
        """What there is beside the value. Raises `BadValue` for a damaged sidecar."""
        directory = encode_namespace(file.namespace or "")
        path = f"{directory}/{layout.META}{file.path[len(directory) :]}"
        entry = self._objects.blob_at(self._raw.tree, path.encode())
        if entry is None:
            return {}
        found: dict[str, Any] = load(self._objects, entry, file._replace(path=path), self._limit, parse)
        return found

    def _origin(self, path: bytes) -> tuple[Commit, Commit]:
        """The commits that made the key, after it was last deleted, and that changed it last."""
        view = self._changes.view(self._raw.id)
        first = last = None
        for commit, content in view.search(path):
            if content == REMOVED:
                break
            first = commit
            last = last or commit
        commits = [commit_of(self._objects.commit(each)) for each in (first, last) if each is not None]
        return (commits[0], commits[-1]) if commits else (self.commit, self.commit)  # a shallow clone
