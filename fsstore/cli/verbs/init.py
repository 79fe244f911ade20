"""``fsstore init``: make a directory a store, and say first what would become of the files in it."""

from __future__ import annotations

import argparse
import os

import fsstore
from fsstore import keys
from fsstore.cli import exits
from fsstore.cli.arguments import UsageError
from fsstore.cli.location import is_store, working_directory
from fsstore.cli.output import Output, quoted
from fsstore.store import adopt

EXAMPLE = "fsstore init notes"


def add(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("where", metavar="DIR", nargs="?", help="default: -C, $FSSTORE_DIR or the current directory")
    parser.add_argument("--adopt", action="store_true", help="also if it is not empty: list what becomes a key")
    parser.add_argument("--dry-run", action="store_true", help="with --adopt: only list")


def run(args: argparse.Namespace, output: Output) -> int:
    """Make the store, unless it is one."""
    if args.where == "":
        raise UsageError("DIR is empty; name a directory")
    if args.dry_run and not args.adopt:
        raise UsageError("--dry-run goes with --adopt; init alone never changes a file that is there")
    directory = args.where or args.directory or os.environ.get("FSSTORE_DIR") or working_directory()
    directory = os.path.abspath(directory)
    there = is_store(directory)
    if args.adopt and not there:
        _list_adoptable(directory, output)
    if args.dry_run:
        output.talk(f"{directory} is a store already" if there else "nothing was changed")
        return exits.OK
    if args.adopt:
        adopt(directory)
    else:
        fsstore.open(directory).close()
    if output.json and not args.adopt:
        output.documents([{"path": directory, "created": not there}])
    output.talk(f"{directory} is a store already" if there else f"made a store in {directory}")
    return exits.OK


def _list_adoptable(directory: str, output: Output) -> None:
    """Keys on standard output, the number of what stays foreign as talk."""
    found, foreign = adopt(directory, dry_run=True)
    rows = [(name, key, keys.path_of(name, key)) for name, of_name in found.items() for key in of_name]
    if output.json:
        output.documents({"namespace": name, "key": key, "path": path} for name, key, path in rows)
    else:
        output.lines("\t".join(map(quoted, row)) for row in rows)
    first = f", such as {quoted(foreign[0])}" if foreign else ""
    output.talk(f"{len(rows)} files become keys; {len(foreign)} stay as they are, foreign to the store{first}")
