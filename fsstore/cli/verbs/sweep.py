"""``fsstore sweep``: the files of keys that have ended by themselves go. To every verb they are gone already."""

from __future__ import annotations

import argparse

from fsstore.cli import exits
from fsstore.cli.location import open_store
from fsstore.cli.output import Output
from fsstore.cli.progress import waiting

EXAMPLE = "fsstore sweep --dry-run"


def add(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.description = f"{parser.description} Of all namespaces, unless -n names one."
    parser.add_argument("--dry-run", action="store_true", help="only count them")


def run(args: argparse.Namespace, output: Output) -> int:
    """Sweep, and say how many there were; none is no failure."""
    with open_store(args, read_only=args.dry_run) as store:
        space = store if args.namespace is None else store.use_namespace(args.namespace)
        with waiting(output, "sweeping"):
            count = space.sweep(dry_run=args.dry_run)
    if output.json:
        output.documents([{"swept": count}])
    done = "would remove" if args.dry_run else "removed"
    where = "" if args.namespace is None else f" of namespace {args.namespace!r}"
    output.talk(f"{done} what is left of {count} {'key' if count == 1 else 'keys'}{where}")
    return exits.OK
