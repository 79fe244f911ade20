"""``fsstore run``: one call of an agent's file; what it returns is the only data on standard output."""

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
from fsstore.cli import exits, inputs
from fsstore.cli.arguments import UsageError
from fsstore.cli.location import agent_of, namespace_of, open_store
from fsstore.cli.output import Output, compact
from fsstore.cli.traces import trace_of
from fsstore.errors import InvalidValue, UnsupportedType
from fsstore.store import Store

EXAMPLE = 'fsstore run agent.py --input \'{"topic": "storage"}\''


def add(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("file", metavar="AGENT.py", help="defines run(input_dict, tools), async or plain")
    parser.add_argument("--input", metavar="JSON", default="{}", help="an object; - reads standard input, @FILE a file")
    parser.add_argument("--store", metavar="DIR", help="the store, made if it is missing")
    parser.add_argument("--run-id", metavar="ID", help="how the history names this run (default: a new name)")
    parser.add_argument("--no-snapshot", action="store_true", help="leave what it wrote to the next snapshot")
    parser.add_argument(
        "--on-error",
        metavar="keep|rollback",
        choices=("keep", "rollback"),
        default="keep",
        help="what becomes of its writes if it fails: they stay (default), or the keys get back what they held",
    )
    parser.add_argument("--ops", action="store_true", help="print each operation on the store as JSON on stderr")


def run(args: argparse.Namespace, output: Output) -> int:
    """Run the agent."""
    _require_readable(args.file)
    given = inputs.object_of(args.input, "--input")
    with _open(args) as store:
        try:
            with _own_place(args.file), _interruptible(), _stdout_is_stderr():
                result = fsstore.run_agent(
                    args.file,
                    given,
                    store=store,
                    name=agent_of(args),
                    namespace=namespace_of(args),
                    snapshot=not args.no_snapshot,
                    on_error=args.on_error,
                    run_id=args.run_id,
                    ops=_print_operation if args.ops else None,
                )
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # an agent may also end by sys.exit(), or cancel itself
            _report(error, args.file, output)
            return exits.NO
    output.value(_printable(result))
    return exits.OK


def _require_readable(path: str) -> None:
    try:
        os.close(os.open(path, os.O_RDONLY))
    except OSError as error:
        raise UsageError(f"AGENT.py {path}: {error.strerror}") from None


def _open(args: argparse.Namespace) -> Store:
    if args.store is None:
        return open_store(args)
    if not args.store:
        raise UsageError("--store needs the name of a directory")
    return fsstore.open(args.store, agent_of(args), namespace_of(args))


def _printable(result: Any) -> Any:
    """The result as plain JSON values. Raises the error of storing it, in the words of a result."""
    try:
        return values.decode(values.encode(result))
    except (UnsupportedType, InvalidValue) as error:
        raise type(error)(f"what the agent returned has no JSON form: {error}", **error.__dict__) from None


def _report(error: BaseException, path: str, output: Output) -> None:
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
