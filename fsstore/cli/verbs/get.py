"""``fsstore get``: the value of one key on standard output."""

from __future__ import annotations

import argparse
from typing import Any

from fsstore.cli import exits, inputs
from fsstore.cli.location import open_store
from fsstore.cli.output import Output

EXAMPLE = "fsstore get greeting --default '\"hello\"'"


def add(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("key", metavar="KEY")
    parser.add_argument("--default", metavar="JSON", help="print this if there is no such key, and exit with 0")
    parser.add_argument("--raw", action="store_true", help="print a string as it is, without quotes")


def run(args: argparse.Namespace, output: Output) -> int:
    """Print the value."""
    with open_store(args, read_only=True) as store:
        if args.default is None:
            value: Any = store[args.key]
        else:
            value = store.get(args.key, inputs.json_of(args.default, "--default"))
    output.value(value, raw=args.raw)
    return exits.OK
