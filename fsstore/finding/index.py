"""One SQLite file with what was noted of the values of some namespaces. It knows no file but its own.

It may be deleted at any time, and is made anew where it is damaged, of another store or of another version of this
module. What it says of a value is as old as its mark; who uses it looks at the value again.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import Any, NamedTuple

from fsstore.finding.entries import Entry
from fsstore.traces import Trace

_VERSION = 1
_PATIENCE = 1.0  # seconds to wait for another process that writes it
_BETWEEN = " \N{PILCROW SIGN} "  # no word: what is of two strings does not follow one another
_TABLES = """
CREATE TABLE rows_{0}(
    id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, place TEXT NOT NULL, state BLOB NOT NULL, doubtful INT NOT NULL);
CREATE INDEX places_{0} ON rows_{0}(place);
CREATE INDEX doubtful_{0} ON rows_{0}(key) WHERE doubtful;
CREATE TABLE entries_{0}(
    key TEXT NOT NULL, field INT NOT NULL, kind INT NOT NULL, value NOT NULL,
    PRIMARY KEY(key, field, kind, value)) WITHOUT ROWID;
CREATE INDEX values_{0} ON entries_{0}(field, kind, value, key);
CREATE VIRTUAL TABLE words_{0} USING fts5(words, tokenize=ascii);
"""


class Noted(NamedTuple):
    """What is noted of one key."""

    trace: Trace
    entries: list[tuple[int, Entry]]
    """Each with the number of its field."""
    words: list[list[str]]
    """Of each string that is indexed."""
    is_doubtful: bool
    """Nobody could read it: it may be anything."""


class Index:
    """The open file, for one short use."""

    def __init__(self, path: str, owner: str) -> None:
        """Raises what `sqlite3` raises."""
        self._owner = owner
        self._db = sqlite3.connect(path, timeout=_PATIENCE, isolation_level=None)
        try:
            self._db.execute("PRAGMA trusted_schema = OFF")
            self._db.execute("PRAGMA synchronous = OFF")
        except BaseException:
            self._db.close()
            raise

    def __enter__(self) -> Index:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it. What was not committed is not kept."""
        self._db.close()

    def begin(self, *, write: bool) -> None:
        """Begin a transaction; the tables are there after one to write."""
        self._db.execute("BEGIN IMMEDIATE" if write else "BEGIN")
        if write and not self._is_ours():
            self._start_over()

    def end(self) -> None:
        """Commit."""
        self._db.execute("COMMIT")

    def _is_ours(self) -> bool:
        if self._db.execute("PRAGMA user_version").fetchone()[0] != _VERSION:
            return False
        return bool(self._db.execute("SELECT 1 FROM about WHERE owner = ?", (self._owner,)).fetchone())

    def _start_over(self) -> None:
        tables = self._db.execute("SELECT name, sql FROM sqlite_master WHERE type = 'table'").fetchall()
        own = [name for name, sql in tables if sql.startswith("CREATE VIRTUAL")]  # which takes its shadows along
        for name in own + [name for name, _ in tables if not name.startswith(("sqlite_", *own))]:
            self._db.execute(f'DROP TABLE "{name}"')
        self._db.execute("CREATE TABLE about(owner TEXT)")
        self._db.execute("INSERT INTO about VALUES (?)", (self._owner,))
        self._db.execute(
            "CREATE TABLE spaces(id INTEGER PRIMARY KEY, name TEXT UNIQUE, declared TEXT, mark BLOB, version INT)"
        )
        self._db.execute(f"PRAGMA user_version = {_VERSION}")

    def space(self, name: str, declared: str) -> Space | None:
        """What is kept of a namespace; ``None`` if it is not, or not with what is declared now."""
        if not self._is_ours():
            return None
        found = self._db.execute(
            "SELECT id, mark, version FROM spaces WHERE name = ? AND declared = ?", (name, declared)
        ).fetchone()
        return Space(self._db, *found) if found else None

    def make(self, name: str, declared: str) -> Space:
        """A namespace of which nothing is known."""
        db = self._db
        for (old,) in db.execute("SELECT id FROM spaces WHERE name = ?", (name,)).fetchall():
            for table in ("rows", "entries", "words"):
                db.execute(f"DROP TABLE {table}_{old:d}")
            db.execute("DELETE FROM spaces WHERE id = ?", (old,))
        number = db.execute(
            "INSERT INTO spaces(name, declared, mark, version) VALUES (?, ?, x'', 0)", (name, declared)
        ).lastrowid
        assert number is not None
        for statement in _TABLES.format(number).split(";")[:-1]:  # a script would commit
            db.execute(statement)
        return Space(db, number, b"", 0)


class Space:
    """What the file has of one namespace, in an open transaction. It is the engine's `Kept`."""

    def __init__(self, db: sqlite3.Connection, number: int, mark: bytes, version: int) -> None:
        self._db, self._number = db, number
        self.mark = mark
        self.version = version
        """Another one after each change."""

    def group(self, name: str) -> dict[str, bytes]:
        """The keys of a group with their states."""
        return dict(self._db.execute(f"SELECT key, state FROM rows_{self._number} WHERE place = ?", (name,)))

    def groups(self) -> dict[str, dict[str, bytes]]:
        """All of them."""
        found: dict[str, dict[str, bytes]] = {}
        for place, key, state in self._db.execute(f"SELECT place, key, state FROM rows_{self._number}"):
            found.setdefault(place, {})[key] = state
        return found

    def keys(self, query: str, parameters: list[Any]) -> list[str]:
        """What a query gives."""
        return [key for (key,) in self._db.execute(query, parameters)]

    @property
    def number(self) -> int:
        """What its tables are called by."""
        return self._number

    def note(self, noted: Iterable[Noted]) -> None:
        """Put this in the place of what was noted of these keys."""
        n, db = self._number, self._db
        for each in noted:
            trace = each.trace
            self._forget(trace.key)
            row = db.execute(
                f"INSERT INTO rows_{n}(key, place, state, doubtful) VALUES (?, ?, ?, ?)",
                (trace.key, trace.group, trace.state, each.is_doubtful),
            ).lastrowid
            if each.entries:
                rows = [(trace.key, field, kind, value) for field, (kind, value) in each.entries]
                db.executemany(f"INSERT INTO entries_{n} VALUES (?, ?, ?, ?)", rows)
            if each.words:
                text = _BETWEEN.join(map(" ".join, each.words))
                db.execute(f"INSERT INTO words_{n}(rowid, words) VALUES (?, ?)", (row, text))

    def remove(self, keys: Iterable[str]) -> None:
        """These are there no more."""
        for key in keys:
            self._forget(key)

    def _forget(self, key: str) -> None:
        n, db = self._number, self._db
        if row := db.execute(f"SELECT id FROM rows_{n} WHERE key = ?", (key,)).fetchone():
            db.execute(f"DELETE FROM words_{n} WHERE rowid = ?", row)
            db.execute(f"DELETE FROM entries_{n} WHERE key = ?", (key,))
            db.execute(f"DELETE FROM rows_{n} WHERE id = ?", row)

    def go_on(self, mark: bytes) -> None:
        """What is noted is as new as a mark."""
        self._db.execute("UPDATE spaces SET mark = ?, version = version + 1 WHERE id = ?", (mark, self._number))


def pieces(all_of_them: list[Trace], size: int) -> Iterator[list[Trace]]:
    """One piece of a list after the other."""
    for start in range(0, len(all_of_them), size):
        yield all_of_them[start : start + size]
