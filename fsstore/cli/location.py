"""Which store a command means, and opening it. It knows directories and their marker, not what is in them."""

from __future__ import annotations

import argparse
import os

import fsstore
from fsstore.cli.arguments import UsageError
from fsstore.errors import StoreMissing
from fsstore.store import Store

MARKER = "fsstore.json"


def open_store(args: argparse.Namespace, *, read_only: bool = False) -> Store:
    """The store of this command, with the handle of its namespace and agent. It is never made here."""
    return fsstore.open(
        store_directory(args),
        agent_of(args),
        namespace_of(args),
        create=False,
        read_only=read_only,
    )


def namespace_of(args: argparse.Namespace) -> str:
    """The namespace named, or the default one."""
    return "default" if args.namespace is None else str(args.namespace)


def agent_of(args: argparse.Namespace) -> str | None:
    """Who writes: the agent named, or that of the environment."""
    return args.agent or os.environ.get("FSSTORE_AGENT") or None


def is_store(directory: str) -> bool:
    """Does the directory carry the marker?"""
    return os.path.lexists(os.path.join(directory, MARKER))


def store_directory(args: argparse.Namespace) -> str:
    """The store named, or found upward. Raises `StoreMissing`."""
    named = args.directory or os.environ.get("FSSTORE_DIR")
    if named and not args.directory:
        return named  # opening it says what is wrong with it
    start = os.path.abspath(named) if named else working_directory()
    if not os.path.isdir(start):  # do not climb from a misspelt name to some other store
        raise StoreMissing(f"{start} is no directory. A store is one: fsstore init DIR makes it.", path=start)
    directory = start
    while not is_store(directory):
        parent = os.path.dirname(directory)
        if parent == directory:
            raise StoreMissing(
                f"{start} is in no store: neither it nor a directory above it holds {MARKER}. "
                f"Name a store with -C DIR or FSSTORE_DIR, or make one with: fsstore init",
                path=start,
            )
        directory = parent
    return directory


def working_directory() -> str:
    """The current directory. Raises `UsageError` if it was deleted."""
    try:
        return os.getcwd()
    except OSError as error:
        raise UsageError(f"the current directory cannot be told ({error.strerror}); go to one that exists") from None
