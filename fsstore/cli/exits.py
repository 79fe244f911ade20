"""Exit statuses, and which error gives which. They are documented and do not change.

0  done, found, healthy
1  not found, or false; for ``run``: the agent failed
2  usage: an argument that makes no sense, no store at the place named, or one without git where that is needed
3  somebody else was there: a conflict, a lock that was not had in time, a merge that waits for its end
4  bad data: a value that is no JSON or cannot be stored, a damaged file, a directory that is no store
5  the system refused: permission, space, a read-only file system, a failing disk
"""

from __future__ import annotations

from fsstore import errors
from fsstore.cli.arguments import UsageError

OK, NO, USAGE, CONFLICT, DATA, SYSTEM = range(6)
SIGNALLED = 128  # and the number of the signal: as a shell reports it
INTERRUPTED, BROKEN_PIPE = 130, 141  # SIGINT and SIGPIPE

_STATUS: dict[type[Exception], int] = {
    UsageError: USAGE,
    errors.NotFound: NO,
    errors.UnknownRevision: NO,
    errors.InvalidName: USAGE,
    errors.StoreMissing: USAGE,
    errors.NoRun: USAGE,
    errors.HistoryUnavailable: USAGE,
    errors.Closed: USAGE,
    errors.Conflict: CONFLICT,
    errors.LockTimeout: CONFLICT,
    errors.WaitTimeout: CONFLICT,
    errors.LeaseLost: CONFLICT,
    errors.IllegalTransition: CONFLICT,
    errors.JobsFailed: NO,
    errors.NestedWrite: CONFLICT,
    errors.RepositoryState: CONFLICT,
    errors.RepositoryBusy: CONFLICT,
    errors.InvalidValue: DATA,
    errors.UnsupportedType: DATA,
    errors.TooLarge: DATA,
    errors.BadValue: DATA,
    errors.BadValues: DATA,
    errors.BadLine: DATA,
    errors.SchemaViolation: DATA,
    errors.CredentialRefused: DATA,
    errors.NameCollision: DATA,
    errors.Blocked: DATA,
    errors.NotAStore: DATA,
    errors.DamagedHistory: DATA,
    errors.DamagedCursor: DATA,
    errors.ReadOnly: SYSTEM,
    errors.AccessDenied: SYSTEM,
    errors.DiskFull: SYSTEM,
    errors.StorageFailure: SYSTEM,
    errors.Unsupported: SYSTEM,
}


def status_of(error: Exception) -> int:
    """The exit status for an error; of a subclass that of its nearest parent in the table."""
    return next((_STATUS[kind] for kind in type(error).__mro__ if kind in _STATUS), SYSTEM)
