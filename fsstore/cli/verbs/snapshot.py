"""``fsstore snapshot``: what has changed since the last one becomes a commit."""

from __future__ import annotations

import argparse

from fsstore.cli import commits, exits
from fsstore.cli.location import open_store
from fsstore.cli.output import Output
from fsstore.cli.progress import waiting

EXAMPLE = "fsstore snapshot -m 'before the cleaning'"


def add(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("-m", "--message", metavar="TEXT", help="the commit's message (default: what was changed)")
    parser.add_argument("--verify", action="store_true", help="look at every file, not only where something stirred")


def run(args: argparse.Namespace, output: Output) -> int:
    """Make it, and show the newest commit it made; if nothing has changed there is none, which is no failure."""
    message = args.message if args.message and args.message.strip() else None  # a blank one says nothing
    with open_store(args) as store, waiting(output, "looking for changes"):
        commit = store.snapshot(message, verify=args.verify)
    if commit is None:
        output.talk("nothing has changed since the last snapshot")
    elif output.json:
        output.documents([commit.as_dict()])
    else:
        output.lines([commits.line(commit, output)])
    return exits.OK
