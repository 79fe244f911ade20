"""``fsstore append KEY ITEM``: one more item in a list, in one step."""

from __future__ import annotations

import argparse

from fsstore.cli import exits, inputs
from fsstore.cli.arguments import UsageError
from fsstore.cli.location import open_store
from fsstore.cli.output import Output

EXAMPLE = "fsstore append log:today '\"started\"' --maxlen 100"
_TEXT = "To append it as text, use --string."


def add(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("key", metavar="KEY", help="a key that holds a list, or none yet")
    parser.add_argument("item", metavar="ITEM", help="JSON; - reads standard input, @FILE a file")
    parser.add_argument("--string", action="store_true", help="ITEM, wherever it comes from, is text, not JSON")
    parser.add_argument("--maxlen", metavar="N", type=int, help="keep only the newest so many items")


def run(args: argparse.Namespace, output: Output) -> int:
    """Append, and print the list as it is then."""
    if args.maxlen is not None and args.maxlen < 1:
        raise UsageError(f"--maxlen {args.maxlen}: at least 1 is wanted")
    item = inputs.text_of(args.item, "ITEM") if args.string else inputs.json_of(args.item, "ITEM", _TEXT)
    with open_store(args) as store:
        value = store.append(args.key, item, args.maxlen)
    output.value(value)
    return exits.OK
