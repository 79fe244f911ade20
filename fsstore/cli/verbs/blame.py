"""``fsstore blame KEY``: which commit gave each member of a value what it holds now."""

from __future__ import annotations

import argparse
from typing import Any

from fsstore.cli import commits, exits
from fsstore.cli.changes import brief
from fsstore.cli.location import open_store
from fsstore.cli.output import Output, quoted
from fsstore.commits import Blame

EXAMPLE = "fsstore blame greeting"


def add(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("key", metavar="KEY")


def run(args: argparse.Namespace, output: Output) -> int:
    """One line for each member of the object; for a value of any other type one line without a member's name."""
    with open_store(args, read_only=True) as store:
        with commits.naming(store.at("HEAD")):
            found = store.blame(args.key)
        if output.json:
            output.documents(_document(each) for each in found)
        else:
            width = max([len(_member(each)) for each in found], default=0) if output.terminal else 0
            output.lines(
                commits.row(each.commit, output, _member(each).ljust(width), brief(each.value, output))
                for each in found
            )
    return exits.OK


def _member(blame: Blame) -> str:
    return "" if blame.member is None else quoted(blame.member)


def _document(blame: Blame) -> dict[str, Any]:
    return {**blame._asdict(), "commit": blame.commit.as_dict()}
