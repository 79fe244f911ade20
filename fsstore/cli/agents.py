"""Calling the file of an agent as a script is called, with what it prints, how it fails and how it is stopped."""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import sys
import threading
from collections.abc import Iterator
from types import FrameType
from typing import Any

import fsstore
from fsstore import values
from fsstore.cli import exits
from fsstore.cli.location import agent_of, namespace_of
from fsstore.cli.output import Output, compact
from fsstore.cli.traces import trace_of
from fsstore.errors import InvalidValue, UnsupportedType
from fsstore.store import Store


def call(args: argparse.Namespace, given: dict[str, Any], store: Store, run_id: str | None) -> Any:
    """One run of the agent, by the arguments of ``fsstore run``: what it returns. Raises what it raises."""
    with _own_place(args.file), _interruptible(), _stdout_is_stderr():
        return fsstore.run_agent(
            args.file,
            given,
            store=store,
            name=agent_of(args),
            namespace=namespace_of(args),
            snapshot=not args.no_snapshot,
            on_error=args.on_error,
            run_id=run_id,
            ops=_print_operation if args.ops else None,
        )


def printable(result: Any) -> Any:
    """The result as plain JSON values. Raises the error of storing it, in the words of a result."""
    try:
        return values.decode(values.encode(result))
    except (UnsupportedType, InvalidValue) as error:
        raise type(error)(f"what the agent returned has no JSON form: {error}", **error.__dict__) from None


def report(error: BaseException, path: str, output: Output) -> None:
    """Tell why an agent failed, in its own terms."""
    trace = trace_of(error, path)
    if output.json:
        message = str(error) or type(error).__name__
        output.failure(type(error).__name__, message, exits.NO, {"agent_file": path, "traceback": trace})
    else:
        sys.stderr.write(trace)


def _print_operation(operation: fsstore.Operation) -> None:
    sys.stderr.write(f"{compact(operation._asdict())}\n")


@contextlib.contextmanager
def _own_place(path: str) -> Iterator[None]:
    """Let the agent import its neighbours and see its own name, as a script does."""
    place = os.path.dirname(os.path.abspath(path))
    words = sys.argv
    sys.path.insert(0, place)
    sys.argv = [path]
    try:
        yield
    finally:
        sys.argv = words
        with contextlib.suppress(ValueError):
            sys.path.remove(place)


@contextlib.contextmanager
def _interruptible() -> Iterator[None]:
    """Make one Ctrl-C enough: asyncio's own handler only cancels, which an agent that computes never notices."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.getsignal(signal.SIGINT)
    if before is signal.default_int_handler:
        signal.signal(signal.SIGINT, _interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


@contextlib.contextmanager
def _stdout_is_stderr() -> Iterator[None]:
    """Send what the agent and the programs it starts print to standard error."""
    sys.stdout.flush()
    try:
        kept = os.dup(1)
    except OSError:  # closed by who started us
        kept = -1
    try:
        if kept >= 0:
            with contextlib.suppress(OSError):
                os.dup2(2, 1)
        with contextlib.redirect_stdout(sys.stderr):
            yield
    finally:
        if kept >= 0:
            os.dup2(kept, 1)
            os.close(kept)
