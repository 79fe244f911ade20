"""``fsstore ns``: the namespaces of a store, one a line; or one of them copied, moved or renamed."""

from __future__ import annotations

import argparse

from fsstore.cli import exits
from fsstore.cli.arguments import UsageError
from fsstore.cli.location import open_store
from fsstore.cli.output import Output, quoted
from fsstore.cli.progress import waiting

EXAMPLE = "fsstore ns -l"

ACTIONS = {"copy": ("copying", "copied"), "move": ("moving", "moved"), "rename": ("renaming", "renamed")}
"""What may be done to a namespace, and what is said meanwhile and then."""


def add(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.usage = (
        "fsstore ns [-h] [-l] [PREFIX]\n"
        "       fsstore ns copy|move [--overwrite] [--dry-run] SOURCE TARGET\n"
        "       fsstore ns rename [--dry-run] SOURCE TARGET"
    )
    parser.add_argument("prefix", metavar="PREFIX", nargs="?", help="only namespaces that start with this")
    parser.add_argument("-l", "--long", action="store_true", help="number of keys and bytes before each namespace")
    parser.add_argument("source", metavar="SOURCE", nargs="?", help="after copy, move or rename: the namespace")
    parser.add_argument("target", metavar="TARGET", nargs="?", help="and where its keys go, all of them or none")
    parser.add_argument("--overwrite", action="store_true", help="copy, move: replace keys that TARGET has too")
    parser.add_argument("--dry-run", action="store_true", help="only say how many keys it would be")


def run(args: argparse.Namespace, output: Output) -> int:
    """List the namespaces that hold at least one key, or put one elsewhere."""
    if args.source is not None:
        return _relocate(args, output)
    if args.overwrite or args.dry_run:
        raise UsageError("--overwrite and --dry-run go with: fsstore ns copy|move|rename SOURCE TARGET")
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


def _relocate(args: argparse.Namespace, output: Output) -> int:
    """Copy, move or rename, and say how many keys that were."""
    verb, source, target, dry_run = args.prefix, args.source, args.target, args.dry_run
    if verb not in ACTIONS or target is None:
        raise UsageError("ns takes a PREFIX, or: copy|move|rename SOURCE TARGET")
    if verb == "rename" and args.overwrite:
        raise UsageError("rename replaces nothing; ns move --overwrite does")
    doing, done = ACTIONS[verb]
    with open_store(args, read_only=dry_run) as store, waiting(output, doing):
        if verb == "rename":
            count = store.rename_namespace(source, target, dry_run=dry_run)
        elif verb == "move":
            count = store.move_namespace(source, target, overwrite=args.overwrite, dry_run=dry_run)
        else:
            count = store.copy_namespace(source, target, overwrite=args.overwrite, dry_run=dry_run)
    if output.json:
        output.documents([{done: count}])
    keys = "key" if count == 1 else "keys"
    would = "would be " if dry_run else ""
    output.talk(f"{count:,} {keys} {would}{done} from {quoted(source)} to {quoted(target)}")
    return exits.OK
