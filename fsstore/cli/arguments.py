"""From words to parsed arguments. It knows the table of verbs, and imports only the one that was chosen."""

from __future__ import annotations

import argparse
import importlib
from collections.abc import Sequence
from typing import NoReturn, Protocol, cast

import fsstore
from fsstore.cli import verbs
from fsstore.cli.output import Output

_LITERAL = "\0"  # marks the words after "--"; no word of a command line can hold it
_MISREAD = ("the following arguments are required", "unrecognized arguments")  # how argparse puts it
_CLOSING = """\
The store is the one -C names, else $FSSTORE_DIR, else the nearest directory upward that holds fsstore.json.
Options for every verb may stand before or after it; a key that begins with - goes after --.
Exit status: 0 ok, 1 not found (or the agent failed), 2 usage, 3 conflict, lock timeout or busy, 4 bad data,
5 the system refused (permission, space)."""


class UsageError(Exception):
    """A command line that makes no sense; the message says what to write instead."""


class VerbModule(Protocol):
    """What a module of `fsstore.cli.verbs` defines."""

    EXAMPLE: str
    """One command, shown by ``--help`` and run by a test."""

    def add(self, parser: argparse.ArgumentParser) -> None:
        """Declare the verb's own arguments."""
        ...

    def run(self, args: argparse.Namespace, output: Output) -> int:
        """Do it; the exit status."""
        ...


class _Parser(argparse.ArgumentParser):
    """A parser that raises instead of printing and exiting."""

    def error(self, message: str) -> NoReturn:
        message = message.replace(_LITERAL, "")
        hint = "; what begins with - and is no option goes after --" if message.startswith(_MISREAD) else ""
        raise UsageError(f"{message} (see {self.prog} --help{hint})")


def wants_json(words: Sequence[str]) -> bool:
    """Are errors to be JSON, even that of parsing these words?"""
    return "--json" in (words[: words.index("--")] if "--" in words else words)


def parse(words: Sequence[str]) -> tuple[VerbModule, argparse.Namespace]:
    """The verb's module and its arguments.

    ``literals`` in them is how many of the verb's words stand after ``--``, ``None`` if that is not among them.
    Raises `UsageError`, and `SystemExit` after ``--help``.
    """
    for number, word in enumerate(words, 1):
        if not _is_text(word):
            raise UsageError(f"argument {number}, {word!a}, is not valid UTF-8")
    marked = _mark_literals(words)
    general = general_parser().parse_args(marked)
    split = "--" in words and not (general.verb or "").startswith(_LITERAL)
    general.verb = general.verb and general.verb.removeprefix(_LITERAL)
    chosen = verbs.TABLE.get(general.verb)
    if chosen is None:
        wrong = "a verb is missing" if general.verb is None else f"there is no verb {general.verb!r}"
        raise UsageError(f"{wrong}; the verbs are {', '.join(verbs.TABLE)} (see fsstore --help)")
    module = _module_of(chosen)
    parser = parser_of(general.verb)
    rest = general.rest
    del general.rest
    found = parser.parse_intermixed_args(rest, general)
    found.literals = sum(word.startswith(_LITERAL) for word in rest) if split else None
    _unmark(found)
    if found.directory == "":
        raise UsageError("-C needs the name of a directory")
    return module, found


def parser_of(verb: str) -> argparse.ArgumentParser:
    """What parses the words after a verb of the table."""
    chosen = verbs.TABLE[verb]
    module = _module_of(chosen)
    parser = _Parser(
        prog=f"fsstore {verb}",
        description=f"{chosen.summary[0].upper()}{chosen.summary[1:]}.",
        epilog=f"example:\n  {module.EXAMPLE}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    module.add(parser)
    _add_options(parser.add_argument_group("options for every verb"))
    return parser


def _module_of(verb: verbs.Verb) -> VerbModule:
    return cast(VerbModule, importlib.import_module(f"fsstore.cli.verbs.{verb.module}"))


def general_parser() -> argparse.ArgumentParser:
    """What parses the words up to the verb, and leaves those after it in ``rest``."""
    width = max(map(len, verbs.TABLE))
    listed = "\n".join(f"  {name.ljust(width)}  {verb.summary}" for name, verb in verbs.TABLE.items())
    parser = _Parser(
        prog="fsstore",
        usage="fsstore [-C DIR] [-n NAMESPACE] [--json] [-q] [--agent NAME] VERB ...",
        description=f"A key-value store of plain JSON files.\n\nverbs (each has its own --help):\n{listed}",
        epilog=_CLOSING,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"fsstore {fsstore.__version__}")
    _add_options(parser)
    parser.add_argument("verb", metavar="VERB", nargs="?", help=argparse.SUPPRESS)
    parser.add_argument("rest", nargs=argparse.REMAINDER, help=argparse.SUPPRESS)
    return parser


def _add_options(parser: argparse._ActionsContainer) -> None:
    """The options every verb has. After the verb they are parsed into what those before it gave, and undo nothing."""
    parser.add_argument("-C", dest="directory", metavar="DIR", help="the store, or a directory in it")
    parser.add_argument("-n", "--namespace", metavar="NAMESPACE", help="the namespace (default: default)")
    parser.add_argument("--json", action="store_true", help="JSON on stdout, errors as JSON on stderr")
    parser.add_argument(
        "-q", "--quiet", action="store_true", help="no talk on stderr; errors of status 2 and above are still told"
    )
    parser.add_argument("--agent", metavar="NAME", help="who writes (default: $FSSTORE_AGENT)")


def _mark_literals(words: Sequence[str]) -> list[str]:
    """Take ``--`` away and mark what follows it: argparse would treat a second ``--`` as one more."""
    if "--" not in words:
        return list(words)
    at = words.index("--")
    return [*words[:at], *(_LITERAL + word for word in words[at + 1 :])]


def _unmark(found: argparse.Namespace) -> None:
    for name, value in vars(found).items():
        if isinstance(value, str):
            setattr(found, name, value.removeprefix(_LITERAL))
        elif isinstance(value, list):
            setattr(found, name, [word.removeprefix(_LITERAL) for word in value])


def _is_text(word: str) -> bool:
    try:
        word.encode()
    except UnicodeEncodeError:
        return False
    return True
