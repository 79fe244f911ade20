"""``fsstore ns``: the namespaces of a store, one a line."""

from __future__ import annotations

import argparse

from fsstore.cli import exits
from fsstore.cli.location import open_store
from fsstore.cli.output import Output

EXAMPLE = "fsstore ns -l"


def add(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("prefix", metavar="PREFIX", nargs="?", help="only namespaces that start with this")
    parser.add_argument("-l", "--long", action="store_true", help="number of keys and bytes before each namespace")


def run(args: argparse.Namespace, output: Output) -> int:
    """List the namespaces that hold at least one key."""
    with open_store(args, read_only=True) as store:
        for name in store.list_namespaces(args.prefix):
            row: dict[str, str | int] = {"namespace": name}
            if args.long:
                usage = store.use_namespace(name).stats()
                row |= {"keys": usage.keys, "bytes": usage.bytes}
            if output.json:
                output.documents([row])
            else:
                output.lines(
                    [f"{row['keys']:>8}  {row['bytes']:>12}  {output.name(name)}" if args.long else output.name(name)]
                )
    return exits.OK
