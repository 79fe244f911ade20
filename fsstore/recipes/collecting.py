"""What there is in a queue, and what came of its jobs. It takes no job, and waits for none."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, NamedTuple

from fsstore.errors import Conflict, JobsFailed
from fsstore.recipes import ulids
from fsstore.recipes.jobs import Keys, QueueStats, Record, is_due
from fsstore.recipes.shapes import Misshapen, bad_value

if TYPE_CHECKING:
    from fsstore.namespace import Handle
    from fsstore.recipes.doors import Recipes

_MEND = 'Mend the file ({"result": ...} is enough), or delete the key.'


class Gathered(NamedTuple):
    """What was taken out of a queue."""

    results: dict[str, Any]
    """By the ids of their jobs."""
    records: dict[str, Any]
    """What was stored of them, by key."""


def gathered(space: Recipes, keys: Keys, wanted: list[str] | None, *, skip: bool) -> Gathered | None:
    """The results of these jobs, or of all, which are then gone; ``None`` if one of them is not done after all.

    Raises `JobsFailed`, and nothing is gone, for dead letters that are not to be skipped.
    """
    try:
        return space.transact(lambda tx: _gather(tx, keys, wanted, skip=skip))
    except Conflict:  # there is much going on; whoever waits asks again
        return None


def _gather(tx: Handle, keys: Keys, wanted: list[str] | None, *, skip: bool) -> Gathered | None:
    if wanted is None:
        if keys.listed(tx):
            return None
        names = [keys.id_of(key) for key in [*keys.results(tx), *keys.letters(tx)]]
    else:
        names = list(dict.fromkeys(wanted))
    done = tx.get_many([keys.result(id) for id in names])
    dead = tx.get_many([keys.letter(id) for id in names])
    if wanted is not None and len(done) + len(dead) < len(names):  # one may have been moved while it was looked for
        left = {id for id in names if keys.result(id) not in done and keys.letter(id) not in dead}
        if left.intersection(keys.id_of(key) for key in keys.listed(tx)):
            return None
    results = {id: _result(tx, keys.result(id), done) for id in names if keys.result(id) in done}
    errors = {id: _error(dead[keys.letter(id)]) for id in names if keys.letter(id) in dead}
    if errors and not skip:
        raise _failed(results, errors)
    tx.delete_many(done)
    tx.delete_many([keys.marker(id) for id in results])
    return Gathered(results, done)


def counted(space: Recipes, keys: Keys) -> QueueStats:
    """How many there are of each kind."""
    now = time.time()
    bound = ulids.first_of(now)[:10]
    found = space.get_prefix(keys.jobs, errors="report")
    counts = dict.fromkeys(QueueStats._fields, 0)
    counts["broken"] = sum(map(keys.is_job, found.errors))
    for key in filter(keys.is_job, found.values):
        try:
            until = Record.of(found.values[key]).until
        except Misshapen:
            counts["broken"] += 1
        else:
            counts["leased" if until > now else "ready" if is_due(key, bound) else "delayed"] += 1
    counts["dead"] = len(keys.letters(space))
    counts["done"] = len(keys.results(space))
    return QueueStats(**counts)


def _result(tx: Handle, key: str, done: dict[str, Any]) -> Any:
    value = done[key]
    if not isinstance(value, dict) or "result" not in value:
        raise bad_value(tx, key, Misshapen('a result is an object with the member "result"'), _MEND)
    return value["result"]


def _error(value: Any) -> str:
    told = value.get("error") if isinstance(value, dict) else None
    return str(told) if told is not None else "nothing is known"


def _failed(results: dict[str, Any], errors: dict[str, str]) -> JobsFailed:
    id, error = next(iter(errors.items()))
    return JobsFailed(
        f"{len(errors)} of the jobs are dead letters; the first: job {id!r}: {error}. Nothing was collected: retry() "
        f'or discard() them, or collect with errors="skip". The results of the others are in .results, all errors in '
        f".dead.",
        results=results,
        dead=errors,
    )
