"""A commit as text: one line of a list, or its head with the whole message. It reads no history."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from fsstore.cli import colours
from fsstore.cli.output import Output, escape
from fsstore.commits import Commit
from fsstore.errors import NotFound
from fsstore.history.view import Past

_SHORT = 10  # hexadecimal digits: one in a million stores of 10,000 objects has two that share them
_AUTHOR = 12  # columns


def row(commit: Commit, output: Output, *more: str) -> str:
    """Short id, time and author, and what else is to be told: columns on a terminal, else divided by tabs."""
    author = escape(commit.author)
    if not output.terminal:
        return "\t".join((short(commit), _second(commit), author, *more))
    words = (output.paint(short(commit), colours.COMMIT), _second(commit), author.ljust(_AUTHOR), *more)
    return "  ".join(words).rstrip()


def line(commit: Commit, output: Output) -> str:
    """One line of a log. A terminal also gets to see how a run ended that did not end well."""
    summary = escape(commit.summary)
    if output.terminal and commit.status not in (None, "ok"):
        summary += output.paint(f"  [{escape(str(commit.status))}]", colours.REMOVED)
    return row(commit, output, summary)


def head(commit: Commit, output: Output) -> Iterator[str]:
    """What ``git show`` would say of it; agent, run and status are trailers of the message."""
    yield output.paint(f"commit {commit.id}", colours.COMMIT)
    if len(commit.parents) > 1:
        yield f"Merge:  {' '.join(parent[:_SHORT] for parent in commit.parents)}"
    yield f"Author: {escape(commit.author)} <{escape(commit.email)}>"
    yield f"Date:   {_second(commit)}"
    yield ""
    for each in commit.message.rstrip("\n").split("\n"):
        yield f"    {output.text(each)}".rstrip()


def short(commit: Commit) -> str:
    """The id as a person types it."""
    return commit.id[:_SHORT]


@contextlib.contextmanager
def naming(then: Past) -> Iterator[None]:
    """Let a `NotFound` of the block say that it is about this commit: the key may be there now."""
    try:
        yield
    except NotFound as error:
        message = f"commit {short(then.commit)} has no key {error.key!r} in namespace {error.namespace!r}."
        fields = {**error.__dict__, "revision": then.commit.id}
        raise NotFound(message, **fields) from None


def _second(commit: Commit) -> str:
    return f"{commit.time[:19]}Z"
