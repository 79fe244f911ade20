"""``fsstore completion SHELL``: a script for bash, zsh or fish; and what may stand at the end of a line, for them."""

from __future__ import annotations

import argparse
import os
import signal
from types import FrameType

from fsstore.cli import completions, exits, shellwords
from fsstore.cli.arguments import UsageError
from fsstore.cli.output import Output
from fsstore.errors import StoreError

EXAMPLE = 'eval "$(fsstore completion bash)"'
_PATIENCE = 2  # seconds that a person waits for a suggestion


def add(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.description = (
        f"{parser.description} In ~/.bashrc: {EXAMPLE}; in ~/.zshrc, after compinit, the same for zsh; "
        "in ~/.config/fish/config.fish: fsstore completion fish | source."
    )
    parser.add_argument("shell", metavar="SHELL", nargs="?", choices=completions.SHELLS, help="bash, zsh or fish")
    parser.add_argument(
        "--line", metavar="TEXT", help="what may stand at its end, a line each; status 1: a file's name"
    )
    parser.add_argument(
        "--breaks", metavar="CHARS", help="with --line: as bash wants it, which replaces what is after these"
    )


def run(args: argparse.Namespace, output: Output) -> int:
    """Print the one or the other."""
    if (args.shell is None) == (args.line is None):
        raise UsageError(f"completion wants the name of a shell: {', '.join(completions.SHELLS)}")
    if args.shell is not None:
        script = completions.script(args.shell)
        if output.json:
            output.documents([{"shell": args.shell, "script": script}])
        else:
            output.lines([script.rstrip("\n")])
        return exits.OK
    return _suggest(args.line, args.breaks, output)


def _suggest(line: str, breaks: str | None, output: Output) -> int:
    """A line for each candidate. What is wrong, or takes too long, is no candidate; and nothing is said of it."""
    from fsstore.cli import completing

    signal.signal(signal.SIGALRM, _give_up)
    signal.alarm(_PATIENCE)
    typed = shellwords.read(line, breaks or "")
    try:
        found = completing.candidates(typed.words[1:] or [""])
    except completing.File:
        return exits.NO
    except (StoreError, UsageError):
        found = []
    finally:
        signal.alarm(0)
    if breaks is not None:
        found = [shellwords.within(each[typed.start :], typed.quote) for each in found]
    output.lines(found)
    return exits.OK


def _give_up(number: int, frame: FrameType | None) -> None:
    os._exit(exits.OK)
