"""A command for each event: which are run, in which order and how many at once, and what happens if they fail."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import SimpleQueue
from types import SimpleNamespace
from typing import Any

import pytest

from fsstore.cli.commands import Commands, Plan
from fsstore.cli.output import Output
from fsstore.cli.shell import Shell, variables
from fsstore.events import Event, Kind, merged
from fsstore.records import Author
from fsstore.retrying import Retries

_PATIENCE = 60.0  # seconds
QUICK = Retries(limit=2, first=0.01)
OLD, NEW = b"o" * 20, b"n" * 20
TELL = 'cat >> "said.ndjson"'


class Given:
    """Events that a test hands over."""

    def __init__(self) -> None:
        self.queue: SimpleQueue[Event | None] = SimpleQueue()
        self.asked = 0
        self.noted: list[tuple[str, Any]] = []

    def get(self) -> Event | None:
        self.asked += 1
        return self.queue.get()

    def handled(self, event: Event) -> None:
        self.noted.append((event.key, event.value))


class Course:
    """Commands at work, in a thread."""

    def __init__(self, command: str, plan: Plan, kind: type[Commands] = Commands) -> None:
        self.given = Given()
        self.commands = kind(plan, self.given, Shell(command, {"PATH": "/usr/bin:/bin"}), Output())
        self.left = -1
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        self.left = self.commands.run()

    def put(self, key: str, value: Any, kind: Kind = "updated") -> None:
        self.given.queue.put(Event(kind, "box", key, value))

    def finish(self) -> None:
        self.given.queue.put(None)
        self._thread.join(_PATIENCE)
        assert not self._thread.is_alive()

    def stop(self) -> None:
        self.commands.end(2)
        self.finish()


@contextmanager
def course(command: str, plan: Plan, kind: type[Commands] = Commands) -> Iterator[Course]:
    at_work = Course(command, plan, kind)
    try:
        yield at_work
    finally:
        at_work.stop()


def until(is_so: Callable[[], bool]) -> None:
    end = time.monotonic() + _PATIENCE
    while not is_so():
        assert time.monotonic() < end, "it never came to be so"
        time.sleep(0.005)


def said(place: Path) -> list[tuple[str, Any]]:
    """What the commands told of: key and value, in the order of their runs."""
    path = place / "said.ndjson"
    lines = path.read_text().splitlines() if path.exists() else []
    return [(document["key"], document["value"]) for document in map(json.loads, lines)]


def waits_for(file: str) -> str:
    return f'while [ ! -e "{file}" ]; do sleep 0.01; done; '


# -- what a command is told -------------------------------------------------------------------------


ODD = ["$(touch pwned)", "`touch pwned`", "'; touch pwned; '", '"; touch pwned; "', "a\nb", "-rf", "\\", "é日本", " "]


@pytest.mark.parametrize("key", ODD)
def test_no_name_breaks_out_into_the_shell(place: Path, key: str) -> None:
    event = Event("created", key, key, [key], NEW, OLD, Author(key, key), 0.0, key)
    shell = Shell("env -0 > variables; cat > document", {"PATH": "/usr/bin:/bin", "FSSTORE_EVENT_OTHER": "another's"})
    assert shell.run(event) == ""
    found = dict(line.split("=", 1) for line in (place / "variables").read_text().split("\0") if "=" in line)
    assert {name: value for name, value in found.items() if name.startswith("FSSTORE_")} == {
        "FSSTORE_EVENT_KIND": "created",
        "FSSTORE_EVENT_NAMESPACE": key,
        "FSSTORE_EVENT_KEY": key,
        "FSSTORE_EVENT_REVISION": NEW.hex(),
        "FSSTORE_EVENT_OLD_REVISION": OLD.hex(),
        "FSSTORE_EVENT_AGENT": key,
        "FSSTORE_EVENT_RUN": key,
        "FSSTORE_EVENT_COMMIT": key,
    }
    assert (place / "document").read_text().count("\n") == 1
    assert json.loads((place / "document").read_text()) == event.as_dict()
    assert sorted(path.name for path in place.iterdir()) == ["document", "variables"]


def test_what_is_not_there_is_empty_and_what_no_environment_holds_is_left_out() -> None:
    found = variables(Event("deleted", "box", "a\0b"))
    assert found["FSSTORE_EVENT_REVISION"] == found["FSSTORE_EVENT_AGENT"] == ""
    assert "FSSTORE_EVENT_KEY" not in found
    assert (
        Shell('test -z "${FSSTORE_EVENT_KEY+set}"', {"FSSTORE_EVENT_KEY": "old"}).run(Event("deleted", "n", "\0")) == ""
    )


def test_a_command_need_not_read_and_may_leave_programs_behind(place: Path) -> None:
    large = Event("updated", "box", "k", "x" * 1_000_000)
    assert Shell("sleep 3 >/dev/null 2>&1 & true", {"PATH": "/usr/bin:/bin"}).run(large) == ""


@pytest.mark.parametrize(
    ("command", "problem"),
    [("exit 3", "exit status 3"), ("kill -TERM $$", "killed by SIGTERM"), ("nowhere-to-be-found", "exit status 127")],
)
def test_how_it_ended(command: str, problem: str) -> None:
    assert Shell(command, {"PATH": "/usr/bin:/bin"}).run(Event("updated", "box", "k")) == problem


# -- order ------------------------------------------------------------------------------------------


def check_one_at_a_time(place: Path, kind: type[Commands] = Commands) -> None:
    """Commands of one key never overlap, and those that wait are one: the newest."""
    with course(f'echo >> "began-$FSSTORE_EVENT_KEY"; {waits_for("go")}{TELL}', Plan(4, QUICK), kind) as at_work:
        at_work.put("a", 1)
        until(lambda: (place / "began-a").exists())
        for value in (2, 3, 4):
            at_work.put("a", value)
        until(lambda: at_work.given.asked == 5)  # all of them were taken up
        at_work.put("b", 1)
        until(lambda: (place / "began-b").exists())  # another key does not wait
        assert (place / "began-a").read_text() == "\n", "two at once"
        (place / "go").touch()
        at_work.finish()
    assert [value for key, value in said(place) if key == "a"] == [1, 4]
    assert at_work.left == 0
    assert sorted(at_work.given.noted) == [("a", 1), ("a", 4), ("b", 1)]


class _TwoAtOnce(Commands):
    def _arrived(self, event: Event) -> None:
        super()._arrived(event)
        key = self._keys[event.namespace, event.key]
        if key.running is not None:
            began = Path("began-a")
            before = began.read_text()
            threading.Thread(target=self._runner.run, args=(event,)).start()
            until(lambda: began.read_text() != before)


class _KeepsTheOldest(Commands):
    def _arrived(self, event: Event) -> None:
        key = self._keys.get((event.namespace, event.key))
        super()._arrived(event if key is None or key.waiting is None else key.waiting)


def test_one_at_a_time_for_each_key(place: Path) -> None:
    check_one_at_a_time(place)


@pytest.mark.parametrize("flaw", [_TwoAtOnce, _KeepsTheOldest])
def test_a_flaw_in_the_order_is_noticed(place: Path, flaw: type[Commands]) -> None:
    with pytest.raises(AssertionError):
        check_one_at_a_time(place, flaw)


def test_no_more_at_once_than_allowed_and_no_event_is_taken_for_nobody(place: Path) -> None:
    with course(f'echo >> "began-$FSSTORE_EVENT_KEY"; {waits_for("go")}{TELL}', Plan(2, QUICK)) as at_work:
        for key in "abcd":
            at_work.put(key, 1)
        until(lambda: len([*place.glob("began-*")]) == 2)
        assert at_work.given.asked == 2
        (place / "go").touch()
        at_work.finish()
    assert sorted(said(place)) == [("a", 1), ("b", 1), ("c", 1), ("d", 1)]


def test_a_limit_is_a_number_of_events(place: Path) -> None:
    with course(TELL, Plan(2, QUICK, limit=3)) as at_work:
        for number in range(5):
            at_work.put(f"k{number}", number)
        until(lambda: at_work.left == 0)
    assert sorted(said(place)) == [("k0", 0), ("k1", 1), ("k2", 2)]
    assert at_work.given.asked == 3


def test_that_the_initial_state_is_told_is_no_event_for_a_command(place: Path) -> None:
    with course(TELL, Plan(2, QUICK)) as at_work:
        at_work.given.queue.put(Event("ready"))
        at_work.given.queue.put(Event("resync"))
        at_work.finish()
    assert said(place) == [("", None)]


# -- failures ---------------------------------------------------------------------------------------


FAILS_TWICE = f'echo >> "tries-$FSSTORE_EVENT_KEY"; [ "$(wc -l < "tries-$FSSTORE_EVENT_KEY")" -gt 2 ] && {TELL}'


def test_what_fails_is_tried_again(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with course(FAILS_TWICE, Plan(2, QUICK)) as at_work:
        at_work.put("a", 1)
        at_work.finish()
    assert said(place) == at_work.given.noted == [("a", 1)]
    assert capsys.readouterr().err.splitlines() == [
        "fsstore: the command for box a failed: exit status 1; again in 0.01 s",
        "fsstore: the command for box a failed: exit status 1; again in 0.02 s",
    ]
    assert at_work.commands.given_up == 0


def check_what_fails_is_not_noted(place: Path, kind: type[Commands] = Commands) -> None:
    with course(f'[ "$FSSTORE_EVENT_KEY" = good ] && {TELL}', Plan(2, QUICK), kind) as at_work:
        at_work.put("bad", 1)
        at_work.put("good", 2)
        at_work.finish()
    assert said(place) == at_work.given.noted == [("good", 2)]
    assert (at_work.commands.given_up, at_work.left) == (1, 0)


class _NotesTooEarly(Commands):
    def _arrived(self, event: Event) -> None:
        self._events.handled(event)
        super()._arrived(event)


def test_what_is_given_up_is_not_noted(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    check_what_fails_is_not_noted(place)
    told = capsys.readouterr().err.splitlines()
    assert told[-1] == "fsstore: the command for box bad failed: exit status 1; given up after 3 tries"
    assert len(told) == 3


def test_a_note_that_comes_too_early_is_noticed(place: Path) -> None:
    with pytest.raises(AssertionError):
        check_what_fails_is_not_noted(place, _NotesTooEarly)


def test_a_newer_event_takes_the_place_of_one_that_failed(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    passed = [0.0]
    clock = SimpleNamespace(monotonic=lambda: time.monotonic() + passed[0])
    monkeypatch.setattr("fsstore.cli.commands.time", clock)
    slow = Retries(limit=1, first=3600.0, longest=3600.0)
    command = f'echo >> tries; [ "$(wc -l < tries)" -gt 1 ] && {TELL}'
    with course(command, Plan(1, slow)) as at_work:
        at_work.put("a", 1, "created")
        until(lambda: at_work.given.asked == 2)  # it failed, and waits
        at_work.put("a", 2)
        until(lambda: at_work.given.asked == 3)  # that was taken up
        passed[0] = 3600.0
        at_work.finish()
    assert said(place) == at_work.given.noted == [("a", 2)]
    assert '"kind":"created"' in (place / "said.ndjson").read_text()


def test_the_pauses_double_up_to_half_a_minute() -> None:
    assert [Retries(9).pause(failures) for failures in range(1, 11)] == [0.5, 1, 2, 4, 8, 16, 30, 30, 30, None]
    assert Retries(0).pause(1) is None
    assert Retries(10**6).pause(10**6) == 30


@pytest.mark.parametrize(
    ("older", "newer", "kind"),
    [
        ("created", "updated", "created"),
        ("created", "deleted", "deleted"),
        ("deleted", "created", "updated"),
        ("updated", "updated", "updated"),
        ("updated", "deleted", "deleted"),
        ("invalid", "updated", "updated"),
    ],
)
def test_two_events_as_one(older: Kind, newer: Kind, kind: Kind) -> None:
    before = b"" if older == "created" else b"0"
    found = merged(
        Event(older, "box", "k", 1, b"1", before, merged=1), Event(newer, "box", "k", 2, b"2", b"1", merged=2)
    )
    assert found == Event(kind, "box", "k", 2, b"2", before, merged=4)


# -- the end ----------------------------------------------------------------------------------------


def test_at_the_end_what_runs_is_waited_for_and_what_waits_is_not_begun(place: Path) -> None:
    with course(f'echo >> "began-$FSSTORE_EVENT_KEY"; {waits_for("go")}{TELL}', Plan(2, QUICK)) as at_work:
        at_work.put("a", 1)
        until(lambda: (place / "began-a").exists())
        at_work.put("a", 2)
        until(lambda: at_work.given.asked == 3)
        at_work.commands.end(1)
        (place / "go").touch()
        until(lambda: at_work.left >= 0)
    assert at_work.left == 1
    assert said(place) == at_work.given.noted == [("a", 1)]


def test_the_second_time_what_runs_is_killed_with_all_it_started(place: Path) -> None:
    with course("echo $$ > shell; sleep 3600 & echo $! > started; wait", Plan(2, QUICK)) as at_work:
        at_work.put("a", 1)
        until(lambda: (place / "started").exists() and (place / "started").read_text().endswith("\n"))
        at_work.commands.end(1)
        at_work.commands.end(2)
        until(lambda: at_work.left >= 0)
        pids = [int((place / name).read_text()) for name in ("shell", "started")]
        until(lambda: not any(_is_alive(pid) for pid in pids))
    assert (at_work.left, at_work.given.noted) == (1, [])


def test_what_the_events_raise_is_raised_when_what_runs_has_ended(place: Path) -> None:
    class Broken(Given):
        def get(self) -> Event | None:
            if self.asked:
                raise ValueError("the reason")
            return super().get()

    given = Broken()
    given.queue.put(Event("updated", "box", "a", 1))
    commands = Commands(Plan(2, QUICK), given, Shell(TELL, {"PATH": "/usr/bin:/bin"}), Output())
    with pytest.raises(ValueError, match="the reason"):
        commands.run()
    assert said(place) == given.noted == [("a", 1)]


def _is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
