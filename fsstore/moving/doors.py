"""The verbs of a store that take records elsewhere. What they do is done elsewhere, and imported when it is wanted."""

from __future__ import annotations

import os
from abc import ABC
from typing import TYPE_CHECKING, Any, BinaryIO

from fsstore.errors import ReadOnly
from fsstore.namespace import Handle

if TYPE_CHECKING:
    from fsstore.moving.counts import Exported, Imported, Progress
    from fsstore.moving.importing import OnConflict


class Movable(Handle, ABC):
    """What the handle of a whole store has."""

    __slots__ = ()

    def export_ndjson(
        self,
        target: str | os.PathLike[str] | BinaryIO,
        *,
        namespace: str | None = None,
        prefix: str | None = None,
        resume: bool = False,
        progress: Progress | None = None,
    ) -> Exported:
        """Write every key, with its metadata and its end, as a line of JSON: to a file, or to a binary stream.

        All namespaces, or one of them, and of these the keys that start with ``prefix``; sorted, so that equal stores
        give equal bytes. Files that are not in fsstore's own form, or no JSON, are in it to the byte; rules of a
        namespace (schema, TTL, index) follow its keys, unless a ``prefix`` is given. The last line says how many keys
        there are: without it the export was cut off. Who wrote what, and when, is not in it: that is the history's.

        Each key is as it was when its turn came: others may go on writing. Memory is bounded by the names in the
        largest directory. A file is written as ``PATH.partial`` and gets its name when it is whole and durable. An
        export that was interrupted, also by kill -9, leaves that; with ``resume`` the next one of the same keys goes
        on after its last whole line. ``progress(done, total)`` is told of keys.

        Raises `BadValues` at the end for files that cannot be read, and are left out; `Conflict` if somebody else
        is writing to ``target`` or ``resume`` meets another export's file; `NotAStore` for a ``target`` in a namespace
        or among a store's own files; `DiskFull` and the like.
        """
        from fsstore.moving.exporting import Export

        export = Export(self._engine, namespace, prefix, progress)
        if isinstance(target, str | os.PathLike) and _is_file_or_new(target):
            done = export.to_path(os.fspath(target), resume=resume)
        elif resume:
            raise ValueError("resume=True goes on in a file; a stream has no earlier lines to go on after")
        elif isinstance(target, str | os.PathLike):
            with open(target, "wb") as file:
                done = export.to_stream(file)
        else:
            done = export.to_stream(target)
        self._tell("export_ndjson", prefix, count=done.keys)
        return done

    def import_ndjson(
        self,
        source: str | os.PathLike[str] | BinaryIO,
        *,
        namespace: str | None = None,
        on_conflict: OnConflict = "overwrite",
        dry_run: bool = False,
        skip: int = 0,
        progress: Progress | None = None,
        durability: str | None = None,
    ) -> Imported:
        """Store what the lines of an export say, from a file or a binary stream: the same files, to the byte.

        Up to 1,000 keys are one commit, in the order of the lines. ``namespace`` stores all under that name; lines
        that name none go to this handle's. A key that is there is replaced, metadata and end included; with
        ``on_conflict`` it is left as it is ("skip"), or raises `Conflict` ("error"), unless it is the same.
        ``dry_run`` only counts.

        Whatever ends it, kill -9 included, the commits before are stored. Begin again from the start, which is cheap
        and right: what is there already is not written. Or pass over the first lines with ``skip``; errors, and the
        note of a `KeyboardInterrupt`, tell how many.
        ``progress(done, total)`` is told of bytes; the total is ``None`` for a pipe.

        An export that was cut off, also at the end of a line, or that has not as many keys as its last line says, is
        imported as far as it goes, with ``cut=True`` in what is returned; the logger ``fsstore`` says so.

        Raises `BadLine`, with line and column, and for a line that the store refuses what the store raises: all lines
        before that one are imported. `FileNotFoundError` if there is no such file.
        """
        from fsstore.moving.failures import source_name
        from fsstore.moving.importing import Import, Options

        if not dry_run:
            self._require_writing("import_ndjson")
        options = Options(self.name, namespace, on_conflict, dry_run, skip, progress)

        def commit(puts: Any) -> Any:
            return self._commit("import_ndjson", puts, durability=durability)

        work = Import(self._engine, commit, self._writer, source_name(source), options)
        if not isinstance(source, str | os.PathLike):
            return work.run(source)
        with open(source, "rb") as file:
            return work.run(file)

    def copy_namespace(self, source: str, target: str, *, overwrite: bool = False, dry_run: bool = False) -> int:
        """Copy all keys of a namespace into another one, to the byte, with metadata and ends; how many there were.

        One commit, of the source as it is at that instant. Keys that the target has beside stay; one that it has too
        raises `Conflict`, and nothing is changed, unless ``overwrite``. The rules of the source go along into a target
        that holds nothing and has none; where they differ, the values are checked by those of the target, as in `set`.
        All of it is in memory at once. ``dry_run`` only counts, and raises the same for keys.

        Raises `NotFound` for a source without keys, and the error of a file of it that cannot be read.
        """
        return self._relocate("copy_namespace", source, target, (False, overwrite, False), dry_run=dry_run)

    def move_namespace(self, source: str, target: str, *, overwrite: bool = False, dry_run: bool = False) -> int:
        """Like `copy_namespace`, and in the same commit the source is gone. Watchers are told of both."""
        return self._relocate("move_namespace", source, target, (True, overwrite, False), dry_run=dry_run)

    def rename_namespace(self, source: str, target: str, *, dry_run: bool = False) -> int:
        """Like `move_namespace`, into a namespace that must hold no key: else `Conflict`."""
        return self._relocate("rename_namespace", source, target, (True, False, True), dry_run=dry_run)

    def _relocate(self, verb: str, source: str, target: str, how: tuple[bool, bool, bool], *, dry_run: bool) -> int:
        from fsstore.moving.relocating import Relocation

        removes, overwrite, anew = how
        relocation = Relocation(source, target, removes=removes, overwrite=overwrite, anew=anew)
        if not dry_run:
            self._require_writing(verb)

        def commit(ops: Any, checked: bool) -> Any:
            return self._commit(verb, ops, checked=checked)

        return relocation.run(self._engine, commit, self._writer, dry_run=dry_run)

    def _require_writing(self, verb: str) -> None:
        """Before anything is read: a store that can only be read is told at once."""
        if reason := self._engine.capabilities.read_only:
            raise ReadOnly(f"{verb}() of a read-only store: {reason}.", reason=reason)


def _is_file_or_new(path: str | os.PathLike[str]) -> bool:
    return os.path.isfile(path) or not os.path.exists(path)
