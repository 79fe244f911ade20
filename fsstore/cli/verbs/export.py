"""``fsstore export [FILE]``: keys as lines of JSON, each file to the byte; to a file, or to standard output."""

from __future__ import annotations

import argparse
import io
import sys
from typing import BinaryIO, cast

from fsstore.cli import exits
from fsstore.cli.arguments import UsageError
from fsstore.cli.location import open_store
from fsstore.cli.output import Output, escape, quoted
from fsstore.cli.progress import shown

EXAMPLE = "fsstore export --prefix cache:"


def add(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("file", metavar="FILE", nargs="?", default="-", help="where to; - (default) is standard output")
    parser.add_argument("--prefix", metavar="PREFIX", help="only keys that start with this")
    parser.add_argument("--resume", action="store_true", help="go on where an export to FILE was interrupted")
    parser.description = f"{parser.description} Of all namespaces, unless -n names one."


def run(args: argparse.Namespace, output: Output) -> int:
    """Write the lines, and say how many there were."""
    if args.file == "":
        raise UsageError("FILE is empty; name a file, or - for standard output")
    if args.resume and args.file == "-":
        raise UsageError("--resume goes on in a FILE; standard output has no earlier lines to go on after")
    target = args.file if args.file != "-" else _ForPeople() if output.terminal else sys.stdout.buffer
    with open_store(args, read_only=True) as store, shown(output, "exporting") as progress:
        done = store.export_ndjson(
            cast("str | BinaryIO", target),
            namespace=args.namespace,
            prefix=args.prefix,
            resume=args.resume,
            progress=progress,
        )
    if output.json and done.path is not None:
        output.documents([done._asdict()])
    where = "" if done.path is None else f", to {quoted(done.path)}"
    there = f", {done.resumed:,} of them before" if done.resumed else ""
    output.talk(f"exported {done.keys:,} keys{there}, {done.bytes:,} bytes{where}")
    return exits.OK


class _ForPeople(io.RawIOBase):
    """A terminal: the lines without what would upset it; they mean the same."""

    def write(self, line: bytes) -> int:  # type: ignore[override]
        """Show a line."""
        sys.stdout.write(escape(line.decode(), keep="\n"))
        return len(line)
