"""Every error fsstore raises: one tree, each leaf also the built-in a Python programmer would catch.

    StoreError
    ├── InvalidName        ValueError         a key or namespace that cannot be stored
    ├── InvalidValue       ValueError         NaN, infinity, too deep, two members of one name
    ├── UnsupportedType    TypeError          a value JSON has no form for
    ├── TooLarge           ValueError         over the store's size limit
    ├── NotFound           KeyError           the key is not there
    ├── BadValue           ValueError         a stored file that is no readable JSON value
    ├── BadValues          ValueError         some files of a bulk read were bad; the good ones are in it
    ├── BadLine            ValueError         a line of an import that says nothing, or nonsense
    ├── SchemaViolation    ValueError         a value that the schema of its namespace does not allow
    ├── CredentialRefused  ValueError         a value that looks like a credential, where the policy is to refuse
    ├── Conflict           RuntimeError       the key is not what the write expected
    ├── NameCollision      FileExistsError    the file system takes two names for one
    ├── Blocked            FileExistsError    something that is no record sits in the way of a key's file
    ├── LockTimeout        TimeoutError       another writer held the key or the name too long
    ├── WaitTimeout        TimeoutError       what was waited for did not come in time
    ├── LeaseLost          RuntimeError       a lease that expired, or that somebody else has now
    ├── IllegalTransition  RuntimeError       a state machine does not go from here to there
    ├── JobsFailed         RuntimeError       jobs whose results are collected are dead letters
    ├── NestedWrite        RuntimeError       a write inside the function of an update
    ├── ReadOnly           PermissionError    a write through a handle that only reads
    ├── AccessDenied       PermissionError    the operating system refuses
    ├── DiskFull           OSError            no space, no inodes, or the quota is used up
    ├── StorageFailure     OSError            any other failure of the file system
    ├── NotAStore          ValueError         the directory holds something else
    ├── StoreMissing       FileNotFoundError  there is no store at that path (any more)
    ├── Unsupported        OSError            the platform lacks what a promise needs
    ├── NoRun              RuntimeError       fsstore.data_store was used outside any run
    ├── HistoryUnavailable RuntimeError       the store has no git here; everything else works
    ├── RepositoryState    RuntimeError       a person is in the middle of something with git
    ├── RepositoryBusy     TimeoutError       another program held git's locks too long
    ├── UnknownRevision    LookupError        no commit of that name
    ├── DamagedHistory     RuntimeError       git's files make no sense
    ├── DamagedCursor      ValueError         a file that says what a watcher has handled, and cannot be read
    └── Closed             ValueError         the store was closed

An error's facts are attributes, its message names the key or file and the way out, and it pickles.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class StoreError(Exception):
    """The root: ``except StoreError`` catches all that fsstore raises on purpose.

    Keyword arguments become attributes; the message is the only positional one.
    """

    def __init__(self, message: str, **fields: Any) -> None:
        super().__init__(message)
        for name, value in fields.items():
            setattr(self, name, value)

    def __reduce__(self) -> tuple[Any, ...]:
        number = getattr(self, "errno", None)  # OSError keeps it outside of __dict__
        return type(self), self.args, self.__dict__ if number is None else {**self.__dict__, "errno": number}

    def __str__(self) -> str:
        return str(self.args[0])


class InvalidName(StoreError, ValueError):
    """A key or namespace that has no path. ``name`` is the offender, ``reason`` says why."""

    name: str
    reason: str


class InvalidValue(StoreError, ValueError):
    """A value JSON could not give back. ``json_path`` is where in the value (``$.items[3]``)."""

    json_path: str


class UnsupportedType(StoreError, TypeError):
    """A Python type without a JSON form. ``json_path`` is where, ``type_name`` is what."""

    json_path: str
    type_name: str


class TooLarge(StoreError, ValueError):
    """``size`` bytes, more than the store's ``limit``."""

    size: int
    limit: int


class NotFound(StoreError, KeyError):
    """No such ``key`` in ``namespace``."""

    namespace: str
    key: str


class BadValue(StoreError, ValueError):
    """The file of a key holds no readable JSON value; ``set`` repairs it.

    ``line`` and ``column`` count from 1, and are ``None`` where the file as a whole is the trouble.
    """

    namespace: str
    key: str
    path: str
    reason: str
    line: int | None
    column: int | None


class BadValues(StoreError, ValueError):
    """A bulk read met bad files: ``values`` are the good ones, ``errors`` one error per bad key."""

    values: dict[str, Any]
    errors: Mapping[str, StoreError]


class BadLine(StoreError, ValueError):
    """The ``line`` of the import from ``path`` makes no sense: ``reason``. ``line`` and ``column`` count from 1.

    ``column`` is ``None`` where the line as a whole is the trouble. The lines before it are imported.
    """

    path: str
    line: int
    column: int | None
    reason: str


