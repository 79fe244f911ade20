"""``fsstore doctor``: what in a store is no healthy record, a line each; status 4 unless all are foreign files."""

from __future__ import annotations

import argparse

from fsstore.cli import exits
from fsstore.cli.location import open_store
from fsstore.cli.output import Output, escape, quoted

EXAMPLE = "fsstore doctor"


def add(parser: argparse.ArgumentParser) -> None:
    """It has no arguments of its own."""
    del parser


def run(args: argparse.Namespace, output: Output) -> int:
    """Report; nothing is changed."""
    count = wrong = 0
    with open_store(args, read_only=True) as store:
        for finding in store.doctor():
            count += 1
            wrong += finding.problem != "foreign"  # a note beside the records harms nobody
            if output.json:
                output.documents([finding._asdict()])
            else:
                output.lines([f"{quoted(finding.path)}: {finding.problem}: {escape(finding.detail)}"])
    output.talk(f"{count} {'finding' if count == 1 else 'findings'}" if count else "healthy")
    return exits.DATA if wrong else exits.OK
