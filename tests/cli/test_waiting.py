"""A bar for what takes long and cannot say how far it is: on a terminal alone, and gone before anything is written."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

import fsstore
from fsstore.cli import exits

CODE = """
import sys
from fsstore.cli import progress
from fsstore.cli.output import Output
progress._AFTER = float(sys.argv[1])
with progress.waiting(Output(), "copying") as stop:
    if sys.argv[2] == "long":
        sys.stdin.readline()
    stop()
    print("done", file=sys.stderr)
"""

TOLD = """
import contextlib, importlib, sys
from fsstore import cli

@contextlib.contextmanager
def waiting(output, what):
    print(what, file=sys.stderr)
    yield lambda: None
    print("over", file=sys.stderr)

verb = {"del": "delete"}.get(sys.argv[1], sys.argv[1])
importlib.import_module(f"fsstore.cli.verbs.{verb}").waiting = waiting
sys.exit(cli.main(["-q", *sys.argv[1:]]))
"""


def on_terminal(after: str, kind: str) -> bytes:
    """All that the terminal gets; whoever waits goes on when the bar has been seen."""
    master, slave = os.openpty()
    environment = os.environ | {"TERM": "xterm", "COLUMNS": "80", "NO_COLOR": "1"}
    command = [sys.executable, "-c", CODE, after, kind]
    seen = b""
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=slave, stderr=slave, env=environment) as child:
        os.close(slave)
        assert child.stdin is not None
        with contextlib.suppress(OSError):  # EIO: it has ended
            while piece := os.read(master, 4096):
                if b"copying" in seen + piece and b"copying" not in seen:
                    child.stdin.write(b"go on\n")
                    child.stdin.flush()
                seen += piece
    os.close(master)
    assert child.returncode == 0
    return seen


def test_what_takes_long_shows_a_bar_that_is_gone_before_the_next_line() -> None:
    seen = on_terminal("0", "long")
    bar, _, rest = seen.rpartition(b"copying")
    assert bar or rest
    assert b"\x1b[2K" in rest  # the line is erased
    assert rest.rstrip().endswith(b"done")


def test_what_is_quick_shows_none() -> None:
    assert on_terminal("1000", "quick").strip() == b"done"


def test_there_is_none_in_a_pipe() -> None:
    done = subprocess.run([sys.executable, "-c", CODE, "0", "quick"], capture_output=True, check=True)
    assert (done.stdout, done.stderr) == (b"", b"done\n")


LONG = {
    "backup ../copy": "copying",
    "del --all": "deleting",
    "doctor": "reading everything",
    "find a=1": "searching",
    "gc": "packing",
    "grep x": "searching",
    "ns copy default other": "copying",
    "ns move default other": "moving",
    "ns rename default other": "renaming",
    "restore HEAD k": "restoring",
    "snapshot": "looking for changes",
    "sweep": "sweeping",
}


@pytest.mark.parametrize("words", LONG)
def test_what_may_take_long_waits_with_a_bar(tmp_path: Path, words: str) -> None:
    """That it does so in the block, not how it looks."""
    root = tmp_path / "store"
    with fsstore.open(root) as store:
        store.set("k", {"a": 1})
        store.snapshot()
    command = [sys.executable, "-c", TOLD, *words.split()]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode in (exits.OK, exits.NO), done.stderr
    assert done.stderr == f"{LONG[words]}\nover\n"
