"""``fsstore watch``: what a person sees, what a program reads, and how it ends."""

from __future__ import annotations

import array
import fcntl
import os
import signal
import subprocess
import sys
import termios
import time
from pathlib import Path
from typing import Any

import pytest

import fsstore

from .command import ENTRY, Command, process, shell
from .live import FSSTORE, PATIENCE, Live, until
from .test_run import agent

WRITES = """
def run(input_dict, tools):
    for key, value in input_dict.items():
        data_store.set(key, value)
"""


def told(documents: list[Any]) -> list[tuple[str, str, Any]]:
    return [(each["kind"], each["key"], each["value"]) for each in documents]


def test_in_a_pipe_each_event_is_a_line_of_json_at_once(place: Path, directory: Path) -> None:
    writes = agent(place, WRITES)
    assert process("set", "old", "1").status == 0
    with Live("watch", "--replay") as watching:
        watching.until_ready()
        assert process("run", writes, "--run-id", "r1", "--input", '{"new": {"a": [1]}}').status == 0
        watching.until(lambda live: len(live.lines) == 3)
        (directory / "default" / "old.json").write_text("2\n")
        watching.until(lambda live: len(live.lines) == 4)
        assert process("-n", "other", "set", "k", "3").status == 0
        watching.until(lambda live: len(live.lines) == 5)
        assert process("del", "new").status == 0
        watching.until(lambda live: len(live.lines) == 6)
        assert watching.end() == (130, "")
        old, ready, new, by_hand, other, gone = watching.documents
    assert told([old, ready, new, by_hand, other, gone]) == [
        ("created", "old", 1),
        ("ready", "", None),
        ("created", "new", {"a": [1]}),
        ("updated", "old", 2),
        ("created", "k", 3),
        ("deleted", "new", None),
    ]
    assert (new["agent"], new["run"], new["by_hand"], by_hand["by_hand"]) == ("agent", "r1", False, True)
    assert (by_hand["old_revision"], gone["old_revision"]) == (old["revision"], new["revision"])
    assert [each["namespace"] for each in (old, ready, other)] == ["default", "", "other"]


def test_one_namespace_and_a_prefix(directory: Path) -> None:
    with fsstore.open(directory, namespace="box") as store, Live("-n", "box", "watch", "a:", "--replay") as watching:
        watching.until_ready()
        store.use_namespace("other").set("a:1", 1)
        store.set("b:1", 2)
        store.set("a:2", 3)
        watching.until(lambda live: len(live.lines) == 2)
        assert told(watching.documents) == [("ready", "", None), ("created", "a:2", 3)]


def test_what_cannot_be_read_is_told(directory: Path) -> None:
    with Live("watch", "--replay") as watching:
        watching.until_ready()
        (directory / "default").mkdir()
        (directory / "default" / "k.json").write_text('{"a": 1,\n}')
        watching.until(lambda live: len(live.lines) == 2)
        (directory / "default" / "k.json").write_text('{"a": 1}')
        watching.until(lambda live: len(live.lines) == 3)
        invalid, mended = watching.documents[1:]
    assert (invalid["kind"], mended["kind"], mended["value"]) == ("invalid", "updated", {"a": 1})
    assert "line 1, column 8" in invalid["error"]


def test_a_limit_ends_it(directory: Path) -> None:
    with fsstore.open(directory) as store:
        store.set_many({"a": 1, "b": 2, "c": 3})
    result = process("watch", "--replay", "--limit", "2")
    assert (result.status, result.err, len(result.documents)) == (0, "", 2)


def test_changes_since_a_revision(past: Path) -> None:
    result = process("watch", "--since", "HEAD~1", "--limit", "2")
    assert result.status == 0
    assert sorted((each["kind"], each["key"]) for each in result.documents) == [
        ("deleted", "gone"),
        ("updated", "greeting"),
    ]
    assert process("watch", "--since", "no-such-revision").status == 1


def test_a_name_goes_on_where_it_was(directory: Path) -> None:
    with fsstore.open(directory) as store:
        store.set_many({"a": 1, "b": 2})
        first = process("watch", "--name", "me", "--replay", "--limit", "2")
        assert sorted(told(first.documents)) == [("created", "a", 1), ("created", "b", 2)]
        store.set("c", 3)
        store.delete("a")
        second = process("watch", "--name", "me", "--limit", "2")
        assert sorted(told(second.documents)) == [("created", "c", 3), ("deleted", "a", None)]
        with Live("watch", "--name", "me", "--replay") as watching:
            watching.until_ready()
            other = process("watch", "--name", "me")
            assert (other.status, other.out) == (3, "")
            store.set("d", 4)
            watching.until(lambda live: told(live.documents)[-1] == ("created", "d", 4))


# -- on a terminal ----------------------------------------------------------------------------------


