"""``fsstore import FILE``: the keys of an export's lines, from a file or standard input, into the store."""

from __future__ import annotations

import argparse
import contextlib
import sys
from typing import BinaryIO

from fsstore.cli import exits
from fsstore.cli.arguments import UsageError
from fsstore.cli.location import open_store
from fsstore.cli.output import Output
from fsstore.cli.progress import shown
from fsstore.moving.counts import Imported

EXAMPLE = "fsstore export --prefix cache: | fsstore -n copy import -"


def add(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("file", metavar="FILE", help="what fsstore export wrote; - is standard input")
    parser.add_argument(
        "--on-conflict",
        choices=("overwrite", "skip", "error"),
        default="overwrite",
        help="what becomes of a key that is there and holds something else (default: overwrite)",
    )
    parser.add_argument("--skip", metavar="LINES", type=int, default=0, help="pass over so many lines first")
    parser.add_argument("--dry-run", action="store_true", help="only say what would be done")
    parser.description = f"{parser.description} Under the namespaces they had, unless -n names one for all of them."


def run(args: argparse.Namespace, output: Output) -> int:
    """Store them, and say what was new."""
    if args.skip < 0:
        raise UsageError(f"--skip {args.skip} is negative")
    with _source(args.file) as source, open_store(args, read_only=args.dry_run) as store:
        try:
            with shown(output, "importing", "bytes") as progress:
                done = store.import_ndjson(
                    source,
                    namespace=args.namespace,
                    on_conflict=args.on_conflict,
                    dry_run=args.dry_run,
                    skip=args.skip,
                    progress=progress,
                )
        except KeyboardInterrupt as stop:
            for note in getattr(stop, "__notes__", ()):
                output.talk(note)
            raise
    if output.json:
        output.documents([done._asdict()])
    output.talk(_said(done, "would be " if args.dry_run else ""))
    if not done.cut:
        return exits.OK
    if output.quiet:  # else the warning has been told
        output.failure("cut", f"{args.file} is not whole; what is there of it is imported", exits.DATA)
    return exits.DATA


def _said(done: Imported, would: str) -> str:
    told = f"{done.created:,} keys {would}created, {done.updated:,} updated, {done.unchanged:,} unchanged"
    told += f", {done.skipped:,} skipped" if done.skipped else ""
    return f"{told}, the rules of {done.rules:,} namespaces {would}changed" if done.rules else told


def _source(name: str) -> contextlib.AbstractContextManager[BinaryIO]:
    """The file, or standard input. Raises `UsageError`."""
    if name == "-":
        return contextlib.nullcontext(sys.stdin.buffer)
    try:
        return open(name, "rb")
    except OSError as error:
        raise UsageError(f"FILE {name}: {error.strerror}") from None
