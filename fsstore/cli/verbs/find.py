"""``fsstore find``: the keys whose values are what is asked for. What that is, is read elsewhere."""

from __future__ import annotations

import argparse

from fsstore.cli import conditions, exits, findings
from fsstore.cli.changes import brief
from fsstore.cli.location import open_store
from fsstore.cli.output import Output
from fsstore.cli.progress import waiting
from fsstore.cli.verbs.log import require_limit

EXAMPLE = "fsstore find '>=12000' --prefix project:"


def add(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "conditions",
        metavar="CONDITION",
        nargs="*",
        help="such as state='\"done\"' or result.size>=3, quoted for the shell; with = != > >= < <=; or an object with "
        'all of them, {"a.b": {"in": [1, 2]}}, also as - or @FILE',
    )
    parser.add_argument(
        "--text", metavar="WORDS", help="words that must all occur; in quotes as a phrase; word* begins so"
    )
    parser.add_argument("--prefix", metavar="PREFIX", help="only keys that start with this")
    parser.add_argument("--limit", metavar="N", type=int, default=100, help="at most so many (default: 100)")
    parser.add_argument("--after", metavar="KEY", help="only keys past this one")
    parser.add_argument("--keys", action="store_true", help="only the keys, one a line")
    parser.add_argument("--verify", action="store_true", help="look at every file's status for edits in place first")


def run(args: argparse.Namespace, output: Output) -> int:
    """Print key and value of each; a document a line in a pipe. Status 1 if there is none."""
    require_limit(args.limit)
    where = conditions.parse(args.conditions)
    with open_store(args) as store, waiting(output, "searching"):
        found = store.find(
            where, text=args.text, prefix=args.prefix, limit=args.limit, after=args.after, verify=args.verify
        )
    if args.keys and not output.json:
        output.lines(output.name(hit.key) for hit in found)
    elif output.json or not output.terminal:
        output.documents({"key": hit.key} if args.keys else hit._asdict() for hit in found)
    else:
        width = max((len(output.name(hit.key)) for hit in found), default=0)
        output.lines(f"{output.name(hit.key).ljust(width)}  {brief(hit.value, output)}" for hit in found)
    findings.tell_the_rest(found, args, output)
    return findings.status(found) or (exits.OK if found.hits else exits.NO)