def test_on_a_terminal_it_is_a_table(place: Path, directory: Path) -> None:
    writes = agent(place, WRITES)
    with Live("watch", terminal=(24, 80)) as watching:
        watching.until(lambda live: len(live.lines) == 1)
        assert process("run", writes, "--input", '{"new": {"a": [1, "\\u001b[2J"]}}').status == 0
        watching.until(lambda live: len(live.lines) == 2)
        (directory / "default" / "new.json").write_text(f'"{"x" * 500}"\n')
        watching.until(lambda live: len(live.lines) == 3)
        watching.press("\x03")
        assert watching.wait() == (130, "")
    header, created, by_hand = watching.lines[:3]
    assert header.split() == ["TIME", "(UTC)", "WHO", "KIND", "NAMESPACE", "KEY", "VALUE"]
    assert created.split()[1:] == ["agent", "created", "default", "new", '{"a":[1,"\\u001b…']
    assert by_hand.split()[1:] == ["(by", "hand)", "updated", "default", "new", f'"{"x" * 14}…']
    assert max(map(len, watching.lines)) == 80


def test_a_terminal_that_shows_colours_gets_them(directory: Path) -> None:
    with Live("watch", "--replay", terminal=(24, 80), TERM="xterm") as watching:
        watching.until(lambda live: "ready" in live.out)
        with fsstore.open(directory) as store:
            store.set("k", 1)
        watching.until(lambda live: "\x1b[32m  created\x1b[m" in live.out)


def test_json_on_a_terminal(directory: Path) -> None:
    with Live("watch", "--json", "--replay", terminal=(24, 20)) as watching:
        watching.until_ready()
        assert told(watching.documents) == [("ready", "", None)]


# -- how it ends ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (signal.SIGINT, ()),
        (signal.SIGHUP, ()),
        (signal.SIGTERM, ("--name", "me")),
        (signal.SIGTERM, ("-q", "--exec", "echo done")),
    ],
)
def test_a_signal_ends_it_without_a_word(directory: Path, number: int, words: tuple[str, ...]) -> None:
    assert process("set", "k", "1").status == 0
    with Live("watch", *words, "--replay") as watching:
        watching.until(lambda live: live.lines)
        assert watching.end(number) == (128 + number, "")


def test_a_reader_that_leaves_ends_it_at_once(directory: Path) -> None:
    done = shell("fsstore watch --replay | head -1; echo ${PIPESTATUS[0]}")
    first, status = done.stdout.decode().splitlines()
    assert ('"kind":"ready"' in first, status, done.stderr) == (True, "141", b"")


def test_a_reader_of_commands_that_leaves_ends_it(directory: Path) -> None:
    assert process("set", "k", "1").status == 0
    done = shell("fsstore watch --replay --exec 'echo done' | head -1; echo ${PIPESTATUS[0]}")
    assert done.stdout == b"done\n141\n"


def test_a_terminal_that_goes_ends_it(directory: Path) -> None:
    master, slave = os.openpty()
    with subprocess.Popen(
        [*ENTRY, "watch", "--replay"], stdin=slave, stdout=slave, stderr=subprocess.PIPE, start_new_session=True
    ) as running:
        os.close(slave)
        seen = b""
        while b"ready" not in seen:
            seen += os.read(master, 65536)
        os.close(master)
        assert running.wait(PATIENCE) == 141
        assert running.stderr is not None
        assert running.stderr.read() == b""


def test_a_second_signal_ends_it_though_nobody_reads(directory: Path) -> None:
    with fsstore.open(directory) as store:
        store.set_many({f"k{number}": "x" * 1000 for number in range(200)})
    out, into = os.pipe()
    with subprocess.Popen([*ENTRY, "watch", "--replay"], stdout=into, stderr=subprocess.PIPE) as running:
        os.close(into)
        assert os.read(out, 1) == b"{"
        until(lambda: _is_full(out))
        while running.poll() is None:  # two that come at once may be taken for one
            running.send_signal(signal.SIGTERM)
            time.sleep(0.01)
        assert running.wait(PATIENCE) == 143
    os.close(out)


def _is_full(out: int) -> bool:
    """Whether the pipe holds so much that the writer waits."""
    count = array.array("i", [0])
    fcntl.ioctl(out, termios.FIONREAD, count)
    return count[0] > 60_000


def test_a_full_disk_is_status_5(directory: Path) -> None:
    done = shell("fsstore watch --replay > /dev/full")
    assert (done.returncode, done.stderr) == (5, b"fsstore: cannot write the output: No space left on device\n")


def test_that_changes_have_to_be_looked_for_is_told_once(directory: Path) -> None:
    fsstore.opening.configure(directory, "watch", "polling")
    with Live("watch", "--replay") as watching:
        watching.until_ready()
        assert process("set", "k", "1").status == 0
        watching.until(lambda live: told(live.documents)[-1] == ("created", "k", 1))
        status, said = watching.end()
    assert status == 130
    assert len(said.splitlines()) == 1
    assert said.startswith("fsstore: ")
    with Live("-q", "watch", "--replay") as watching:
        assert watching.until_ready().end() == (130, "")


