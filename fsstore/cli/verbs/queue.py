"""``fsstore queue ACTION NAME``: jobs put, taken, done and given up. What each action does is done elsewhere."""

from __future__ import annotations

import argparse
import math

from fsstore.cli import queues, seconds
from fsstore.cli.arguments import UsageError
from fsstore.cli.location import open_store
from fsstore.cli.output import Output

EXAMPLE = """fsstore queue put mail '{"to": "ada"}' --id 7 && fsstore queue work mail -- cat"""
_HELP = """\
put NAME ITEM         add a job; prints its id
get NAME              take the next job for the time of a lease; prints it; status 1 if there is none
ack NAME JOB          a job, as get printed it, is done
nack NAME JOB         it failed: it is tried again, or dead after its last attempt
extend NAME JOB       hold it longer
work NAME -- COMMAND  run a command for each job, with the item on standard input
stats NAME            how many jobs there are of each kind
dead NAME             those that were given up
retry NAME ID         put a dead one back
discard NAME ID       remove a dead one
collect NAME [ID ...] wait until jobs are done, and print their results, which are then gone"""
_OPTIONS = (
    "delay",
    "priority",
    "id",
    "lease",
    "timeout",
    "result",
    "error",
    "limit",
    "max_attempts",
    "string",
    "skip_dead",
)


def add(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.usage = "fsstore queue [-h] [options] ACTION NAME [WORD ...]"
    parser.description = f"{parser.description}\n\nactions:\n{_HELP}"
    parser.add_argument("action", metavar="ACTION", choices=[*queues.ACTIONS], help="one of those above")
    parser.add_argument("name", metavar="NAME", help="of the queue: its keys begin with it")
    parser.add_argument(
        "words", metavar="ITEM", nargs="*", default=[], help="JSON; - reads standard input, @FILE a file"
    )
    parser.add_argument("--string", action="store_true", help="put: ITEM is text, not JSON")
    parser.add_argument("--delay", metavar="SECONDS", type=float, help="put, nack: not before that")
    parser.add_argument("--priority", metavar="N", type=int, help="put: from -499 to 499, higher goes first")
    parser.add_argument("--id", metavar="ID", help="put: nothing, if there is a job of this id")
    parser.add_argument(
        "--timeout", metavar="SECONDS", type=float, help="get, work, collect: wait so long (inf: for ever)"
    )
    parser.add_argument(
        "--lease", metavar="SECONDS", type=float, help="get, extend, work: hold it so long (default: 60)"
    )
    parser.add_argument("--max-attempts", metavar="N", type=int, help="get, nack, work: then it is dead (default: 5)")
    parser.add_argument("--result", metavar="JSON", help="ack: kept until it is collected")
    parser.add_argument("--error", metavar="TEXT", help="nack: noted in the job")
    parser.add_argument("--skip-dead", action="store_true", help="collect: leave out what was given up")
    parser.add_argument("--limit", metavar="N", type=int, help="work: end after so many jobs")


def run(args: argparse.Namespace, output: Output) -> int:
    """Do it."""
    action = queues.ACTIONS[args.action]
    _require_sense(args, action)
    with open_store(args, read_only=action.only_reads) as store:
        made = {
            name: given
            for name, given in (("max_attempts", args.max_attempts), ("lease", args.lease))
            if given is not None
        }
        return action.do(store.queue(args.name, **made), args, output)


def _require_sense(args: argparse.Namespace, action: queues.Action) -> None:
    """Raise `UsageError` for what cannot be meant."""
    if not args.name:
        raise UsageError("NAME is empty; a queue needs a name")
    least, most = action.words
    if not least <= len(args.words) <= most:
        raise UsageError(f"the way to write it: fsstore queue {args.action} {action.shape}")
    if args.action == "work" and args.literals != len(args.words):
        raise UsageError(f"the command goes after --: fsstore queue work {action.shape}")
    for option in _OPTIONS:
        given = getattr(args, option)
        if given is not None and given is not False and option not in action.options:
            raise UsageError(f"--{option.replace('_', '-')} is not for {args.action}")
    seconds.require_waiting(args.timeout, "--timeout")
    seconds.require_lasting(args.lease, "--lease")
    if args.delay is not None and not 0 <= args.delay < math.inf:
        raise UsageError(f"--delay {args.delay:g}: a number of seconds is wanted")
    if args.priority is not None and not -499 <= args.priority <= 499:
        raise UsageError(f"--priority {args.priority}: from -499 to 499")
    for option in ("limit", "max_attempts"):
        given = getattr(args, option)
        if given is not None and given < 1:
            raise UsageError(f"--{option.replace('_', '-')} {given}: at least 1 is wanted")
