"""``fsstore watch``: the changes of keys as they happen, a line each, or a command for each."""

from __future__ import annotations

import argparse
import os
import sys

from fsstore.cli import events, exits
from fsstore.cli.arguments import UsageError
from fsstore.cli.commands import Commands, Plan
from fsstore.cli.ending import Ending
from fsstore.cli.location import open_store, store_directory
from fsstore.cli.output import Output, compact
from fsstore.cli.shell import Shell
from fsstore.cli.verbs.log import require_limit
from fsstore.retrying import Retries
from fsstore.store import Store
from fsstore.watching.subscription import Subscription

EXAMPLE = "fsstore watch project: --replay --limit 2"


def add(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.description = f"{parser.description} Of all namespaces, unless -n names one."
    parser.add_argument("prefix", metavar="PREFIX", nargs="?", help="only keys that start with this")
    parser.add_argument("--exec", metavar="CMD", dest="command", help="run a shell command for each event instead")
    parser.add_argument("--name", metavar="NAME", help="keep under this name what has been told, and go on from there")
    parser.add_argument("--replay", action="store_true", help="tell first of every key there is")
    parser.add_argument(
        "--since", metavar="X", help="tell first what differs from a revision, or a saved state; of a new --name too"
    )
    parser.add_argument(
        "--debounce", metavar="SECONDS", type=float, default=0.0, help="wait so long for further changes of a key"
    )
    parser.add_argument("--limit", metavar="N", type=int, help="end after so many events")
    parser.add_argument(
        "--jobs", metavar="N", type=int, help="with --exec: run at most so many at once (default: one per processor)"
    )
    parser.add_argument(
        "--retries", metavar="N", type=int, help="with --exec: try again so often if it fails (default: 5)"
    )


def run(args: argparse.Namespace, output: Output) -> int:
    """Tell of each event, or run the command for it, until a signal or the limit ends it."""
    _require_sense(args)
    with open_store(args, read_only=args.name is None) as store:
        if args.command is None:
            return _tell(args, store, output)
        return _execute(args, store, output)


def _require_sense(args: argparse.Namespace) -> None:
    """Raise `UsageError` for what cannot be meant."""
    require_limit(args.limit)
    if not args.debounce >= 0:
        raise UsageError(f"--debounce {args.debounce:g}: a number of seconds is wanted")
    for option, least in (("jobs", 1), ("retries", 0)):
        given = getattr(args, option)
        if given is not None and args.command is None:
            raise UsageError(f"--{option} is for --exec CMD")
        if given is not None and given < least:
            raise UsageError(f"--{option} {given}: at least {least} is wanted")


def _tell(args: argparse.Namespace, store: Store, output: Output) -> int:
    """A table for a person, a JSON document a line for a program; each event at once."""
    table = output.terminal and not output.json

    def end(times: int) -> None:
        if times > 1:  # whoever is to read does not, and we wait for that
            os._exit(ending.status)
        subscription.close()

    ending = Ending(end)
    with _watch(args, store) as subscription, ending.listening():
        _show([events.header(output)] if table else [], output)
        for number, event in enumerate(subscription, 1):
            _show([events.line(event, output) if table else compact(event.as_dict())], output)
            if number == args.limit:
                break
    return ending.status


def _show(lines: list[str], output: Output) -> None:
    output.lines(lines)
    sys.stdout.flush()


def _execute(args: argparse.Namespace, store: Store, output: Output) -> int:
    """Run the command for each event."""
    environment = os.environ | {"FSSTORE_DIR": os.path.abspath(store_directory(args))}
    if args.agent:
        environment["FSSTORE_AGENT"] = args.agent
    retries = Retries() if args.retries is None else Retries(args.retries)
    plan = Plan(args.jobs or len(os.sched_getaffinity(0)), retries, args.limit)
    with _watch(args, store, manual=True) as subscription:
        commands = Commands(plan, subscription, Shell(args.command, environment), output)
        ending = Ending(commands.end)
        with ending.listening():
            left = commands.run()
    if left:
        again = "it comes again" if args.name is not None else "with --name it would come again"
        output.talk(f"what became of {'1 key' if left == 1 else f'{left} keys'} was not dealt with; {again}")
    return ending.status or (exits.NO if commands.given_up else exits.OK)


def _watch(args: argparse.Namespace, store: Store, *, manual: bool = False) -> Subscription:
    return store.watch(
        args.prefix,
        args.namespace,
        replay=args.replay,
        debounce=args.debounce,
        name=args.name,
        since=args.since,
        manual=manual,
    )
