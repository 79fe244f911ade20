"""``fsstore del``: keys by name, by prefix, or all of a namespace."""

from __future__ import annotations

import argparse

from fsstore.cli import exits
from fsstore.cli.arguments import UsageError
from fsstore.cli.location import open_store
from fsstore.cli.output import Output
from fsstore.cli.progress import waiting
from fsstore.store import Store

EXAMPLE = "fsstore del --prefix cache: --dry-run"


def add(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("keys", metavar="KEY", nargs="*")
    parser.add_argument("--prefix", metavar="PREFIX", help="delete every key that starts with this")
    parser.add_argument("--all", action="store_true", help="delete every key of the namespace")
    parser.add_argument("--dry-run", action="store_true", help="list the keys instead of deleting them")


def run(args: argparse.Namespace, output: Output) -> int:
    """Delete, and say how many there were."""
    if bool(args.keys) + (args.prefix is not None) + args.all != 1:
        raise UsageError("del takes either KEY..., or --prefix PREFIX, or --all")
    if args.prefix == "":
        raise UsageError("--prefix needs at least one character; --all deletes every key of the namespace")
    with open_store(args, read_only=args.dry_run) as store:
        if args.dry_run:
            return _list(args, store, output)
        with waiting(output, "deleting"):
            if args.all:
                count = store.clear()
            elif args.prefix is not None:
                count = store.delete_prefix(args.prefix)
            else:
                count = store.delete_many(args.keys)
        wanted = f" of {len(set(args.keys))}" if args.keys else ""
        output.talk(f"deleted {count}{wanted} {_keys(len(set(args.keys)) or count)} of namespace {store.name!r}")
    if output.json:
        output.documents([{"deleted": count}])
    return exits.OK if count else exits.NO


def _list(args: argparse.Namespace, store: Store, output: Output) -> int:
    if args.keys:
        found = [key for key in dict.fromkeys(args.keys) if store.exists(key)]
    else:
        found = store.list_keys(args.prefix)
    if output.json:
        output.documents({"key": key} for key in found)
    else:
        output.lines(map(output.name, found))
    output.talk(f"would delete {len(found)} {_keys(len(found))} of namespace {store.name!r}")
    return exits.OK if found else exits.NO


def _keys(count: int) -> str:
    return "key" if count == 1 else "keys"
