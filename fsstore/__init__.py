"""fsstore: a filesystem-native key-value store for AI agents. One directory per namespace, one JSON file per key."""

import typing

from fsstore.errors import (
    AccessDenied,
    BadLine,
    BadValue,
    BadValues,
    Blocked,
    Closed,
    Conflict,
    CredentialRefused,
    DamagedCursor,
    DamagedHistory,
    DiskFull,
    HistoryUnavailable,
    IllegalTransition,
    InvalidName,
    InvalidValue,
    JobsFailed,
    LeaseLost,
    LockTimeout,
    NameCollision,
    NestedWrite,
    NoRun,
    NotAStore,
    NotFound,
    ReadOnly,
    RepositoryBusy,
    RepositoryState,
    SchemaViolation,
    StorageFailure,
    StoreError,
    StoreMissing,
    TooLarge,
    UnknownRevision,
    Unsupported,
    UnsupportedType,
    WaitTimeout,
)
from fsstore.opening import open
from fsstore.ops import REMOVE
from fsstore.reading import Operation
from fsstore.records import Backup, Finding, Holder, Record, Replaced, Report, Usage
from fsstore.store import Namespace, Store

if typing.TYPE_CHECKING:
    from fsstore.commits import Blame, Change, Collected, Commit, Cost, Difference, Restored, Version
    from fsstore.events import Event, WatchStatus
    from fsstore.finding.results import Found, Hit, Match
    from fsstore.history.view import Past
    from fsstore.locks import Lock
    from fsstore.moving.counts import Exported, Imported
    from fsstore.reacting import react
    from fsstore.recipes.barrier import Barrier
    from fsstore.recipes.checkpoint import Checkpoint
    from fsstore.recipes.jobs import DeadLetter, Job, QueueStats
    from fsstore.recipes.logbook import Logbook, LogEntry
    from fsstore.recipes.memoizing import AsyncMemoized, Memoized
    from fsstore.recipes.queue import Queue
    from fsstore.recipes.semaphore import Semaphore
    from fsstore.recipes.signal import Signal
    from fsstore.recipes.state_machine import StateMachine
    from fsstore.recipes.statistics import Statistics, Summary
    from fsstore.recipes.throttle import Throttle
    from fsstore.runner import run_agent, run_agent_async
    from fsstore.watching.subscription import Subscription

    data_store: Namespace  # what stands for it has all its verbs

__all__ = [
    "REMOVE",
    "AccessDenied",
    "AsyncMemoized",
    "Backup",
    "BadLine",
    "BadValue",
    "BadValues",
    "Barrier",
    "Blame",
    "Blocked",
    "Change",
    "Checkpoint",
    "Closed",
    "Collected",
    "Commit",
    "Conflict",
    "Cost",
    "CredentialRefused",
    "DamagedCursor",
    "DamagedHistory",
    "DeadLetter",
    "Difference",
    "DiskFull",
    "Event",
    "Exported",
    "Finding",
    "Found",
    "HistoryUnavailable",
    "Hit",
    "Holder",
    "IllegalTransition",
    "Imported",
    "InvalidName",
    "InvalidValue",
    "Job",
    "JobsFailed",
    "LeaseLost",
    "Lock",
    "LockTimeout",
    "LogEntry",
    "Logbook",
    "Match",
    "Memoized",
    "NameCollision",
    "Namespace",
    "NestedWrite",
    "NoRun",
    "NotAStore",
    "NotFound",
    "Operation",
    "Past",
    "Queue",
    "QueueStats",
    "ReadOnly",
    "Record",
    "Replaced",
    "Report",
    "RepositoryBusy",
    "RepositoryState",
    "Restored",
    "SchemaViolation",
    "Semaphore",
    "Signal",
    "StateMachine",
    "Statistics",
    "StorageFailure",
    "Store",
    "StoreError",
    "StoreMissing",
    "Subscription",
    "Summary",
    "Throttle",
    "TooLarge",
    "UnknownRevision",
    "Unsupported",
    "UnsupportedType",
    "Usage",
    "Version",
    "WaitTimeout",
    "WatchStatus",
    "data_store",
    "open",
    "react",
    "run_agent",
    "run_agent_async",
]
__version__ = "0.1.0"


_LATE = {
    **dict.fromkeys(("Blame", "Change", "Collected", "Commit", "Cost", "Difference", "Restored", "Version"), "commits"),
    **dict.fromkeys(("Event", "WatchStatus"), "events"),
    **dict.fromkeys(("Found", "Hit", "Match"), "finding.results"),
    **dict.fromkeys(("data_store", "run_agent", "run_agent_async"), "runner"),
    **dict.fromkeys(("AsyncMemoized", "Memoized"), "recipes.memoizing"),
    **dict.fromkeys(("LogEntry", "Logbook"), "recipes.logbook"),
    **dict.fromkeys(("Statistics", "Summary"), "recipes.statistics"),
    **dict.fromkeys(("Exported", "Imported"), "moving.counts"),
    "Barrier": "recipes.barrier",
    **dict.fromkeys(("DeadLetter", "Job", "QueueStats"), "recipes.jobs"),
    "Checkpoint": "recipes.checkpoint",
    "Lock": "locks",
    "Past": "history.view",
    "Queue": "recipes.queue",
    "StateMachine": "recipes.state_machine",
    "react": "reacting",
    "Semaphore": "recipes.semaphore",
    "Signal": "recipes.signal",
    "Subscription": "watching.subscription",
    "Throttle": "recipes.throttle",
}


def __getattr__(name: str) -> typing.Any:
    """Names that are imported when they are used: a program that only opens stores does not pay for them."""
    if name in _LATE:
        import importlib

        globals()[name] = found = getattr(importlib.import_module(f"fsstore.{_LATE[name]}"), name)
        return found
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
