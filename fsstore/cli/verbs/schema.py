"""``fsstore schema NAMESPACE [SCHEMA]``: the JSON Schema that every value written there has to meet."""

from __future__ import annotations

import argparse

from fsstore.cli import exits, inputs
from fsstore.cli.arguments import UsageError
from fsstore.cli.location import open_store
from fsstore.cli.output import Output
from fsstore.errors import InvalidName

EXAMPLE = 'fsstore schema limits \'{"type": "number"}\''


def add(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("where", metavar="NAMESPACE", help="whose values it is for")
    parser.add_argument("schema", metavar="SCHEMA", nargs="?", help="JSON; - reads standard input, @FILE a file")
    parser.add_argument("--remove", action="store_true", help="take it away: any value will do")


def run(args: argparse.Namespace, output: Output) -> int:
    """Set it, take it away, or print it: status 1 if there is none."""
    if args.namespace not in (None, args.where):
        raise UsageError(f"the namespace is named twice: {args.namespace} and {args.where}")
    if args.remove and args.schema is not None:
        raise UsageError("--remove takes the schema away; there is none to give with it")
    given = None if args.schema is None else inputs.json_of(args.schema, "SCHEMA")
    if args.schema is not None and given is None:
        raise UsageError("null is no schema; --remove takes it away")
    if not args.where:
        raise InvalidName("NAMESPACE is empty; name one", name="", reason="empty")
    with open_store(args, read_only=given is None and not args.remove) as store:
        if given is None and not args.remove:
            return _show(store.schema(args.where), args.where, output)
        had = store.schema(args.where) is not None
        store.schema(args.where, given)
    if output.json:
        output.documents([{"namespace": args.where, "schema": given}])
    if args.remove:
        output.talk(f"namespace {args.where!r} has no schema {'any more' if had else 'anyway'}")
    else:
        told = "what is there already stays; fsstore doctor tells what does not meet it"
        output.talk(f"every value written to namespace {args.where!r} is checked from now on; {told}")
    return exits.OK


def _show(schema: object, namespace: str, output: Output) -> int:
    if schema is None:
        output.talk(f"namespace {namespace!r} has no schema")
        return exits.NO
    output.value(schema)
    return exits.OK
