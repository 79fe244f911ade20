"""What each action of ``fsstore queue`` does, and which words and options it takes. It opens no store.

A job goes from one command to the next as the JSON that ``get`` prints.
"""

from __future__ import annotations

import argparse
import math
import shutil
import tempfile
from collections.abc import Callable
from typing import Any, Literal, NamedTuple

from fsstore.cli import changes, children, exits, inputs
from fsstore.cli.arguments import UsageError
from fsstore.cli.output import Output, compact, quoted
from fsstore.cli.reactions import Terminated, terminable
from fsstore.errors import InvalidValue
from fsstore.recipes.jobs import Job
from fsstore.recipes.queue import Queue

_MANY = 1_000_000
_TEXT = "To put it as text, use --string."
_FORMS: dict[str, tuple[type, ...]] = {"attempts": (int,), "priority": (int,), "put_at": (str, type(None))}


class CommandFailed(Exception):
    """The command of a job ended with another status than 0."""


class Action(NamedTuple):
    """One of them."""

    do: Callable[[Queue, argparse.Namespace, Output], int]
    shape: str
    words: tuple[int, int]
    """How many words after the name, at least and at most."""
    options: frozenset[str] = frozenset()
    only_reads: bool = False


def _put(queue: Queue, args: argparse.Namespace, output: Output) -> int:
    word = args.words[0]
    item = inputs.text_of(word, "ITEM") if args.string else inputs.json_of(word, "ITEM", _TEXT)
    id = queue.put(item, delay=args.delay or 0, priority=args.priority or 0, id=args.id)
    if output.json:
        output.documents([{"id": id}])
    else:
        output.lines([output.name(id)])
    return exits.OK


def _get(queue: Queue, args: argparse.Namespace, output: Output) -> int:
    job = queue.get(_timeout(args.timeout, 0))
    if job is None:
        output.talk(f"queue {queue.name!r} has no job that is due")
        return exits.NO
    output.value(job._asdict())
    return exits.OK


def _ack(queue: Queue, args: argparse.Namespace, output: Output) -> int:
    result = () if args.result is None else (inputs.json_of(args.result, "--result"),)
    job = _job(args.words[0])
    queue.ack(job, *result)
    return _told(queue, job.id, "done", output)


def _nack(queue: Queue, args: argparse.Namespace, output: Output) -> int:
    job = _job(args.words[0])
    queue.nack(job, args.delay or 0, error=args.error)
    return _told(queue, job.id, "given back", output)


def _extend(queue: Queue, args: argparse.Namespace, output: Output) -> int:
    job = _job(args.words[0])
    queue.extend(job)
    return _told(queue, job.id, "held on", output)


def _work(queue: Queue, args: argparse.Namespace, output: Output) -> int:
    """Run the command once for each job; status 1 if it failed for any."""
    if shutil.which(args.words[0]) is None:
        raise UsageError(f"{args.words[0]!r} is no command that can be run")
    failed = 0

    def do(item: Any) -> None:
        nonlocal failed
        status = _run(args.words, item)
        if status:
            failed += 1
            output.talk(
                f"the command failed with status {status}; the job is tried again, or dead after its last attempt"
            )
            raise CommandFailed(f"exit status {status}")

    try:
        with terminable():
            done = queue.work(do, limit=args.limit, timeout=_timeout(args.timeout, 0))
    except Terminated as error:
        return exits.SIGNALLED + error.number
    output.talk(
        f"{done} {'job' if done == 1 else 'jobs'} done, {failed} {'attempt' if failed == 1 else 'attempts'} failed"
    )
    return exits.NO if failed else exits.OK


def _run(command: list[str], item: Any) -> int:
    """The command's status. It gets the item as JSON, in a file."""
    with tempfile.TemporaryFile() as document:
        document.write(compact(item).encode() + b"\n")
        document.seek(0)
        return children.run_or_kill(command, document.fileno())


def _stats(queue: Queue, args: argparse.Namespace, output: Output) -> int:
    counts = queue.stats()._asdict()
    if output.json:
        output.documents([counts])
    else:
        output.lines(f"{count:>8}  {name}" for name, count in counts.items())
    return exits.OK


def _dead(queue: Queue, args: argparse.Namespace, output: Output) -> int:
    letters = queue.dead()
    if output.terminal and not output.json:
        output.lines(
            f"{each.died_at or '-'}  {each.attempts:>3}  {quoted(each.id)}  {changes.brief(each.item, output)}  "
            f"{output.text(each.error or '')}".rstrip()
            for each in letters
        )
    else:
        output.documents(each._asdict() for each in letters)
    return exits.OK


def _retry(queue: Queue, args: argparse.Namespace, output: Output) -> int:
    queue.retry(args.words[0])
    return _told(queue, args.words[0], "put back", output)


def _discard(queue: Queue, args: argparse.Namespace, output: Output) -> int:
    queue.discard(args.words[0])
    return _told(queue, args.words[0], "removed", output)


def _collect(queue: Queue, args: argparse.Namespace, output: Output) -> int:
    """A line for each result on a terminal, a document each in a pipe."""
    errors: Literal["raise", "skip"] = "skip" if args.skip_dead else "raise"
    found = queue.collect(args.words or None, _timeout(args.timeout, None), errors=errors)
    if output.terminal and not output.json:
        output.lines(f"{quoted(id)}  {changes.brief(result, output)}" for id, result in found.items())
    else:
        output.documents({"id": id, "result": result} for id, result in found.items())
    return exits.OK


def _told(queue: Queue, id: str, done: str, output: Output) -> int:
    output.talk(f"job {id!r} of queue {queue.name!r} was {done}")
    return exits.OK


def _timeout(given: float | None, default: float | None) -> float | None:
    """Seconds to wait; ``None`` for ever."""
    return default if given is None else None if given == math.inf else given


def _job(word: str) -> Job:
    """The job that ``get`` printed. Raises `InvalidValue` for what it would not print."""
    given = inputs.object_of(word, "JOB")
    wrong = {*given} ^ {*Job._fields} or {
        name for name in given if name != "item" and not isinstance(given[name], _FORMS.get(name, (str,)))
    }
    if wrong:
        raise InvalidValue(f"JOB is what fsstore queue get printed; look at {', '.join(sorted(wrong))}.", json_path="$")
    return Job(**given)


ACTIONS: dict[str, Action] = {
    "put": Action(_put, "NAME ITEM", (1, 1), frozenset({"delay", "priority", "id", "string"})),
    "get": Action(_get, "NAME", (0, 0), frozenset({"timeout", "lease", "max_attempts"})),
    "ack": Action(_ack, "NAME JOB", (1, 1), frozenset({"result"})),
    "nack": Action(_nack, "NAME JOB", (1, 1), frozenset({"delay", "error", "max_attempts"})),
    "extend": Action(_extend, "NAME JOB", (1, 1), frozenset({"lease"})),
    "work": Action(_work, "NAME -- COMMAND", (1, _MANY), frozenset({"timeout", "lease", "limit", "max_attempts"})),
    "stats": Action(_stats, "NAME", (0, 0), only_reads=True),
    "dead": Action(_dead, "NAME", (0, 0), only_reads=True),
    "retry": Action(_retry, "NAME ID", (1, 1)),
    "discard": Action(_discard, "NAME ID", (1, 1)),
    "collect": Action(_collect, "NAME [ID ...]", (0, _MANY), frozenset({"timeout", "skip_dead"})),
}
