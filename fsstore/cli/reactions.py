"""``fsstore run --watch``: an agent's file, once for all that was changed since its last run. It observes nothing."""

from __future__ import annotations

import argparse
import contextlib
import signal
import sys
import threading
from collections.abc import Iterator
from types import FrameType
from typing import Any

from fsstore.cli import agents, exits
from fsstore.cli.arguments import UsageError
from fsstore.cli.ending import Ending
from fsstore.cli.output import Output
from fsstore.cli.verbs.log import require_limit
from fsstore.errors import InvalidValue, UnsupportedType
from fsstore.events import Event
from fsstore.reacting import Reactor, with_events
from fsstore.retrying import Retries
from fsstore.store import Store

_SIGNALS = (signal.SIGTERM, signal.SIGHUP)
_OPTIONS = ("prefix", "name", "replay", "debounce", "retries", "limit")


def add(parser: argparse._ActionsContainer) -> None:
    """Declare the arguments of ``fsstore run`` that are for this."""
    parser.add_argument(
        "--watch", metavar="NS[:PREFIX]", help="the namespace, and how the keys begin; its input gets the events"
    )
    parser.add_argument("--prefix", metavar="PREFIX", help="how the keys begin; then --watch is all namespace")
    parser.add_argument("--name", metavar="NAME", help="keep under this name what it has dealt with, and go on there")
    parser.add_argument("--replay", action="store_true", help="first run it for all the keys there are")
    parser.add_argument("--debounce", metavar="SECONDS", type=float, help="wait so long for further changes")
    parser.add_argument("--retries", metavar="N", type=int, help="repeat a run that fails so often (default: 5)")
    parser.add_argument("--limit", metavar="N", type=int, help="end after so many batches of changes")


def require_sense(args: argparse.Namespace) -> None:
    """Raise `UsageError` for what cannot be meant."""
    require_limit(args.limit)
    if args.watch is None:
        for option in _OPTIONS:
            given = getattr(args, option)
            if given is not None and given is not False:
                raise UsageError(f"--{option} is for --watch NS[:PREFIX]")
        return
    if not _watched(args)[0]:
        raise UsageError(f"--watch {args.watch}: before the colon stands a namespace")
    if args.run_id is not None:
        raise UsageError("--run-id names one run; with --watch there are many")
    if args.debounce is not None and not args.debounce >= 0:
        raise UsageError(f"--debounce {args.debounce:g}: a number of seconds is wanted")
    if args.retries is not None and args.retries < 0:
        raise UsageError(f"--retries {args.retries}: at least 0 is wanted")


def _watched(args: argparse.Namespace) -> tuple[str, str]:
    """Namespace and prefix: what stands before and after the first colon, unless the prefix is named."""
    if args.prefix is not None:
        return args.watch, args.prefix
    namespace, _, prefix = args.watch.partition(":")
    return namespace, prefix


def react(args: argparse.Namespace, given: dict[str, Any], store: Store, output: Output) -> int:
    """Run the agent for each batch of changes, and print what it returns each time."""

    def run(batch: list[Event], run_id: str) -> Any:
        return agents.call(args, with_events(given, batch), store, run_id)

    def done(result: Any) -> None:
        try:
            output.value(agents.printable(result))
        except (UnsupportedType, InvalidValue) as error:  # it is no reason to end
            output.failure(type(error).__name__, str(error), exits.DATA, error.__dict__)
        sys.stdout.flush()

    def failed(error: BaseException, failures: int, pause: float | None) -> None:
        agents.report(error, args.file, output)
        if pause is not None:
            output.talk(f"the run failed; again in {pause:g} s")
        else:
            tries = "1 try" if failures == 1 else f"{failures} tries"
            output.failure("RunFailed", f"the run failed; given up after {tries}", exits.NO)

    namespace, prefix = _watched(args)
    retries = Retries() if args.retries is None else Retries(args.retries)
    ending = Ending(lambda times: events.close())
    try:
        with (
            terminable(),
            store.watch(prefix or None, namespace, name=args.name, replay=args.replay, manual=True) as events,
            ending.listening(signals=False),  # they interrupt the agent
        ):
            reactor = Reactor(store, events, run, name=args.name, debounce=args.debounce or 0.0)
            given_up = reactor.react(retries, failed, args.limit, done)
    except Terminated as error:
        return exits.SIGNALLED + error.number
    return ending.status or (exits.NO if given_up else exits.OK)


class Terminated(KeyboardInterrupt):
    """A signal asks the program to end, as a person does with Ctrl-C."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number


@contextlib.contextmanager
def terminable() -> Iterator[None]:
    """Let a signal end the run under way like Ctrl-C, so that it is known how it ended."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in _SIGNALS}
    for number, was in before.items():
        if was is signal.SIG_DFL:
            signal.signal(number, _terminate)
    try:
        yield
    finally:
        for number, was in before.items():
            signal.signal(number, was)


def _terminate(number: int, frame: FrameType | None) -> None:
    raise Terminated(number)
