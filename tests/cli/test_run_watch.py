"""``fsstore run --watch``: an agent for each batch of changes, made by agents and people in other processes."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest

import fsstore

from .command import Command, process, shell
from .live import Live
from .test_run import agent

ANSWERS = """
import subprocess, sys

def run(input_dict, tools):
    for event in input_dict["events"]:
        data_store.set(f"answer:{event['key']}", event["value"])
    subprocess.run([sys.executable, "-m", "fsstore", "-C", input_dict["store"], "set", "answer:last", "1"], check=True)
    return [input_dict["who"], sorted(event["key"] for event in input_dict["events"])]
"""
WRITES = """
def run(input_dict, tools):
    data_store.set_many(input_dict)
"""


def test_it_runs_for_what_others_write_and_not_for_what_it_writes(place: Path, directory: Path) -> None:
    given = json.dumps({"who": "Ada", "store": str(directory)})
    words = ("run", "--watch", "default", agent(place, ANSWERS), "--input", given, "--limit", "3", "--replay")
    writes = agent(place, WRITES, "writes.py")
    with Live(*words) as reacting:
        assert process("run", writes, "--input", '{"a:1": 1}').status == 0
        reacting.until(lambda live: len(live.lines) == 1)
        (directory / "default" / "by hand.json").write_text("3\n")
        reacting.until(lambda live: len(live.lines) == 2)
        assert process("del", "a:1").status == 0
        assert reacting.wait() == (0, "")
        assert reacting.documents == [["Ada", ["a:1"]], ["Ada", ["by hand"]], ["Ada", ["a:1"]]]
    with fsstore.open(directory) as store:
        assert store.list_keys("answer:") == ["answer:a:1", "answer:by hand", "answer:last"]
        runs = [commit for commit in store.log() if commit.agent == "agent"]
    assert len({commit.run for commit in runs}) == len(runs) == 3


@pytest.mark.parametrize(
    ("words", "namespace", "key"),
    [
        (("--watch", "box:a:b"), "box", "a:b:c"),
        (("--watch", "files:a/b", "--prefix", ""), "files:a/b", "k"),
        (("--watch", "files:a/b", "--prefix", "k:"), "files:a/b", "k:1"),
    ],
)
def test_namespace_and_prefix(place: Path, directory: Path, words: tuple[str, ...], namespace: str, key: str) -> None:
    says = agent(place, "def run(given, tools): return [[e['namespace'], e['key']] for e in given['events']]")
    with fsstore.open(directory) as store:
        for name in ("box", "files", "default", "files:a/b"):
            store.use_namespace(name).set("other" if namespace == name == "box" or "k:" in words else "z", 1)
        store.use_namespace(namespace).delete("z")
        store.use_namespace(namespace).set(key, 1)
    result = process("run", says, *words, "--replay", "--limit", "1")
    assert (result.status, result.document, result.err) == (0, [[namespace, key]], "")


FAILS = """
import os
def run(input_dict, tools):
    if not os.path.exists({mended!r}):
{mend}        raise ZeroDivisionError("the reason")
    return input_dict["events"][0]["key"]
"""


def test_a_run_that_fails_is_told_and_repeated(place: Path, directory: Path) -> None:
    mend = f"        open({str(place / 'mended')!r}, 'w').close()\n"  # so that it fails once, however late we look
    fails = agent(place, FAILS.format(mended=str(place / "mended"), mend=mend))
    assert process("set", "a", "1").status == 0
    with Live("run", "--watch", "default", fails, "--replay", "--limit", "1") as reacting:
        status, said = reacting.wait()
        assert reacting.documents == ["a"]
    assert status == 0
    assert said.splitlines()[-2:] == ["ZeroDivisionError: the reason", "fsstore: the run failed; again in 0.5 s"]
    assert "fsstore/" not in said


def test_what_is_given_up_comes_again_to_one_with_its_name(place: Path, directory: Path) -> None:
    fails = agent(place, FAILS.format(mended=str(place / "mended"), mend=""))
    assert process("set", "a", "1").status == 0
    words = ("run", "--watch", "default", fails, "--replay", "--limit", "1", "--name", "me", "--retries", "0")
    first = process(*words, "--json")
    assert (first.status, first.out) == (1, "")
    assert first.error == {"error": "RunFailed", "message": "the run failed; given up after 1 try", "exit": 1}
    (place / "mended").touch()
    second = process(*words)
    assert (second.status, second.document, second.err) == (0, "a", "")


def test_a_result_without_a_json_form_is_told_and_ends_nothing(place: Path, directory: Path) -> None:
    odd = agent(place, "def run(given, tools): return {1, 2} if given['events'][0]['value'] == 1 else 'well'")
    assert process("set", "a", "1").status == 0
    with Live("run", "--watch", "default", odd, "--replay", "--limit", "2") as reacting:
        reacting.until(lambda live: "has no JSON form" in live.err)
        assert process("set", "a", "2").status == 0
        assert reacting.wait()[0] == 0
        assert reacting.documents == ["well"]


@pytest.mark.parametrize(
    "text", ["def run(given, tools): return 'well'", "def run(given, tools): data_store.set('a', 2)"]
)
def test_a_reader_that_leaves_ends_it(place: Path, directory: Path, text: str) -> None:
    """Also while there is nothing to be run for: what it writes itself does not count."""
    says = agent(place, text)
    assert process("set", "a", "1").status == 0
    done = shell(f"fsstore run --watch default {says} --replay | head -1; echo ${{PIPESTATUS[0]}}")
    assert (done.stdout.decode().split()[1:], done.stderr) == (["141"], b"")


def test_a_full_disk_is_status_5_and_no_failure_of_the_agent(place: Path, directory: Path) -> None:
    says = agent(place, "def run(given, tools): return 'well'")
    assert process("set", "a", "1").status == 0
    done = shell(f"fsstore run --watch default {says} --replay > /dev/full")
    assert (done.returncode, done.stderr) == (5, b"fsstore: cannot write the output: No space left on device\n")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("busy", [False, True])
def test_a_signal_ends_it_and_the_run_under_way(place: Path, directory: Path, number: int, busy: bool) -> None:
    text = "import signal\ndef run(given, tools):\n    data_store.set('begun', 1)\n    print('begun', flush=True)"
    waits = agent(place, text + ("\n    signal.pause()" if busy else ""))
    assert process("-n", "box", "set", "a", "1").status == 0
    with Live("run", "--watch", "box", waits, "--replay") as reacting:
        reacting.until(lambda live: "begun\n" in live.err and (busy or live.lines))
        assert reacting.end(number) == (128 + number, "begun\n")
    with fsstore.open(directory) as store:
        [commit] = [commit for commit in store.log() if commit.agent == "agent"]
    assert commit.status == ("failed" if busy else "ok")


@pytest.mark.parametrize(
    "words",
    [
        ("--watch", ""),
        ("--watch", ":a"),
        ("--watch", "box", "--run-id", "r"),
        ("--watch", "box", "--limit", "0"),
        ("--watch", "box", "--debounce", "-1"),
        ("--watch", "box", "--retries", "-1"),
        ("--name", "me"),
        ("--prefix", "a"),
        ("--prefix", ""),
        ("--replay",),
        ("--debounce", "0"),
        ("--retries", "0"),
        ("--limit", "1"),
    ],
)
def test_usage(cli: Command, place: Path, directory: Path, words: tuple[str, ...]) -> None:
    result = cli("run", agent(place, WRITES), *words)
    assert (result.status, result.out) == (2, "")
