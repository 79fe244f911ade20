"""Lines into a store, many keys a commit. It knows no form of a line, and no file but the one it reads."""

from __future__ import annotations

import contextlib
import io
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, BinaryIO, Literal, NamedTuple, NoReturn

from fsstore.engine import Engine, Stored
from fsstore.errors import Conflict, StoreError, UnsupportedType
from fsstore.keys import path_of
from fsstore.moving.counts import Imported, Progress
from fsstore.moving.failures import Failures
from fsstore.moving.fitting import has_rules, is_same, is_there, put, require_sense
from fsstore.moving.framing import Framing
from fsstore.moving.lines import End, Entry, Header, Ruling, read_line
from fsstore.ops import Outcome, Put
from fsstore.records import Author
from fsstore.values import Malformed

OnConflict = Literal["overwrite", "skip", "error"]
Commit = Callable[[Sequence[Put]], list[Outcome]]

BATCH = 1000
"""So many keys at most are one commit."""
_BATCH_BYTES = 8 * 1024 * 1024
_LINE_BYTES = 512 * 1024 * 1024
_ATTEMPTS = 20
"""How often a commit begins anew because others write the same keys; the last time it asks nobody."""
_BOM = b"\xef\xbb\xbf"


class Options(NamedTuple):
    """How lines are to be imported."""

    default: str
    """The namespace of lines that name none."""
    renamed: str | None
    """The namespace for all lines."""
    on_conflict: OnConflict
    dry_run: bool
    skip: int
    progress: Progress | None


class _Planned(NamedTuple):
    puts: list[Put]
    created: int
    updated: int
    unchanged: int
    skipped: int


