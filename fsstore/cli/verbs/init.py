"""``fsstore init``: make a directory a store, and say first what would become of the files in it."""

from __future__ import annotations

import argparse
import os
from typing import NamedTuple

import fsstore
from fsstore import keys
from fsstore.cli import exits
from fsstore.cli.arguments import UsageError
from fsstore.cli.location import is_store, working_directory
from fsstore.cli.output import Output, quoted
from fsstore.errors import HistoryUnavailable
from fsstore.opening import adopt, configure, init_git

EXAMPLE = "fsstore init notes"


def add(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("where", metavar="DIR", nargs="?", help="default: -C, $FSSTORE_DIR or the current directory")
    parser.add_argument("--adopt", action="store_true", help="also if it is not empty: list what becomes a key")
    parser.add_argument("--dry-run", action="store_true", help="with --adopt: only list")
    parser.add_argument("--git", action="store_true", help="its own git repository, also inside a larger one")
    parser.add_argument("--no-git", action="store_true", help="no git repository, now and later: no history is kept")


def run(args: argparse.Namespace, output: Output) -> int:
    """Make the store, unless it is one, and its git repository, unless there is a reason not to."""
    if args.where == "":
        raise UsageError("DIR is empty; name a directory")
    if args.dry_run and not args.adopt:
        raise UsageError("--dry-run goes with --adopt; init alone never changes a file that is there")
    if args.git and args.no_git:
        raise UsageError("--git and --no-git contradict each other")
    directory = args.where or args.directory or os.environ.get("FSSTORE_DIR") or working_directory()
    directory = os.path.abspath(directory)
    there = is_store(directory)
    if args.adopt and not there:
        _list_adoptable(directory, output)
    if args.dry_run:
        output.talk(f"{directory} is a store already" if there else "nothing was changed")
        return exits.OK
    if args.adopt:
        adopt(directory)
    else:
        fsstore.open(directory).close()
    history = _settle_git(args, directory)
    if output.json and not args.adopt:
        output.documents([{"path": directory, "created": not there, "git": history.kept}])
    output.talk(f"{directory} is a store already" if there else f"made a store in {directory}")
    if history.told:
        output.talk(history.told)
    return exits.OK


class _History(NamedTuple):
    kept: bool
    """Does the store have a git repository now?"""
    told: str
    """What was done about that, or why nothing was; empty where nothing was to be done."""


def _settle_git(args: argparse.Namespace, directory: str) -> _History:
    """Make the repository, unless it is there or not wanted; the setting is what a later init goes by."""
    if args.no_git:
        changed = configure(directory, "git", False)
        return _History(False, "from now on it keeps no history" if changed else "")
    if args.git:
        configure(directory, "git", None)
    try:
        made = init_git(directory, force=args.git)
        with fsstore.open(directory, read_only=True) as store:
            store.log(limit=0)  # one that was there already may be none to use
    except HistoryUnavailable as error:
        return _History(False, f"it has no git repository: {error.reason}")
    return _History(True, "" if made is None else f"made a git repository in {made}")


def _list_adoptable(directory: str, output: Output) -> None:
    """Keys on standard output, the number of what stays foreign as talk."""
    found, foreign = adopt(directory, dry_run=True)
    rows = [(name, key, keys.path_of(name, key)) for name, of_name in found.items() for key in of_name]
    if output.json:
        output.documents({"namespace": name, "key": key, "path": path} for name, key, path in rows)
    else:
        output.lines("\t".join(map(quoted, row)) for row in rows)
    first = f", such as {quoted(foreign[0])}" if foreign else ""
    output.talk(f"{len(rows)} files become keys; {len(foreign)} stay as they are, foreign to the store{first}")
