"""What is said of a search beside its hits: that there are more, and what could not be read. It searches nothing."""

from __future__ import annotations

import argparse
from typing import Any

from fsstore.cli import exits, shellwords
from fsstore.cli.output import Output
from fsstore.finding.results import Found


def tell_the_rest(found: Found[Any], args: argparse.Namespace, output: Output) -> None:
    """How to go on, and how many files are in the way."""
    if found.cut:
        output.talk(f"there are more; go on with the same and --after={shellwords.quote(str(found.after))}")
    if found.errors:
        first = next(iter(found.errors))
        told = f"{len(found.errors)} unreadable, the first: {first!r}"
        output.talk(f"{told}; fsstore doctor says what is wrong with them")


def status(found: Found[Any]) -> int:
    """4 if files could not be read, so that nobody knows whether they belong to it."""
    return exits.DATA if found.errors else exits.OK
