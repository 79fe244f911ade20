"""``fsstore doctor``: what in a store is no healthy record, a line each; status 4 unless all is mended or harmless."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from fsstore.cli import exits
from fsstore.cli.location import open_store
from fsstore.cli.output import Output, escape, quoted
from fsstore.cli.progress import waiting
from fsstore.records import Finding

EXAMPLE = "fsstore doctor"
HARMLESS = frozenset({"foreign", "case-clash", "large-directory"})
"""What troubles nobody here: a note beside the records, keys that only another file system would confuse."""


def add(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("--fix", action="store_true", help="mend what is safe to mend, and say what was done")


def run(args: argparse.Namespace, output: Output) -> int:
    """Report; nothing is changed but with ``--fix``, and nothing at all in a healthy store."""
    count = mended = wrong = 0
    for finding in _waited_for(_mended(args) if args.fix else _found(args), output):
        count += 1
        mended += bool(finding.repair)
        wrong += not finding.repair and finding.problem not in HARMLESS
        if output.json:
            output.documents([finding._asdict()])
        else:
            done = f" Mended: {escape(finding.repair)}." if finding.repair else ""
            output.lines([f"{quoted(finding.path)}: {finding.problem}: {escape(finding.detail)}{done}"])
    told = f"{count} {'finding' if count == 1 else 'findings'}" if count else "healthy"
    output.talk(f"{told}, {mended} mended" if args.fix and count else told)
    _tell_cost(args, output)
    return exits.DATA if wrong else exits.OK


def _waited_for(findings: Iterator[Finding], output: Output) -> Iterator[Finding]:
    """The same, with a bar until the first one comes."""
    with waiting(output, "reading everything") as stop:
        for finding in findings:
            stop()
            yield finding


def _tell_cost(args: argparse.Namespace, output: Output) -> None:
    with open_store(args, read_only=True) as store:
        cost = store.history_cost()
    if cost is not None:
        many = f"{cost.packs} {'pack' if cost.packs == 1 else 'packs'}"
        loose = f" and {cost.loose} loose objects" if cost.loose else ""
        output.talk(f"the history takes {cost.bytes:,} bytes in {many}{loose}; fsstore gc makes it small")


def _found(args: argparse.Namespace) -> Iterator[Finding]:
    with open_store(args, read_only=True) as store:
        yield from store.doctor()


def _mended(args: argparse.Namespace) -> Iterator[Finding]:
    """The same with repairs. To open a store for writing repairs something already: what a dead process left."""
    before = {(finding.path, finding.problem): finding for finding in _found(args)}
    if not before:
        return
    with open_store(args) as store:
        for finding in store.doctor(fix=True):
            before.pop((finding.path, finding.problem), None)
            yield finding
    for finding in before.values():
        if finding.problem == "leftover":
            yield finding._replace(repair="finished or removed when the store was opened")
