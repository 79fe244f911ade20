"""``fsstore ls``: the keys of a namespace, one a line."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import Any

from fsstore.cli import exits, shellwords
from fsstore.cli.arguments import UsageError
from fsstore.cli.location import open_store
from fsstore.cli.output import Output
from fsstore.errors import Closed, NotFound, StoreError, StoreMissing
from fsstore.store import Store

EXAMPLE = "fsstore ls project: --limit 10"


def add(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("prefix", metavar="PREFIX", nargs="?", help="only keys that start with this")
    parser.add_argument("--limit", metavar="N", type=int, help="at most so many")
    parser.add_argument("--after", metavar="KEY", help="only keys past this one, in the order of the list")
    parser.add_argument("-l", "--long", action="store_true", help="size in bytes, time and writer before each key")


def run(args: argparse.Namespace, output: Output) -> int:
    """List the keys; --json is exact also for keys with line breaks in them."""
    if args.limit is not None and args.limit < 1:
        raise UsageError(f"--limit {args.limit}: at least 1 is wanted")
    with open_store(args, read_only=True) as store:
        more = None if args.limit is None else args.limit + 1  # one more tells whether the list was cut
        found = store.list_keys(args.prefix, limit=more, after=args.after)
        cut = len(found) == more
        if cut:
            found.pop()
        status = _list_long(store, found, output) if args.long else _list(found, output)
    if cut:
        output.talk(f"there are more; go on with: {_next_command(args, found[-1])}")
    return status


def _list(found: list[str], output: Output) -> int:
    if output.json:
        output.documents({"key": key} for key in found)
    else:
        output.lines(map(output.name, found))
    return exits.OK


def _list_long(store: Store, found: list[str], output: Output) -> int:
    """One bad file is one line that says so; the others are listed all the same."""
    bad: list[str] = []

    def rows() -> Iterator[dict[str, Any]]:
        for key in found:
            try:
                record = store.info(key)
            except NotFound:  # deleted since
                continue
            except (Closed, StoreMissing):
                raise
            except StoreError as error:
                bad.append(key)
                yield {"key": key, "error": type(error).__name__, "message": str(error)}
            else:
                yield {
                    "key": key,
                    "size": record.size,
                    "updated_at": record.updated_at,
                    "updated_by": record.updated_by,
                }

    if output.json:
        output.documents(rows())
    else:
        output.lines(_row(row, output) for row in rows())
    if bad:
        output.talk(f"{len(bad)} unreadable, the first: {bad[0]!r}; fsstore doctor says what is wrong with them")
    return exits.DATA if bad else exits.OK


def _row(row: dict[str, Any], output: Output) -> str:
    writer = "?" if "error" in row else output.name(row["updated_by"] or "-")
    return f"{row.get('size', '?'):>10}  {row.get('updated_at', '?'):<32}  {writer:<12}  {output.name(row['key'])}"


def _next_command(args: argparse.Namespace, last: str) -> str:
    words = ["fsstore"]
    if args.directory is not None:
        words += ["-C", args.directory]
    if args.namespace is not None:
        words += [f"--namespace={args.namespace}"]
    words += ["ls", *(["-l"] if args.long else []), "--limit", str(args.limit), f"--after={last}"]
    if args.prefix is not None:
        words += ["--", args.prefix]
    return " ".join(map(shellwords.quote, words))
