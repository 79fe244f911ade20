"""The command line's door: arguments in, exit status out. It knows no verb and no engine.

Data goes to standard output, talk to standard error. Everything that goes wrong on purpose is caught
here, and only here.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from fsstore.cli import exits, streams
from fsstore.cli.arguments import UsageError, parse, wants_json
from fsstore.cli.output import Output
from fsstore.errors import NotFound, StoreError


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status: see `fsstore.cli.exits`."""
    streams.prepare()
    words = list(sys.argv[1:] if argv is None else argv)
    output = Output(json=wants_json(words))
    try:
        return _run(words, output)
    except KeyboardInterrupt:
        return exits.INTERRUPTED
    except BrokenPipeError:
        return exits.BROKEN_PIPE
    except OSError as error:
        where = "cannot write the output" if error.filename is None else os.fsdecode(error.filename)
        output.failure(type(error).__name__, f"{where}: {error.strerror or error}", exits.SYSTEM)
        return exits.SYSTEM
    finally:
        streams.settle()


def _run(words: list[str], output: Output) -> int:
    status = _answer(words, output)
    sys.stdout.flush()  # here a reader that went away is met quietly; at the interpreter's end it would not be
    return status


def _answer(words: list[str], output: Output) -> int:
    arguments: argparse.Namespace | None = None
    try:
        verb, arguments = parse(words)
        output.json, output.quiet = arguments.json, arguments.quiet
        with output.hearing_warnings():
            return verb.run(arguments, output)
    except SystemExit as done:  # --help and --version
        return done.code if isinstance(done.code, int) else exits.OK
    except (StoreError, UsageError) as error:
        status = exits.status_of(error)
        if status != exits.NO or not output.quiet:  # under -q the exit status alone says "not found"
            fields = {} if isinstance(error, UsageError) else error.__dict__
            output.failure(type(error).__name__, _message(error, arguments), status, fields)
        return status


def _message(error: Exception, arguments: argparse.Namespace | None) -> str:
    """What is wrong, with the way out that a command line has."""
    if isinstance(error, NotFound) and not error.__dict__.keys() & {"revision", "prefix"} and arguments is not None:
        from fsstore.cli import missing

        return missing.message(error, arguments)
    return str(error)