class Import:
    """One import: what it has read, and what became of it."""

    def __init__(self, engine: Engine, commit: Commit, author: Author, source: str, options: Options) -> None:
        if options.on_conflict not in ("overwrite", "skip", "error"):
            raise ValueError(f"on_conflict={options.on_conflict!r} is none of overwrite, skip, error")
        if options.renamed is not None:
            path_of(options.renamed, "")
        self._engine = engine
        self._commit = commit
        self._author = author
        self._options = options
        self._from: list[str | None] = []
        self._batch: dict[tuple[str, str], tuple[int, Entry]] = {}
        self._batch_bytes = 0
        self._done = Imported(0, 0, 0, 0, 0, 0)
        self._failures = Failures(source, dry_run=options.dry_run)
        self._framing = Framing(source, counting=not options.skip)

    def run(self, file: BinaryIO) -> Imported:
        """Read to the end. Whatever is raised, the lines before the one it names are imported."""
        number = 0
        try:
            for number, raw in self._lines(file):
                if raw.strip():
                    self._take(number, raw)
                else:
                    self._passed(number)
            self._flush()
            self._passed(max(number, self._done.lines))
        except KeyboardInterrupt as stop:
            stop.add_note(self._failures.interrupted(self._done.lines))
            raise
        return self._done._replace(cut=self._framing.is_cut())

    # -- reading -----------------------------------------------------------------------------------

    def _lines(self, file: BinaryIO) -> Iterator[tuple[int, bytes]]:
        """The lines with their numbers, those to be passed over left out."""
        total, done, number = _size(file), 0, 0
        while raw := self._next(file):
            if not isinstance(raw, bytes):
                raise UnsupportedType("the file gives text; open it in binary mode", json_path="$", type_name="str")
            number += 1
            done += len(raw)
            if number == 1:
                raw = raw.removeprefix(_BOM)
            if number <= self._options.skip:
                self._pass_over(number, raw)
            elif len(raw) == _LINE_BYTES:
                self._bad(number, Malformed(f"longer than {_LINE_BYTES:,} bytes"))
            else:
                yield number, raw
            if self._options.progress is not None:
                self._options.progress(done, total)

    def _next(self, file: BinaryIO) -> bytes:
        """The next line. If it cannot be read, those before are imported all the same."""
        try:
            return file.readline(_LINE_BYTES)
        except Exception:
            self._flush()
            raise

    def _take(self, number: int, raw: bytes) -> None:
        """Read a line and keep it for the next commit."""
        try:
            line = read_line(raw)
        except Malformed as error:
            self._bad(number, error)
        self._framing.take(number, line)
        if isinstance(line, Header | End):
            self._passed(number)
            return
        namespace = self._namespace(number, line.namespace)
        if isinstance(line, Ruling):
            self._flush()
            self._rule(number, namespace, line.rules)
            return
        name = namespace, line.key
        if name in self._batch or len(self._batch) >= BATCH or self._batch_bytes + len(line.raw) > _BATCH_BYTES:
            self._flush()
        self._batch[name] = number, line
        self._batch_bytes += len(line.raw)

    def _passed(self, number: int) -> None:
        """A line that stores nothing."""
        if not self._batch:
            self._done = self._done._replace(lines=number)

    def _pass_over(self, number: int, raw: bytes) -> None:
        """A line that is to be skipped, and tells no more than where exports begin and end."""
        self._done = self._done._replace(lines=number)
        if raw.startswith((b'{"fsstore":', b'{"end":')):
            with contextlib.suppress(Malformed):
                line = read_line(raw)
                if isinstance(line, Header | End):
                    self._framing.take(number, line)

    def _namespace(self, number: int, named: str | None) -> str:
        """Where a line's key goes."""
        renamed = self._options.renamed
        if renamed is None:
            return self._options.default if named is None else named
        if not self._from:
            self._from.append(named)
        if self._from[0] != named:
            reason = (
                f"it is of namespace {named!r}, the lines before of {self._from[0]!r}: they cannot all become "
                f"{renamed!r}; import them under their own names"
            )
            self._bad(number, Malformed(reason))
        return renamed

    def _bad(self, number: int, error: Malformed) -> NoReturn:
        """Import the lines before, and say what is wrong with this one."""
        self._flush()
        raise self._failures.bad(number, error)

    # -- writing -----------------------------------------------------------------------------------

    def _flush(self) -> None:
        """Commit what was read: all of it at once, or, if that is refused, line by line up to the one that is."""
        batch, self._batch, self._batch_bytes = self._batch, {}, 0
        if not batch:
            return
        try:
            self._settle(batch)
        except StoreError:
            for name, (number, entry) in batch.items():
                try:
                    self._settle({name: (number, entry)})
                except StoreError as error:
                    raise self._failures.stopped(number, error) from error

    def _settle(self, batch: Mapping[tuple[str, str], tuple[int, Entry]]) -> None:
        for left in reversed(range(_ATTEMPTS)):
            planned = self._plan(batch, last=not left)
            if planned.puts and not self._options.dry_run:
                try:
                    self._commit(planned.puts)
                except Conflict:  # somebody else wrote one of them after it was looked at
                    if not left:
                        raise
                    continue
            break
        done = self._done
        self._done = Imported(
            max(number for number, _ in batch.values()),
            done.created + planned.created,
            done.updated + planned.updated,
            done.unchanged + planned.unchanged,
            done.skipped + planned.skipped,
            done.rules,
        )

    def _plan(self, batch: Mapping[tuple[str, str], tuple[int, Entry]], *, last: bool) -> _Planned:
        """What is to be written of these, as things stand. Raises `Conflict` where they must not be there."""
        found = self._found(batch)
        puts: list[Put] = []
        updated = unchanged = skipped = 0
        now = time.time()
        for (namespace, key), (_, entry) in batch.items():
            stored = found.get((namespace, key))
            if entry.expires is not None and entry.expires <= now:
                skipped += 1
            elif stored is None:
                puts.append(put(namespace, entry, None, last=last))
            elif isinstance(stored, Stored) and is_same(stored, entry):
                unchanged += 1
            elif self._options.on_conflict == "skip":
                skipped += 1
            elif self._options.on_conflict == "error":
                raise is_there(namespace, key)
            else:
                updated += 1
                puts.append(put(namespace, entry, stored, last=last))
        return _Planned(puts, len(puts) - updated, updated, unchanged, skipped)

    def _found(self, names: Mapping[tuple[str, str], object]) -> dict[tuple[str, str], Stored | StoreError]:
        by_namespace: dict[str, list[str]] = {}
        for namespace, key in names:
            by_namespace.setdefault(namespace, []).append(key)
        return {
            (namespace, key): stored
            for namespace, keys in by_namespace.items()
            for key, stored in self._engine.stored(namespace, keys).items()
        }

    def _rule(self, number: int, namespace: str, rules: Mapping[str, Any]) -> None:
        """Let these rules hold there, beside those that the line does not speak of."""
        from fsstore.shape import require_schema

        try:
            old = self._engine.rules(namespace).members
            changed = {name: rule for name, rule in rules.items() if old.get(name) != rule}
            clashing = [name for name in changed if name in old]
            if clashing and self._options.on_conflict == "error":
                raise has_rules(namespace, clashing)
            if self._options.on_conflict == "skip":
                changed = {name: rule for name, rule in changed.items() if name not in old}
            require_sense(namespace, {**old, **changed})
            if changed.get("schema") is not None:
                require_schema(changed["schema"])
            if changed and not self._options.dry_run:
                self._engine.set_rules(namespace, changed, self._author)
        except StoreError as error:
            raise self._failures.stopped(number, error) from error
        self._done = self._done._replace(lines=number, rules=self._done.rules + bool(changed))


def _size(file: BinaryIO) -> int | None:
    """How many bytes a file has, if it is one."""
    try:
        return os.fstat(file.fileno()).st_size or None
    except (OSError, io.UnsupportedOperation, AttributeError):
        return None
