"""``fsstore run``: an agent's file, once, or for each change. What it returns is the only data on standard output."""

from __future__ import annotations

import argparse
import os

import fsstore
from fsstore.cli import agents, exits, inputs, reactions
from fsstore.cli.arguments import UsageError
from fsstore.cli.location import agent_of, namespace_of, open_store
from fsstore.cli.output import Output
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
    reactions.add(parser.add_argument_group("to run it whenever something changes"))


def run(args: argparse.Namespace, output: Output) -> int:
    """Run the agent."""
    _require_readable(args.file)
    reactions.require_sense(args)
    given = inputs.object_of(args.input, "--input")
    with _open(args) as store:
        if args.watch is not None:
            return reactions.react(args, given, store, output)
        try:
            result = agents.call(args, given, store, args.run_id)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # an agent may also end by sys.exit(), or cancel itself
            agents.report(error, args.file, output)
            return exits.NO
    output.value(agents.printable(result))
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
