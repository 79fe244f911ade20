"""``fsstore lock NAME -- COMMAND``: a program that runs while a lock is held, as with flock(1)."""

from __future__ import annotations

import argparse
import os

from fsstore.cli import children, exits, fields, seconds
from fsstore.cli.arguments import UsageError
from fsstore.cli.location import open_store, store_directory
from fsstore.cli.output import Output, quoted

EXAMPLE = "fsstore lock index --timeout 5 -- sh -c 'echo building'"
TOKEN = "FSSTORE_LOCK_TOKEN"  # noqa: S105 - a number that only grows, no secret
"""The variable that tells the command its fencing token."""


def add(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.usage = "fsstore lock [-h] [options] NAME -- COMMAND [ARGUMENT ...]\n       fsstore lock NAME --show"
    parser.add_argument("name", metavar="NAME", help="any text; one holder at a time has it, in the whole store")
    parser.add_argument("command", metavar="COMMAND", nargs="*", help="what to run; its exit status is passed on")
    parser.add_argument("--timeout", metavar="SECONDS", type=float, help="wait at most so long (default: 30; 0: try)")
    parser.add_argument("--ttl", metavar="SECONDS", type=float, help="a lease: it ends so long after it began")
    parser.add_argument("--show", action="store_true", help="only tell who holds it; status 1 if nobody does")


def run(args: argparse.Namespace, output: Output) -> int:
    """Get the lock, run the command, let go."""
    seconds.require_waiting(args.timeout, "--timeout")
    seconds.require_lasting(args.ttl, "--ttl")
    if not args.name:
        raise UsageError("NAME is empty; a lock needs a name of at least one character")
    if args.show:
        return _show(args, output)
    if not args.command or (args.literals or 0) < len(args.command):
        raise UsageError(f"the command goes after --, such as: fsstore lock {args.name} -- make")
    return _hold(args, output)


def _show(args: argparse.Namespace, output: Output) -> int:
    if args.command or args.timeout is not None or args.ttl is not None:
        raise UsageError("--show runs no command and waits for nobody")
    with open_store(args, read_only=True) as store:
        holder = store.locked_by(args.name)
    if holder is None:
        output.talk(f"nobody holds {args.name!r}")
        return exits.NO
    if output.json:
        output.documents([holder._asdict()])
    else:
        output.lines(fields.lines(holder._asdict()))
    return exits.OK


def _hold(args: argparse.Namespace, output: Output) -> int:
    with open_store(args) as store, store.lock(args.name, args.timeout, args.ttl) as held:
        environment = os.environ | {"FSSTORE_DIR": os.path.abspath(store_directory(args)), TOKEN: str(held.token)}
        try:
            status = children.run(args.command, environment)
        except OSError as error:
            status = children.NOT_FOUND if isinstance(error, FileNotFoundError) else children.NOT_EXECUTABLE
            output.failure("CommandFailed", f"{quoted(args.command[0])}: {error.strerror}", status)
        if args.ttl is not None:
            now = store.locked_by(args.name)
            if now is None or now.token != held.token:
                output.talk(f"the lease on {args.name!r} ended before the command did; others may have had it since")
    return status
