"""``fsstore history KEY``: every version of a key's value, newest first."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import Any

from fsstore.cli import changes, commits, exits
from fsstore.cli.location import open_store
from fsstore.cli.output import Output
from fsstore.cli.verbs.log import require_limit
from fsstore.commits import Change, Version
from fsstore.history.compare import change

EXAMPLE = "fsstore history greeting --limit 3"


def add(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("key", metavar="KEY")
    parser.add_argument("--limit", metavar="N", type=int, help="at most so many")
    parser.add_argument("-p", "--patch", action="store_true", help="instead of the value, what was changed in it")


def run(args: argparse.Namespace, output: Output) -> int:
    """One line for each: who, when, and the value from then on. Status 1 if there never was such a key."""
    require_limit(args.limit)
    count = 0
    with open_store(args, read_only=True) as store:
        for version in store.history(args.key, limit=args.limit):
            if output.json:
                output.documents([_document(version)])
            elif args.patch:
                output.lines([*[""][:count], *_patch(version, output)])
            else:
                value = "" if version.kind == "removed" else changes.brief(version.new, output)
                output.lines([_row(version, output, value)])
            count += 1
        if not count:
            output.talk(f"no commit holds a key {args.key!r} of namespace {store.name!r}")
    return exits.OK if count else exits.NO


def _row(version: Version, output: Output, *more: str) -> str:
    return commits.row(version.commit, output, output.paint(version.kind, changes.COLOURS[version.kind]), *more)


def _patch(version: Version, output: Output) -> Iterator[str]:
    yield _row(version, output)
    yield from changes.steps(_change(version), output)


def _change(version: Version) -> Change:
    return change("", version.kind, version.old, version.new)


def _document(version: Version) -> dict[str, Any]:
    return {"commit": version.commit.as_dict(), "kind": version.kind, **changes.sides(_change(version))}
