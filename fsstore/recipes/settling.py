"""What becomes of a job, each in one step: put once, done, given back, dead, put back. It decides nothing."""

from __future__ import annotations

import contextlib
import logging
import math
import time
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from fsstore.errors import BadValue, Conflict, LeaseLost, NotFound
from fsstore.recipes import ulids
from fsstore.recipes.jobs import DeadLetter, Job, Keys, Record
from fsstore.recipes.shapes import Misshapen
from fsstore.records import timestamp

if TYPE_CHECKING:
    from fsstore.namespace import Handle

log = logging.getLogger("fsstore")
Owned = Callable[[Any, Job], Record]
_UNSAID = "the lease of the last attempt ended, and its worker said nothing"


def put_once(tx: Handle, outside: Handle, keys: Keys, key: str, record: dict[str, Any]) -> bool:
    """Add a job with an id, unless there is one; whether it was added.

    The marker says where the job is. A person may have moved or deleted that: then it is looked for, outside of the
    transaction, as no other writer has to be kept from changing the list.
    """
    id = keys.id_of(key)
    marker = tx.get(keys.marker(id))
    if marker is not None:
        place = marker.get("job") if isinstance(marker, dict) else None
        if any(tx.exists(one) for one in (place, keys.letter(id), keys.result(id)) if isinstance(one, str)):
            return False
        if any(keys.id_of(one) == id for one in keys.listed(outside)):
            return False
    tx.set(keys.marker(id), {"job": key}, ttl=math.inf)
    tx.set(key, record, ttl=math.inf)
    return True


def remove(space: Handle, owned: Owned, job: Job) -> None:
    """A job is done of which there is no other key: one conditional delete, unless another worker has it.

    What a person has noted in it meanwhile does not matter.
    """
    expected = job.revision
    while True:
        with contextlib.suppress(Conflict):
            if space.delete(job.key, if_match=expected):
                return
        try:
            record = space.info(job.key)
        except NotFound:
            owned(None, job)
        else:
            owned(record.value, job)
            expected = record.revision


def finish(tx: Handle, keys: Keys, owned: Owned, job: Job, result: tuple[Any, ...]) -> None:
    """A job is done; its result, if there is one, is kept."""
    owned(tx.get(job.key), job)
    tx.delete(job.key)
    if result:
        done = {"result": result[0], "done_at": timestamp(time.time()), "attempts": job.attempts}
        tx.set(keys.result(job.id), done, ttl=math.inf)
    else:
        tx.delete(keys.marker(job.id))


def pull(tx: Handle, keys: Keys, key: str, claim: Callable[[Any], Any]) -> None:
    """A job with a marker is taken for good, if it may still be taken."""
    tx.update(key, claim)
    tx.delete(keys.marker(keys.id_of(key)))


def give_back(
    tx: Handle, keys: Keys, owned: Owned, job: Job, *, delay: float, error: str | None, most: int
) -> str | None:
    """A job goes back into its line, or, if it had as many attempts as it may, to the dead; its new key."""
    value = {**owned(tx.get(job.key), job).value, "lease": None}
    if error is not None:
        value["error"] = error
    tx.delete(job.key)
    if job.attempts >= most:
        _die(tx, keys, job.key, value)
        return None
    return _put(tx, keys, job.priority, job.id, value, time.time() + delay)


def bury(tx: Handle, keys: Keys, key: str, most: int) -> None:
    """A job whose last lease has ended goes to the dead. Nothing, if it is not so any more."""
    value = tx.get(key)
    if value is None:
        return
    try:
        record = Record.of(value)
    except Misshapen:  # in this very moment; who looks next says so
        return
    if record.attempts >= most and record.until <= time.time():
        tx.delete(key)
        _die(tx, keys, key, record.value if record.until == 0 else {**record.value, "error": _UNSAID})


def revive(tx: Handle, keys: Keys, id: str, read: Callable[[str, Any], DeadLetter]) -> str:
    """A dead letter goes back into its line; its new key. Raises `NotFound`."""
    value = tx.pop(keys.letter(id))
    dead = read(keys.letter(id), value)
    again = {"item": dead.item, "put_at": dead.put_at, "attempts": 0, "lease": None}
    if dead.error is not None:
        again["error"] = dead.error
    return _put(tx, keys, dead.priority, id, again, time.time())


def discard(tx: Handle, keys: Keys, id: str) -> None:
    """A dead letter is no more. Raises `NotFound`."""
    del tx[keys.letter(id)]
    tx.delete(keys.marker(id))


def uncollect(tx: Handle, keys: Keys, records: Mapping[str, Any]) -> None:
    """Results that were collected are there again, by their keys; so that an id is not used anew, with a marker."""
    for key, record in records.items():
        tx.set(key, record, ttl=math.inf)
        tx.set(keys.marker(keys.id_of(key)), {"job": key}, ttl=math.inf)


def letter(id: str, value: Any) -> DeadLetter:
    """A dead letter from its record. Raises `Misshapen`."""
    record = Record.of(value)
    priority = value.get("priority", 0)
    if not isinstance(priority, int):
        raise Misshapen('"priority" is a number')
    told = (value.get(name) for name in ("put_at", "died_at", "error"))
    return DeadLetter(id, value["item"], record.attempts, priority, *told)


@contextlib.contextmanager
def noted_loss() -> Iterator[None]:
    """That a worker has lost its job is no reason for it to stop: another one has it, or a person broke its file."""
    try:
        yield
    except (LeaseLost, BadValue) as error:
        log.warning("%s", error)


def _die(tx: Handle, keys: Keys, key: str, value: dict[str, Any]) -> None:
    dead = {name: each for name, each in value.items() if name != "lease"}
    dead |= {"priority": keys.priority_of(key), "died_at": timestamp(time.time())}
    tx.set(keys.letter(keys.id_of(key)), dead, ttl=math.inf)


def _put(tx: Handle, keys: Keys, priority: int, id: str, value: dict[str, Any], due: float) -> str:
    key = keys.job(priority, ulids.make_at(due), id)
    tx.set(key, value, ttl=math.inf)
    if tx.exists(keys.marker(id)):
        tx.set(keys.marker(id), {"job": key}, ttl=math.inf)
    return key
