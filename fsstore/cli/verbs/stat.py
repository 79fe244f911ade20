"""``fsstore stat``: the whole record of a key, or what the store holds."""

from __future__ import annotations

import argparse

from fsstore.cli import exits, fields
from fsstore.cli.location import open_store
from fsstore.cli.output import Output, quoted
from fsstore.store import Store

EXAMPLE = "fsstore stat greeting"


def add(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("key", metavar="KEY", nargs="?", help="without it: keys and bytes of each namespace")


def run(args: argparse.Namespace, output: Output) -> int:
    """Show the one or the other."""
    with open_store(args, read_only=True) as store:
        if args.key is not None:
            _show_record(store, args.key, output)
        else:
            names = store.list_namespaces() if args.namespace is None else [args.namespace]
            _show_usage(store, names, output)
    return exits.OK


def _show_record(store: Store, key: str, output: Output) -> None:
    record = store.info(key).as_dict()
    if output.json:
        output.documents([record])
        return
    output.lines(fields.lines(record, values=("value",)))


def _show_usage(store: Store, names: list[str], output: Output) -> None:
    usage = {name: store.use_namespace(name).stats() for name in names}
    keys, size = sum(each.keys for each in usage.values()), sum(each.bytes for each in usage.values())
    count = sum(each.namespaces for each in usage.values())
    if output.json:
        each = {name: {"keys": of.keys, "bytes": of.bytes} for name, of in usage.items()}
        output.documents([{"namespaces": each, "total": {"namespaces": count, "keys": keys, "bytes": size}}])
        return
    output.lines([f"{'keys':>8}  {'bytes':>12}  namespace"])
    output.lines(f"{of.keys:>8}  {of.bytes:>12}  {quoted(name)}" for name, of in usage.items())
    output.lines([f"{keys:>8}  {size:>12}  total of {count}"])
