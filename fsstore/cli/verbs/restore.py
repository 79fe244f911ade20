"""``fsstore restore``: keys get back what they held in a commit, by a new commit; nothing is lost by it."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from fsstore.cli import commits, exits
from fsstore.cli.arguments import UsageError
from fsstore.cli.location import namespace_of, open_store
from fsstore.cli.output import Output, quoted
from fsstore.cli.progress import waiting
from fsstore.commits import Restored
from fsstore.store import Store

EXAMPLE = "fsstore restore HEAD~1 greeting"


def add(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("revision", metavar="REVISION", help="the commit that holds what is wanted back")
    parser.add_argument("key", metavar="KEY", nargs="?", help="the key; without it, one of the next two is wanted")
    parser.add_argument("--all", action="store_true", help="every key of the namespace, also what came since: it goes")
    parser.add_argument("--whole-store", action="store_true", help="the same, of all namespaces")
    parser.add_argument("--dry-run", action="store_true", help="only list what would be set and deleted")


def run(args: argparse.Namespace, output: Output) -> int:
    """Restore, and list each key that is not as it was; what had its old value already is left alone."""
    if (args.key is not None) + args.all + args.whole_store != 1:
        raise UsageError("restore takes either KEY, or --all, or --whole-store")
    if args.whole_store and args.namespace is not None:
        raise UsageError("--whole-store goes with no namespace; --all restores the one that -n names")
    namespace = None if args.whole_store else namespace_of(args)
    with open_store(args, read_only=args.dry_run) as store:
        with waiting(output, "restoring"):
            restored = store.restore(args.revision, namespace, args.key, dry_run=args.dry_run)
        if not (restored.set or restored.deleted):
            _require_there(store, args.revision, args.key)
    if output.json:
        output.documents([_document(restored)])
    else:
        output.lines(_lines(restored))
    done = f"{len(restored.set)} {_keys(len(restored.set))} set, {len(restored.deleted)} deleted"
    made = "" if restored.commit is None else f" in commit {commits.short(restored.commit)}"
    output.talk(
        f"{'would be ' if args.dry_run else ''}{done}{made}" if restored.set or restored.deleted else "nothing differs"
    )
    return exits.OK


def _require_there(store: Store, revision: str, key: str | None) -> None:
    """A key that is not there, and was not, is rather a misspelt one than a restored one. Raises `NotFound`."""
    if key is not None and not store.exists(key):
        then = store.at(revision)
        with commits.naming(then):
            then.use_namespace(store.name)[key]


def _document(restored: Restored) -> dict[str, object]:
    pairs = {
        name: [{"namespace": namespace, "key": key} for namespace, key in found]
        for name, found in (("set", restored.set), ("deleted", restored.deleted))
    }
    return {"commit": None if restored.commit is None else restored.commit.as_dict(), **pairs}


def _lines(restored: Restored) -> Iterator[str]:
    for verb, found in (("set", restored.set), ("deleted", restored.deleted)):
        for namespace, key in found:
            yield "\t".join((verb, quoted(namespace), quoted(key)))


def _keys(count: int) -> str:
    return "key" if count == 1 else "keys"
