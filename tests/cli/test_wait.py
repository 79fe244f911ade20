"""``fsstore wait``: for a key, for what it is to hold, for its end; and how long."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import fsstore
from fsstore.cli.verbs import wait
from fsstore.errors import WaitTimeout
from fsstore.store import Store

from .command import Command, process
from .live import Live

pytestmark = pytest.mark.usefixtures("directory")


def test_what_is_there_is_printed_at_once(cli: Command) -> None:
    cli.ok("set", "k", '"text"')
    assert process("wait", "k") == (0, '"text"\n', "")
    assert cli.ok("wait", "k", "--raw", "--timeout", "0") == "text\n"


@pytest.mark.parametrize(
    ("condition", "values"),
    [
        ((), [{"a": 1}]),
        (("--equals", '{"b": 2, "a": 1.5}'), [{"a": 1}, {"a": 1.5, "b": 2}]),
        (("--equals", "1"), [True, 1]),
        (("--equals", "null"), [0, None]),
        (("--where", ">=2", "--where", "<3"), [1, "2", 3, 2.5]),
        (("--where", 'state="done"'), [{"state": "new"}, ["done"], "done", {"state": "done", "n": 1}]),
        (("--where", "a.b.1=[2]", "--where", "c=true"), [{"a": {"b": [0, [2]]}}, {"a": {"b": [0, [2]]}, "c": True}]),
    ],
)
def test_until_it_holds_what_is_wanted(directory: Path, condition: tuple[str, ...], values: list[Any]) -> None:
    with fsstore.open(directory) as store, Live("wait", "k", *condition) as waiting:
        for value in values:
            store.set("k", value)
            if value is not values[-1]:
                assert process("wait", "k", *condition, "--timeout", "0").status == 3
        waiting.until(lambda live: live.process.poll() is not None)
        assert waiting.wait() == (0, "")
        assert waiting.documents == [values[-1]]


def test_until_it_is_gone(cli: Command, directory: Path) -> None:
    assert cli("wait", "k", "--gone") == (0, "", "")
    with fsstore.open(directory) as store:
        store.set_many({"k": 1, "key": 2})
        with Live("wait", "k", "--gone") as waiting:
            store.delete("key")
            (directory / "default" / "k.json").unlink()
            waiting.until(lambda live: live.process.poll() is not None)
            assert (*waiting.wait(), waiting.out) == (0, "", "")


def test_not_in_time_is_status_3(cli: Command) -> None:
    result = cli("wait", "k", "--timeout", "0.01")
    assert (result.status, result.out) == (3, "")
    assert result.err == "fsstore: key 'k' of namespace 'default' was not there within 0.01 s. Is its writer alive?\n"
    cli.ok("set", "k", "1")
    result = cli("wait", "k", "--gone", "--timeout", "0.01", "--json")
    assert (result.status, result.error["error"], result.error["exit"]) == (3, "WaitTimeout", 3)


def check_gone_in_between(directory: Path, until_gone: Callable[[Store, str, float | None], None]) -> None:
    """The key goes between the first look and the beginning of the watch."""

    class Deleting(Store):
        __slots__ = ()

        def watch(self, *args: Any, **kwargs: Any) -> Any:
            self.delete("k")
            return super().watch(*args, **kwargs)

    with fsstore.open(directory) as store:
        store.set("k", 1)
        store.__class__ = Deleting
        until_gone(store, "k", 0.2)


def _looks_too_early(store: Store, key: str, timeout: float | None) -> None:
    if not store.exists(key):
        return
    with store.watch(key, store.name) as changes:
        end = time.monotonic() + (timeout or 0)
        while (event := changes.get(timeout=max(0.0, end - time.monotonic()))) is None or event.key != key:
            if time.monotonic() > end:
                raise WaitTimeout("it was never told", seconds=timeout)


def test_no_end_goes_unnoticed(directory: Path) -> None:
    check_gone_in_between(directory, wait._wait_until_gone)


def test_a_look_that_comes_too_early_is_noticed(directory: Path) -> None:
    with pytest.raises(WaitTimeout):
        check_gone_in_between(directory, _looks_too_early)


@pytest.mark.parametrize(
    "words",
    [
        ("--timeout", "-1"),
        ("--timeout", "nan"),
        ("--gone", "--equals", "1"),
        ("--gone", "--where", "a=1"),
        ("--where", "a"),
    ],
)
def test_what_cannot_be_meant_is_usage(cli: Command, words: tuple[str, ...]) -> None:
    assert cli("wait", "k", *words).status == 2


def test_a_string_wants_its_quotes(cli: Command) -> None:
    result = cli("wait", "k", "--where", "state=done")
    assert result.status == 4
    assert result.err.endswith("A string wants its quotes: 'state=\"done\"'.\n")


def test_a_signal_ends_it_without_a_word(directory: Path) -> None:
    with Live("wait", "k", program=["sh", "-c", 'echo up; exec "$FSSTORE_PYTHON" -m fsstore "$@"', "sh"]) as waiting:
        waiting.until(lambda live: live.out)
        waiting.process.send_signal(signal.SIGTERM)
        status, err = waiting.wait()
        assert (status, err) == (-signal.SIGTERM, "")
