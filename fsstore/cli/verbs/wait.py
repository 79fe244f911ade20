"""``fsstore wait KEY``: until a key is there, holds what is wanted, or is gone. It reads and changes nothing."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import Any

from fsstore.cli import conditions, exits, inputs, seconds
from fsstore.cli.arguments import UsageError
from fsstore.cli.location import open_store
from fsstore.cli.output import Output
from fsstore.errors import WaitTimeout
from fsstore.finding.conditions import parse
from fsstore.store import Store

EXAMPLE = "fsstore wait job:7 --where 'state=\"done\"' --timeout 60"


def add(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("key", metavar="KEY")
    parser.add_argument("--equals", metavar="JSON", help="until it holds this value")
    parser.add_argument(
        "--where",
        metavar="CONDITION",
        action="append",
        default=[],
        help="until it is so, as in fsstore find, such as result.ok=true; several times: until all are",
    )
    parser.add_argument("--gone", action="store_true", help="until there is no such key; prints nothing")
    parser.add_argument("--timeout", metavar="SECONDS", type=float, help="at most so long; then status 3")
    parser.add_argument("--raw", action="store_true", help="print a string as it is, without quotes")


def run(args: argparse.Namespace, output: Output) -> int:
    """Wait, and print the value then."""
    seconds.require_waiting(args.timeout, "--timeout")
    if args.gone and (args.where or args.equals is not None):
        raise UsageError("--gone goes with neither --equals nor --where: what is gone holds nothing")
    predicate = _predicate(args)
    with open_store(args, read_only=True) as store:
        if args.gone:
            _wait_until_gone(store, args.key, args.timeout)
            return exits.OK
        value = store.wait_for(args.key, predicate, args.timeout)
    output.value(value, raw=args.raw)
    return exits.OK


def _predicate(args: argparse.Namespace) -> Callable[[Any], bool] | None:
    """What the value has to be; ``None`` if any will do."""
    where = conditions.parse(args.where)
    if args.equals is not None:
        where[""] = {"eq": inputs.json_of(args.equals, "--equals")}
    wanted = parse(where)
    return (lambda value: all(each.holds(value) for each in wanted)) if wanted else None


def _wait_until_gone(store: Store, key: str, timeout: float | None) -> None:
    """Return when there is no such key. Raises `WaitTimeout`."""
    end = None if timeout is None else time.monotonic() + timeout
    if not store.exists(key):
        return
    with store.watch(key, store.name) as changes:
        while store.exists(key):
            left = None if end is None else end - time.monotonic()
            if left is not None and left <= 0:
                raise WaitTimeout(
                    f"key {key!r} of namespace {store.name!r} was still there after {timeout:g} s.", seconds=timeout
                )
            changes.get(timeout=left)
