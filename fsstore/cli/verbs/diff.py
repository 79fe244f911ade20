"""``fsstore diff``: what differs between two revisions, or between one and the files as they are now."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import NamedTuple

from fsstore.cli import changes, exits
from fsstore.cli.arguments import UsageError
from fsstore.cli.location import namespace_of, open_store
from fsstore.cli.output import Output
from fsstore.commits import Change
from fsstore.errors import UnknownRevision
from fsstore.store import Store

EXAMPLE = "fsstore diff HEAD~1 HEAD -- greeting"


class _Wanted(NamedTuple):
    """What the words mean."""

    revisions: list[str]
    """None, one or two."""
    key: str | None
    guessed: bool
    """Is the key one because it is no revision?"""


def add(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.usage = "fsstore diff [-h] [options] [REVISION [REVISION]] [--] [KEY]"
    parser.add_argument(
        "words",
        metavar="WORD",
        nargs="*",
        help="from the first revision (default: HEAD) to the second (default: the files as they are now), of all keys "
        "or of one; the last word is a KEY if it names no revision, or stands after --",
    )


def run(args: argparse.Namespace, output: Output) -> int:
    """Show the differences; -n without a key narrows them to a namespace. Status 0, whether there are any or not."""
    with open_store(args, read_only=True) as store:
        wanted = _wanted(args, store)
        namespace = args.namespace if wanted.key is None else namespace_of(args)
        from_, to = [*wanted.revisions, None, None][:2] if wanted.revisions else ("HEAD", None)
        found = [
            change
            for change in store.diff(from_, to)
            if namespace in (None, change.namespace) and wanted.key in (None, change.key)
        ]
        if wanted.guessed and not found and not store.exists(str(wanted.key)):
            raise UnknownRevision(
                f"{wanted.key!r} is neither a revision nor a key of namespace {store.name!r}. fsstore log shows the "
                f"revisions, fsstore ls the keys; a key that is gone goes after --.",
                revision=wanted.key,
            )
        if output.json:
            output.documents(map(changes.document, found))
        else:
            output.lines(_lines(found, output))
    return exits.OK


def _wanted(args: argparse.Namespace, store: Store) -> _Wanted:
    words: list[str] = args.words
    guessed = False
    if args.literals is not None:
        count = len(words) - args.literals
    else:
        guessed = bool(words) and not _is_revision(store, words[-1])
        count = len(words) - guessed
        if words and not guessed and store.exists(words[-1]):
            raise UsageError(f"{words[-1]!r} is a revision and a key: write {words[-1]} -- or -- {words[-1]}")
    if count > 2 or len(words) - count > 1:
        raise UsageError("diff takes two revisions and one key at most")
    return _Wanted(words[:count], words[count] if count < len(words) else None, guessed)


def _is_revision(store: Store, word: str) -> bool:
    try:
        store.at(word)
    except UnknownRevision:
        return False
    return True


def _lines(found: list[Change], output: Output) -> Iterator[str]:
    for number, change in enumerate(found):
        if number:
            yield ""
        yield from changes.lines(change, output)