# -- a command for each -----------------------------------------------------------------------------


def test_a_command_for_each_event(place: Path, directory: Path) -> None:
    writes = agent(place, WRITES)
    command = f'cat >> ../said; {FSSTORE} -n "$FSSTORE_EVENT_NAMESPACE" get -- "$FSSTORE_EVENT_KEY"'
    with Live("watch", "a:", "--replay", "--exec", command, "--limit", "3") as watching:
        assert process("run", writes, "--input", '{"a:-1": 1, "b": 2, "a:$(touch pwned)": 3}').status == 0
        watching.until(lambda live: len(live.lines) == 2)
        (directory / "default" / "a" / "-1.json").write_text("4\n")
        assert watching.wait() == (0, "")
        assert sorted(watching.lines) == ["1", "3", "4"]
    assert len((place / "said").read_text().splitlines()) == 3
    assert not (directory / "pwned").exists()


def test_the_commands_writes_are_ascribed_to_whom_it_says(directory: Path) -> None:
    command = f'{FSSTORE} set seen "\\"$FSSTORE_EVENT_KEY\\"" && {FSSTORE} stat seen --json'
    assert process("set", "k", "1").status == 0
    done = process(
        "watch", "k", "--replay", "--limit", "1", "--agent", "bob", "--exec", command, FSSTORE_PYTHON=sys.executable
    )
    assert (done.status, done.document["value"], done.document["updated_by"]) == (0, "k", "bob")


def test_what_failed_comes_again_after_a_restart(place: Path, directory: Path) -> None:
    command = 'test -e ../mended || test "$FSSTORE_EVENT_KEY" = good && cat'
    words = ("watch", "--name", "me", "--replay", "--retries", "0", "--exec", command)
    assert process("set", "bad", "1").status == process("set", "good", "2").status == 0
    first = process(*words, "--limit", "2")
    assert (first.status, told(first.documents)) == (1, [("created", "good", 2)])
    assert first.err == "fsstore: the command for default bad failed: exit status 1; given up after 1 try\n"
    (place / "mended").touch()
    second = process(*words, "--limit", "1")
    assert (second.status, told(second.documents), second.err) == (0, [("created", "bad", 1)], "")
    with Live(*words) as watching:  # nothing is left
        assert process("set", "last", "3").status == 0
        watching.until(lambda live: live.lines)
        assert told(watching.documents) == [("created", "last", 3)]


WAITING = "fsstore: waiting for 1 command; to be told so once more kills what runs\n"


def test_what_runs_at_the_end_is_waited_for_and_noted(place: Path, directory: Path) -> None:
    command = "echo began; while [ ! -e ../go ]; do sleep 0.01; done; cat"
    assert process("set", "k", "1").status == 0
    with Live("watch", "--replay", "--name", "me", "--exec", command, terminal=(24, 80)) as watching:
        watching.until(lambda live: live.lines)
        watching.press("\x03")  # which the command does not get
        watching.until(lambda live: live.err)
        (place / "go").touch()
        assert watching.wait() == (130, WAITING)
        assert '"key":"k"' in watching.out
    with Live("watch", "--name", "me") as again:
        assert process("set", "next", "2").status == 0
        again.until(lambda live: live.lines)
        assert told(again.documents) == [("created", "next", 2)]


def test_a_second_interrupt_kills_what_runs(directory: Path) -> None:
    assert process("set", "k", "1").status == 0
    with Live("watch", "--replay", "--exec", "echo began; sleep 3600", terminal=(24, 80)) as watching:
        watching.until(lambda live: live.lines)
        watching.press("\x03")
        watching.until(lambda live: live.err)
        watching.press("\x03")
        status, said = watching.wait()
    assert status == 130
    assert said == (
        f"{WAITING}"
        "fsstore: the command for default k failed: killed by SIGKILL\n"
        "fsstore: what became of 1 key was not dealt with; with --name it would come again\n"
    )


# -- usage ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "words",
    [
        ("--limit", "0"),
        ("--debounce", "-1"),
        ("--debounce", "nan"),
        ("--debounce", "soon"),
        ("--jobs", "2"),
        ("--retries", "2"),
        ("--exec", "true", "--jobs", "0"),
        ("--exec", "true", "--retries", "-1"),
        ("a", "b"),
    ],
)
def test_usage(cli: Command, directory: Path, words: tuple[str, ...]) -> None:
    result = cli("watch", *words)
    assert (result.status, result.out) == (2, "")


def test_without_a_store_it_is_usage(cli: Command, place: Path) -> None:
    assert cli("watch").status == 2
