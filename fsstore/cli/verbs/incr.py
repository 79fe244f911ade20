"""``fsstore incr KEY [BY]``: a number grows in one step, whoever else lets it grow."""

from __future__ import annotations

import argparse

from fsstore.cli import exits, inputs
from fsstore.cli.arguments import UsageError
from fsstore.cli.location import open_store
from fsstore.cli.output import Output

EXAMPLE = "fsstore incr visits 2"


def add(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("key", metavar="KEY", help="a key that holds a number, or none yet: that counts as 0")
    parser.add_argument("by", metavar="BY", nargs="?", default="1", help="how much is added (default: 1); -2 takes 2")


def run(args: argparse.Namespace, output: Output) -> int:
    """Add, and print the sum."""
    by = inputs.json_of(args.by, "BY")
    if not isinstance(by, int | float) or isinstance(by, bool):
        raise UsageError(f"BY {args.by}: a number is wanted")
    with open_store(args) as store:
        value = store.increment(args.key, by)
    output.value(value)
    return exits.OK
