"""``fsstore log``: the commits of the store, of a namespace, or of a key, newest first, one a line."""

from __future__ import annotations

import argparse

from fsstore.cli import commits, exits
from fsstore.cli.arguments import UsageError
from fsstore.cli.location import namespace_of, open_store
from fsstore.cli.output import Output

EXAMPLE = "fsstore log greeting --limit 3"


def add(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.description = f"{parser.description} Here --agent chooses those of one agent."
    parser.add_argument("key", metavar="KEY", nargs="?", help="only commits that changed it (with -n: of NAMESPACE)")
    parser.add_argument("--run", metavar="ID", help="only the commits of this run")
    parser.add_argument("--since", metavar="WHEN", help="only what came after a revision, or an ISO 8601 date or time")
    parser.add_argument("--limit", metavar="N", type=int, help="at most so many")


def run(args: argparse.Namespace, output: Output) -> int:
    """Tell each commit as it is found."""
    require_limit(args.limit)
    with open_store(args, read_only=True) as store:
        found = store.log(
            args.namespace if args.key is None else namespace_of(args),
            args.key,
            agent=args.agent,
            run=args.run,
            since=args.since,
            limit=args.limit,
        )
        if output.json:
            output.documents(commit.as_dict() for commit in found)
        else:
            output.lines(commits.line(commit, output) for commit in found)
    return exits.OK


def require_limit(limit: int | None) -> None:
    """Raise `UsageError` for a number of lines that is none."""
    if limit is not None and limit < 1:
        raise UsageError(f"--limit {limit}: at least 1 is wanted")
