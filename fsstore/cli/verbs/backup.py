"""``fsstore backup DIR``: a copy of the store as it is at one instant, while others write."""

from __future__ import annotations

import argparse

from fsstore.cli import exits
from fsstore.cli.arguments import UsageError
from fsstore.cli.location import open_store
from fsstore.cli.output import Output, quoted
from fsstore.cli.progress import waiting

EXAMPLE = "fsstore backup ../saved"


def add(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("where", metavar="DIR", help="where the copy is to be: a new directory, or an empty one")
    parser.add_argument("--new-id", action="store_true", help="make the copy a store of its own, not this one's double")


def run(args: argparse.Namespace, output: Output) -> int:
    """Copy, and say what was left out."""
    if args.where == "":
        raise UsageError("DIR is empty; name a directory")
    with open_store(args) as store, waiting(output, "copying"):
        copied = store.backup(args.where, new_id=args.new_id)
    if output.json:
        output.documents([copied._asdict()])
    output.talk(f"copied {copied.files:,} files, {copied.bytes:,} bytes, to {quoted(copied.path)}")
    if copied.skipped:
        output.talk(f"not copied: {', '.join(map(quoted, copied.skipped))}")
    return exits.OK
