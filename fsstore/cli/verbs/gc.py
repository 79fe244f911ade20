"""``fsstore gc``: the repository of the store in less space."""

from __future__ import annotations

import argparse

from fsstore.cli import exits
from fsstore.cli.location import open_store
from fsstore.cli.output import Output
from fsstore.cli.progress import waiting

EXAMPLE = "fsstore gc"


def add(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments: there are none."""


def run(args: argparse.Namespace, output: Output) -> int:
    """Pack it, and say what that brought. No commit is lost by it."""
    with open_store(args) as store, waiting(output, "packing"):
        packed = store.gc()
    if output.json:
        output.documents([{"before": packed.before._asdict(), "after": packed.after._asdict()}])
    output.talk(f"the history takes {packed.after.bytes:,} bytes, {packed.before.bytes:,} before")
    return exits.OK