class SchemaViolation(StoreError, ValueError):
    """The value of ``key`` is not as the schema of its ``namespace`` wants it; set nothing, or found it so in a file.

    ``json_path`` is where in the value (``$.items[3].when``), ``reason`` what was expected there, ``schema_path`` the
    place in the schema that wants it.
    """

    namespace: str
    key: str
    json_path: str
    reason: str
    schema_path: str


class CredentialRefused(StoreError, ValueError):
    """The value of ``key``, or its metadata, looks like a credential, and was not set.

    ``json_path`` is where (``$.api_key``), ``detector`` what it was taken for. The value itself is not in the error.
    """

    namespace: str
    key: str
    json_path: str
    detector: str


class Conflict(StoreError, RuntimeError):
    """``key`` was not what the write expected: a revision, or ``None`` for "must not exist"."""

    namespace: str
    key: str
    expected: str | None
    actual: str | None


class NameCollision(StoreError, FileExistsError):
    """On this file system ``path`` is another key's file or directory (it folds case or Unicode)."""

    namespace: str
    key: str
    path: str


class Blocked(StoreError, FileExistsError):
    """``path``, on the way to a key's file, is a file, a link or a directory that fsstore will not replace."""

    namespace: str
    key: str
    path: str


class LockTimeout(StoreError, TimeoutError):
    """The lock was held by somebody else for ``seconds``: by ``pid``, where that can be found out.

    For a named lock ``name``, ``agent`` and ``since`` (ISO 8601, UTC) are known too.
    """

    seconds: float
    name: str | None = None
    pid: int | None = None
    agent: str | None = None
    since: str | None = None


class WaitTimeout(StoreError, TimeoutError):
    """What was waited for did not come within ``seconds``.

    ``missing`` are the keys that `wait_all` waited for, ``retry_after`` the seconds until a throttle has a place.
    """

    seconds: float
    missing: list[str] | None = None
    retry_after: float | None = None


class LeaseLost(StoreError, RuntimeError):
    """The lease on ``name`` with fencing ``token`` ended; ``current`` is the token that counts now, if any does."""

    name: str
    token: int
    current: int | None


class IllegalTransition(StoreError, RuntimeError):
    """The state machine of ``key`` does not go from ``current`` to ``wanted``, but to those ``allowed``."""

    namespace: str
    key: str
    current: str
    wanted: str
    allowed: tuple[str, ...]


class JobsFailed(StoreError, RuntimeError):
    """Of the jobs whose results were to be collected some are dead letters: ``dead`` says of what each failed.

    ``results`` are those of the others; nothing was collected.
    """

    results: dict[str, Any]
    dead: dict[str, str]


class NestedWrite(StoreError, RuntimeError):
    """A write or lock inside the function of an update, or in a signal handler that interrupted a write."""


class ReadOnly(StoreError, PermissionError):
    """A write through a handle that may only read; ``reason`` says why it may not."""

    reason: str


class AccessDenied(StoreError, PermissionError):
    """The operating system refused access to ``path``."""

    path: str


class DiskFull(StoreError, OSError):
    """No room for ``path``: nothing was changed."""

    path: str


class StorageFailure(StoreError, OSError):
    """The file system failed at ``path`` with ``errno``."""

    path: str


class NotAStore(StoreError, ValueError):
    """``path`` is no store, and not empty."""

    path: str


class StoreMissing(StoreError, FileNotFoundError):
    """There is no store at ``path``: never made, moved away, unmounted or deleted."""

    path: str


class Unsupported(StoreError, OSError):
    """``path`` lies on a file system that lacks what fsstore's promises need."""

    path: str


class NoRun(StoreError, RuntimeError):
    """``fsstore.data_store`` was used outside any run of an agent."""


class HistoryUnavailable(StoreError, RuntimeError):
    """There is no git repository that belongs to the store at ``path``, or none that may be used: ``reason``.

    All that needs no history works.
    """

    path: str
    reason: str


class RepositoryState(StoreError, RuntimeError):
    """Somebody is in the middle of something with git: ``reason``, such as a merge. Nothing was changed."""

    path: str
    reason: str


class RepositoryBusy(StoreError, TimeoutError):
    """Another program held the lock file ``path`` of git for more than ``seconds``. Nothing was changed."""

    path: str
    seconds: float


class UnknownRevision(StoreError, LookupError):
    """``revision`` names no commit, or more than one."""

    revision: str


class DamagedHistory(StoreError, RuntimeError):
    """The file at ``path`` in the repository is missing, cut short or damaged."""

    path: str


class DamagedCursor(StoreError, ValueError):
    """The file at ``path`` does not say what a watcher of this store has handled: ``reason``."""

    path: str
    reason: str


class Closed(StoreError, ValueError):
    """The store was closed; open it again."""
