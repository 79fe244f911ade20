"""``fsstore lock``: one at a time, and what becomes of the command's status and signals."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import pytest

import fsstore

from .command import Command, process
from .live import Live, until

pytestmark = pytest.mark.usefixtures("directory")

UP = "echo up; while :; do sleep 0.05; done"
COUNTS = """
import signal
count = 0
def interrupted(number, frame):
    global count
    count += 1
    print("interrupted", flush=True)
def ended(number, frame):
    print("count", count, flush=True)
    raise SystemExit(7)
signal.signal(signal.SIGINT, interrupted)
signal.signal(signal.SIGTERM, ended)
print("up", flush=True)
while True:
    signal.pause()
"""
FLAWED = """
import sys
from fsstore.cli import children, main
real = children._next_signal
children._next_signal = lambda *which: (real(*which)[0], True)
sys.exit(main())
"""


def test_the_status_of_the_command_is_that_of_the_lock(cli: Command, directory: Path) -> None:
    assert process("lock", "a", "--", "sh", "-c", "cat; exit 7", stdin=b"in") == (7, "in", "")
    assert process("lock", "a", "--", "sh", "-c", "kill -KILL $$").status == 137
    assert process("lock", "a", "--", "nowhere") == (127, "", "fsstore: nowhere: No such file or directory\n")
    assert process("lock", "a", "--", str(directory)).status == 126
    assert cli("lock", "a", "--", "true", "--json").status == 0
    assert cli("lock", "--", "-a", "true").status == 0


def test_what_the_command_is_told(directory: Path) -> None:
    script = 'echo "$FSSTORE_DIR"; "$FSSTORE_PYTHON" -m fsstore lock a --show --json; echo "$FSSTORE_LOCK_TOKEN"'
    done = process("--agent", "builder", "lock", "a", "--", "sh", "-c", script, FSSTORE_PYTHON=sys.executable)
    assert (done.status, done.err) == (0, "")
    place, _, token = done.out.splitlines()
    assert place == str(directory)
    assert f'"token":{token},' in done.out
    assert '"agent":"builder"' in done.out


def test_one_holder_at_a_time(cli: Command, directory: Path) -> None:
    with Live("lock", "a", "--", "sh", "-c", UP) as holder:
        holder.until(lambda live: live.out == "up\n")
        result = cli("lock", "a", "--timeout", "0", "--", "touch", "made")
        assert (result.status, result.out) == (3, "")
        assert f"now by process {holder.process.pid} on " in result.err
        shown = cli("lock", "a", "--show", "--json").document
        assert (shown["name"], shown["pid"], shown["remaining"]) == ("a", holder.process.pid, None)
        assert f"pid        {holder.process.pid}\n" in cli.ok("lock", "a", "--show")
        assert cli("lock", "b", "--timeout", "0", "--", "true").status == 0
        holder.process.send_signal(signal.SIGTERM)
        assert holder.wait()[0] == 128 + signal.SIGTERM
    assert not (directory / "made").exists()
    assert cli("lock", "a", "--show") == (1, "", "fsstore: nobody holds 'a'\n")


def test_a_holder_that_is_killed_lets_go(cli: Command) -> None:
    with Live("lock", "a", "--", "sh", "-c", UP) as holder:
        holder.until(lambda live: live.out == "up\n")
        holder.process.kill()
        try:
            assert cli("lock", "a", "--timeout", "60", "--", "true").status == 0
        finally:
            os.killpg(holder.process.pid, signal.SIGKILL)  # the command goes on: nobody told it


def test_who_waits_gets_it(directory: Path) -> None:
    with Live("lock", "a", "--", "sh", "-c", UP) as holder:
        holder.until(lambda live: live.out == "up\n")
        with Live("lock", "a", "--timeout", "60", "--", "echo", "mine") as other:
            holder.process.send_signal(signal.SIGTERM)
            other.until(lambda live: live.out == "mine\n")
            assert other.wait() == (0, "")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1])
def test_a_signal_goes_on_to_the_command(number: int) -> None:
    script = f"trap 'echo got; exit 9' {number}; {UP}"
    with Live("lock", "a", "--", "sh", "-c", script) as holder:
        holder.until(lambda live: live.out == "up\n")
        assert holder.end(number) == (9, "")
        assert holder.out == "up\ngot\n"


def check_told_once(*program: str) -> None:
    """What a person types to interrupt reaches the command by the terminal, and by nobody else."""
    with Live("lock", "a", "--", sys.executable, "-c", COUNTS, terminal=(24, 80), program=program) as holder:
        holder.until(lambda live: "up\n" in live.out)
        holder.process.send_signal(signal.SIGSTOP)  # so that the command has it first, and two are not taken for one
        until(lambda: _is_stopped(holder.process.pid))
        holder.press("\x03")
        holder.until(lambda live: "interrupted\n" in live.out)
        holder.process.send_signal(signal.SIGCONT)
        assert holder.end(signal.SIGTERM)[0] == 7
        assert "count 1\n" in holder.out


def _is_stopped(pid: int) -> bool:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"


def test_a_terminal_tells_the_command_itself() -> None:
    check_told_once(sys.executable, "-m", "fsstore")


def test_to_tell_it_twice_is_noticed() -> None:
    with pytest.raises(AssertionError):
        check_told_once(sys.executable, "-c", FLAWED)


def test_a_lease_that_ended_too_early_is_told(cli: Command, directory: Path) -> None:
    script = '"$FSSTORE_PYTHON" -m fsstore lock a --timeout 60 -- true'
    words = ("lock", "a", "--ttl", "0.2", "--", "sh", "-c", script)
    result = process(*words, FSSTORE_PYTHON=sys.executable)
    assert (result.status, result.out) == (0, "")
    assert result.err == ("fsstore: the lease on 'a' ended before the command did; others may have had it since\n")
    assert process("lock", "a", "--ttl", "60", "--", "true") == (0, "", "")
    with fsstore.open(directory) as store:
        assert store.locked_by("a") is None


@pytest.mark.parametrize(
    "words",
    [
        ("a",),
        ("a", "true"),
        ("a", "true", "--", "x"),
        ("", "--", "true"),
        ("a", "--show", "--", "true"),
        ("a", "--show", "--timeout", "1"),
        ("a", "--timeout", "-1", "--", "true"),
        ("a", "--ttl", "0", "--", "true"),
        ("a", "--ttl", "nan", "--", "true"),
    ],
)
def test_what_cannot_be_meant_is_usage(cli: Command, words: tuple[str, ...]) -> None:
    assert cli("lock", *words).status == 2


def test_the_command_has_signals_as_a_shell_would_give_them() -> None:
    """A reader that leaves ends it; nothing is blocked."""
    script = "yes | head -1; grep -E 'Sig(Blk|Ign)' /proc/self/status"
    done = process("lock", "a", "--", "sh", "-c", script)
    assert (done.status, done.out.splitlines()[0]) == (0, "y")
    blocked = next(line for line in done.out.splitlines() if line.startswith("SigBlk"))
    assert int(blocked.split()[1], 16) == 0
    ignored = int(next(line for line in done.out.splitlines() if line.startswith("SigIgn")).split()[1], 16)
    assert not ignored & 1 << (signal.SIGPIPE - 1)
