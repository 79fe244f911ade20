"""``fsstore set``: one value under one key."""

from __future__ import annotations

import argparse

from fsstore.cli import exits, inputs
from fsstore.cli.arguments import UsageError
from fsstore.cli.location import open_store
from fsstore.cli.output import Output

EXAMPLE = "fsstore set project:alpha '{\"files\": 12}'"
_TEXT = "To store it as text, use --string."


def add(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("key", metavar="KEY")
    parser.add_argument("value", metavar="VALUE", help="JSON; - reads standard input, @FILE a file")
    parser.add_argument("--string", action="store_true", help="VALUE, wherever it comes from, is text, not JSON")
    parser.add_argument(
        "--ttl",
        metavar="SECONDS",
        type=float,
        help="the key ends so long from now; inf: never (default: the namespace's)",
    )
    parser.add_argument("--meta", metavar="JSON", help="metadata, an object; it is merged over what the record has")


def run(args: argparse.Namespace, output: Output) -> int:
    """Store the value."""
    if args.value == args.meta == "-":
        raise UsageError("VALUE and --meta cannot both be -: standard input is read once")
    if args.ttl is not None and not args.ttl > 0:
        raise UsageError(f"--ttl {args.ttl:g}: a number of seconds above 0 is wanted, or inf")
    value = inputs.text_of(args.value, "VALUE") if args.string else inputs.json_of(args.value, "VALUE", _TEXT)
    metadata = None if args.meta is None else inputs.object_of(args.meta, "--meta")
    with open_store(args) as store:
        store.set(args.key, value, metadata, ttl=args.ttl)
        if output.json:
            output.documents([{"namespace": store.name, "key": args.key}])
    return exits.OK
