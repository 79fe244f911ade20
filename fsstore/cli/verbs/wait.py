"""``fsstore wait KEY``: until a key is there, holds what is wanted, or is gone. It reads and changes nothing."""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from typing import Any

from fsstore.cli import exits, inputs, seconds
from fsstore.cli.arguments import UsageError
from fsstore.cli.location import open_store
from fsstore.cli.output import Output
from fsstore.errors import WaitTimeout
from fsstore.store import Store

EXAMPLE = "fsstore wait job:7 --where 'state=\"done\"' --timeout 60"
_TEXT = "A string wants its quotes: --where 'state=\"done\"'."


def add(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("key", metavar="KEY")
    parser.add_argument("--equals", metavar="JSON", help="until it holds this value")
    parser.add_argument(
        "--where",
        metavar="PATH=JSON",
        action="append",
        default=[],
        help="until this member of its value, such as result.ok, is this; may be given several times: all must be",
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
    wanted: list[tuple[list[str], str]] = []
    if args.equals is not None:
        wanted.append(([], _form(inputs.json_of(args.equals, "--equals"))))
    for condition in args.where:
        path, is_one, text = condition.partition("=")
        if not is_one or not path:
            raise UsageError(f"--where {condition}: PATH=JSON is wanted, such as state='\"done\"'")
        wanted.append((path.split("."), _form(inputs.json_of(text, f"--where {path}", _TEXT))))
    return (lambda value: all(_holds(value, path, form) for path, form in wanted)) if wanted else None


def _form(value: Any) -> str:
    """The same text for equal values: ``1`` is not ``true``, and the order of members does not count."""
    return json.dumps(value, sort_keys=True)


def _holds(value: Any, path: list[str], form: str) -> bool:
    """Is what lies at the path that value? A number in the path counts the items of a list, from 0."""
    for name in path:
        if isinstance(value, dict) and name in value:
            value = value[name]
        elif isinstance(value, list) and name.isdecimal() and int(name) < len(value):
            value = value[int(name)]
        else:
            return False
    return _form(value) == form


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
