"""``fsstore queue``: jobs that go from one command to the next, and what cannot be meant."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from pathlib import Path

import pytest

import fsstore

from .command import ENTRY, Command, process, shell
from .live import Live, until

pytestmark = pytest.mark.usefixtures("directory")


def stats(cli: Command) -> dict[str, int]:
    found = cli("queue", "stats", "mail", "--json").document
    return {name: count for name, count in found.items() if count}


def test_a_job_goes_from_one_command_to_the_next(directory: Path) -> None:
    done = shell(
        """
        fsstore -q queue put mail '{"to": "ada"}' > id
        job=$(fsstore queue get mail)
        echo "$job"
        fsstore -q queue extend mail "$job" --lease 600
        fsstore -q queue ack mail "$job" --result '"sent"'
        fsstore queue collect mail "$(cat id)"
        fsstore queue get mail
        """
    )
    assert done.returncode == 1
    assert done.stderr == b"fsstore: queue 'mail' has no job that is due\n"
    job, result = map(json.loads, done.stdout.splitlines())
    assert (job["item"], job["attempts"]) == ({"to": "ada"}, 1)
    assert result == {"id": (directory / "id").read_text().strip(), "result": "sent"}


def test_what_is_put(cli: Command) -> None:
    cli.ok("queue", "put", "mail", "1")
    cli.ok("queue", "put", "mail", "--priority", "5", "--string", "two words")
    cli.ok("queue", "put", "mail", "--delay", "3600", "-", stdin=b"[3]")
    assert cli.ok("queue", "put", "mail", "4", "--id", "a:b") == "a:b\n"
    assert cli("queue", "put", "mail", "5", "--id", "a:b", "--json").document == {"id": "a:b"}
    assert stats(cli) == {"ready": 3, "delayed": 1}
    assert cli.ok("queue", "stats", "mail").splitlines()[:2] == ["       3  ready", "       1  delayed"]
    items = [cli("queue", "get", "mail").document["item"] for _ in range(3)]
    assert items == ["two words", 1, 4]
    assert cli("queue", "get", "mail", "-q") == (1, "", "")


def test_a_job_that_failed_is_tried_again_and_then_dead(cli: Command) -> None:
    cli.ok("queue", "put", "mail", "1", "--id", "one")
    for attempt in (1, 2):
        job = cli("queue", "get", "mail").document
        assert job["attempts"] == attempt
        cli.ok("queue", "nack", "mail", json.dumps(job), "--error", "no route", "--max-attempts", "2")
    assert stats(cli) == {"dead": 1}
    assert [(each["id"], each["error"]) for each in cli("queue", "dead", "mail").documents] == [("one", "no route")]
    result = cli("queue", "collect", "mail")
    assert result.status == 1
    assert "dead" in result.err
    assert cli.ok("queue", "collect", "mail", "--skip-dead") == ""
    cli.ok("queue", "retry", "mail", "one")
    assert cli("queue", "get", "mail").document["attempts"] == 1
    assert cli("queue", "retry", "mail", "one").status == 1
    assert cli("queue", "discard", "mail", "one").status == 1


def test_a_dead_one_can_be_removed(cli: Command) -> None:
    cli.ok("queue", "put", "mail", "1", "--id", "one")
    job = cli.ok("queue", "get", "mail")
    cli.ok("queue", "nack", "mail", "-", "--max-attempts", "1", stdin=job.encode())
    assert cli("queue", "discard", "mail", "one").err == "fsstore: job 'one' of queue 'mail' was removed\n"
    assert stats(cli) == {}


def test_who_is_too_late_is_told_with_status_3(cli: Command) -> None:
    cli.ok("queue", "put", "mail", "1")
    job = cli.ok("queue", "get", "mail", "--lease", "0.001")
    while cli("queue", "get", "mail").status:
        pass
    for action in ("ack", "nack", "extend"):
        result = cli("queue", action, "mail", job)
        assert (result.status, result.out) == (3, "")


def test_a_command_does_the_work(cli: Command, directory: Path) -> None:
    for item in ('{"n": 1}', '"two"'):
        cli.ok("queue", "put", "mail", item)
    assert process("queue", "work", "mail", "--", "cat") == (
        0,
        '{"n":1}\n"two"\n',
        "fsstore: 2 jobs done, 0 attempts failed\n",
    )
    assert stats(cli) == {}
    assert process("queue", "work", "mail", "--", "false") == (0, "", "fsstore: 0 jobs done, 0 attempts failed\n")


def test_a_command_that_fails(cli: Command) -> None:
    cli.ok("queue", "put", "mail", "1", "--id", "one")
    result = process("queue", "work", "mail", "--max-attempts", "2", "--", "sh", "-c", "exit 3")
    assert (result.status, result.out) == (1, "")
    assert result.err == (
        "fsstore: the command failed with status 3; the job is tried again, or dead after its last attempt\n" * 2
        + "fsstore: 0 jobs done, 2 attempts failed\n"
    )
    assert cli("queue", "dead", "mail").document["error"] == "CommandFailed: exit status 3"


def test_workers_at_once_do_each_job_once(cli: Command, directory: Path) -> None:
    with fsstore.open(directory) as store:
        for number in range(20):
            store.queue("mail").put(number)
    command = [*ENTRY, "-q", "queue", "work", "mail", "--", "cat"]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE) for _ in range(3)]
    done = [line for each in running for line in each.communicate()[0].splitlines()]
    assert sorted(map(int, done)) == [*range(20)]
    assert stats(cli) == {}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_worker_that_is_stopped_gives_its_job_back(cli: Command, number: int) -> None:
    cli.ok("queue", "put", "mail", "1")
    with Live("queue", "work", "mail", "--timeout", "inf", "--", "sh", "-c", "echo up; exec sleep 3600") as working:
        working.until(lambda live: live.out == "up\n")
        assert stats(cli) == {"leased": 1}
        assert working.end(number)[0] == 128 + number
    assert stats(cli) == {"ready": 1}
    assert cli("queue", "get", "mail").document["attempts"] == 1


def test_a_worker_that_is_killed_keeps_nothing(cli: Command) -> None:
    cli.ok("queue", "put", "mail", "1")
    script = "echo up; exec sleep 3600"
    with Live("queue", "work", "mail", "--lease", "0.1", "--", "sh", "-c", script) as working:
        working.until(lambda live: live.out == "up\n")
        working.process.kill()
        os.killpg(working.process.pid, signal.SIGKILL)
        until(lambda: cli("queue", "get", "mail").status == 0)


def test_a_person_sees_lines(cli: Command) -> None:
    cli.ok("queue", "put", "mail", '{"to": "ada"}', "--id", "one")
    cli.ok("queue", "nack", "mail", cli.ok("queue", "get", "mail"), "--error", "no\x07 route", "--max-attempts", "1")
    with Live("queue", "dead", "mail", terminal=(24, 160)) as live:
        assert live.wait() == (0, "")
        assert live.out.endswith('    1  one  {"to":"ada"}  no\\u0007 route\n')
    cli.ok("queue", "retry", "mail", "one")
    cli.ok("queue", "ack", "mail", cli.ok("queue", "get", "mail"), "--result", "[1]")
    with Live("queue", "collect", "mail", terminal=(24, 160)) as live:
        assert live.wait() == (0, "")
        assert live.out == "one  [1]\n"


@pytest.mark.parametrize(
    "words",
    [
        ("put", "mail"),
        ("put", "mail", "1", "2"),
        ("put", "", "1"),
        ("put", "mail", "1", "--lease", "3"),
        ("put", "mail", "1", "--priority", "500"),
        ("put", "mail", "1", "--delay", "-1"),
        ("put", "mail", "1", "--delay", "inf"),
        ("get", "mail", "1"),
        ("get", "mail", "--timeout", "-1"),
        ("get", "mail", "--lease", "0"),
        ("get", "mail", "--max-attempts", "0"),
        ("get", "mail", "--string"),
        ("ack", "mail"),
        ("work", "mail"),
        ("work", "mail", "cat"),
        ("work", "mail", "--", "no-such-command"),
        ("work", "mail", "--limit", "0", "--", "cat"),
        ("steal", "mail"),
    ],
)
def test_what_cannot_be_meant_is_usage(cli: Command, words: tuple[str, ...]) -> None:
    assert cli("queue", *words).status == 2


@pytest.mark.parametrize("job", ["{}", "[]", "{", '{"id": 1}'])
def test_what_is_no_job_is_bad_data(cli: Command, job: str) -> None:
    assert cli("queue", "ack", "mail", job).status == 4
    cli.ok("queue", "put", "mail", "1")
    given = cli("queue", "get", "mail").document
    for name in given.keys() - {"item"}:
        result = cli("queue", "ack", "mail", json.dumps({**given, name: []}))
        assert (result.status, name in result.err) == (4, True)
    assert stats(cli) == {"leased": 1}


def test_a_missing_name_is_all_that_is_missing(cli: Command) -> None:
    assert cli("queue", "get").err.startswith("fsstore: the following arguments are required: NAME (see ")
