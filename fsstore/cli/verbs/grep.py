"""``fsstore grep PATTERN``: the lines of values in which a regular expression is found."""

from __future__ import annotations

import argparse
import re

from fsstore.cli import colours, exits, findings
from fsstore.cli.location import open_store
from fsstore.cli.output import Output, quoted
from fsstore.cli.progress import waiting
from fsstore.cli.verbs.log import require_limit

EXAMPLE = "fsstore grep -i ALPHA --prefix project:"


def add(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("pattern", metavar="PATTERN", help="a regular expression of Python")
    parser.add_argument("-i", "--ignore-case", action="store_true", help="upper and lower case are the same")
    parser.add_argument("--prefix", metavar="PREFIX", help="only keys that start with this")
    parser.add_argument("--limit", metavar="N", type=int, default=100, help="at most so many (default: 100)")
    parser.add_argument("--after", metavar="PLACE", help="go on where an earlier answer said that there are more")


def run(args: argparse.Namespace, output: Output) -> int:
    """Print key, place in the value, and line of each. Status 1 if there is none."""
    require_limit(args.limit)
    with open_store(args, read_only=True) as store, waiting(output, "searching"):
        found = store.grep(
            args.pattern, prefix=args.prefix, limit=args.limit, after=args.after, ignore_case=args.ignore_case
        )
    if output.json:
        output.documents(match._asdict() for match in found)
    else:
        pattern = re.compile(args.pattern, re.IGNORECASE if args.ignore_case else 0)
        for match in found:
            key, path = output.paint(quoted(match.key), colours.PLACE), output.paint(quoted(match.path), colours.FAINT)
            output.lines(["\t".join((key, path, _marked(match.line, pattern, output)))])
    findings.tell_the_rest(found, args, output)
    return findings.status(found) or (exits.OK if found.hits else exits.NO)


def _marked(line: str, pattern: re.Pattern[str], output: Output) -> str:
    """The line, with what was found in it in a colour."""
    pieces, done = [], 0
    for match in pattern.finditer(line):
        found = output.paint(output.text(match[0]), colours.REMOVED)
        pieces += [output.text(line[done : match.start()]), found]
        done = match.end()
    return "".join([*pieces, output.text(line[done:])])
