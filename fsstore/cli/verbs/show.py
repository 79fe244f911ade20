"""``fsstore show``: a commit with what it changed, or the value that a key had in it."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from fsstore.cli import changes, commits, exits
from fsstore.cli.location import namespace_of, open_store
from fsstore.cli.output import Output
from fsstore.commits import Change, Commit
from fsstore.store import Store

EXAMPLE = "fsstore show HEAD~1 greeting"


def add(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("revision", metavar="REVISION", nargs="?", default="HEAD", help="a commit (default: HEAD)")
    parser.add_argument("key", metavar="KEY", nargs="?", help="print the value it had then, and nothing else")
    parser.add_argument("--raw", action="store_true", help="print a string as it is, without quotes")


def run(args: argparse.Namespace, output: Output) -> int:
    """Show the one or the other; with -n only what is of that namespace."""
    with open_store(args, read_only=True) as store:
        then = store.at(args.revision)
        if args.key is not None:
            with commits.naming(then):
                value = then.use_namespace(namespace_of(args))[args.key]
            output.value(value, raw=args.raw)
            return exits.OK
        found = [each for each in _changes(store, then.commit) if args.namespace in (None, each.namespace)]
        if output.json:
            output.documents([{"commit": then.commit.as_dict(), "changes": [*map(changes.document, found)]}])
        else:
            output.lines(_lines(then.commit, found, output))
    return exits.OK


def _changes(store: Store, commit: Commit) -> list[Change]:
    """What it changed, of a merge against the branch that was merged into."""
    return store.diff(commit.parents[0] if commit.parents else None, commit.id)


def _lines(commit: Commit, found: list[Change], output: Output) -> Iterator[str]:
    yield from commits.head(commit, output)
    for change in found:
        yield ""
        yield from changes.lines(change, output)
