"""``fsstore export``, ``import`` and ``ns copy|move|rename``: in a pipe, on a terminal, and interrupted."""

from __future__ import annotations

import array
import contextlib
import fcntl
import json
import os
import re
import signal
import subprocess
import termios
import threading
import time
from pathlib import Path

import pytest

import fsstore

from .command import ENTRY, Command, on_terminal, process, shell
from .live import PATIENCE, Live

ESCAPES = "evil\x1b[2J\x9b"


@pytest.fixture(autouse=True)
def _records(directory: Path) -> None:
    with fsstore.open(directory) as store:
        store.set_many({"k": {"a": [1]}, "cache:x": 2}, {"m": 1})
        store.use_namespace("a:b").set("x/y", None)
    (directory / "default" / "hand.json").write_text('{ "b": 2 }')


LINES = """\
{"fsstore":"export","version":1}
{"namespace":"a:b","key":"x/y","value":null}
{"namespace":"default","key":"cache:x","value":2,"metadata":{"m":1}}
{"namespace":"default","key":"hand","value":{"b":2},"raw":"{ \\"b\\": 2 }"}
{"namespace":"default","key":"k","value":{"a":[1]},"metadata":{"m":1}}
{"end":{"keys":4}}
"""


def test_lines_go_to_standard_output_or_to_a_file(directory: Path) -> None:
    assert process("export") == (0, LINES, f"fsstore: exported 4 keys, {len(LINES)} bytes\n")
    assert process("export", "-", "-q") == (0, LINES, "")
    done = process("export", "../x.ndjson")
    assert (done.status, done.out) == (0, "")
    assert done.err == f"fsstore: exported 4 keys, {len(LINES)} bytes, to {directory.parent}/x.ndjson\n"
    assert (directory.parent / "x.ndjson").read_text() == LINES
    assert process("export", "-n", "default", "--prefix", "k").out.splitlines()[1:-1] == LINES.splitlines()[4:-1]


def test_in_json(cli: Command, directory: Path) -> None:
    assert cli("export", "../x.ndjson", "--json").document == {
        "path": str(directory.parent / "x.ndjson"),
        "namespaces": 2,
        "keys": 4,
        "bytes": len(LINES),
        "resumed": 0,
    }
    done = cli("import", "../x.ndjson", "--json")
    assert done.document == {
        "lines": 6,
        "created": 0,
        "updated": 0,
        "unchanged": 4,
        "skipped": 0,
        "rules": 0,
        "cut": False,
    }
    assert json.loads(done.err) == {"message": "0 keys created, 0 updated, 4 unchanged"}
    assert cli("ns", "copy", "default", "t", "--json").document == {"copied": 3}


def test_from_store_to_store_in_a_pipe(cli: Command, directory: Path) -> None:
    done = shell("fsstore init -q ../other --no-git; fsstore export | fsstore -C ../other import -")
    assert sorted(done.stderr.decode().splitlines()[-2:]) == [
        "fsstore: 4 keys created, 0 updated, 0 unchanged",
        f"fsstore: exported 4 keys, {len(LINES)} bytes",
    ]
    assert cli.ok("export", "-q", "-C", "../other") == LINES
    assert (directory.parent / "other/default/hand.json").read_text() == '{ "b": 2 }'


def test_an_import_under_another_name(cli: Command, directory: Path) -> None:
    raw = "".join(LINES.splitlines(keepends=True)[2:]).encode()
    assert cli("import", "-", "-n", "new", "--dry-run", stdin=raw).err == (
        "fsstore: 3 keys would be created, 0 updated, 0 unchanged\n"
    )
    assert cli("import", "-", "-n", "new", stdin=raw).status == 0
    assert cli.ok("ls", "-n", "new") == "cache:x\nhand\nk\n"


def test_what_becomes_of_keys_that_are_there(cli: Command, directory: Path) -> None:
    raw = b'{"key":"k","value":9}\n{"key":"n","value":1}\n'
    refused = cli("import", "-", "--on-conflict", "error", stdin=raw)
    assert (refused.status, refused.out) == (3, "")
    assert "line 1: key 'k' of namespace 'default' exists already" in refused.err
    assert cli("import", "-", "--on-conflict", "skip", stdin=raw).err == (
        "fsstore: 1 keys created, 0 updated, 0 unchanged, 1 skipped\n"
    )
    assert cli("import", "-", stdin=raw).err == "fsstore: 0 keys created, 1 updated, 1 unchanged\n"
    assert cli.ok("get", "k") == "9\n"


def test_a_bad_line_is_status_4_and_says_how_to_go_on(cli: Command, directory: Path) -> None:
    (directory.parent / "x").write_text('{"key":"new","value":1}\n{"key":"k","value":tru}\n{"key":"l","value":1}\n')
    result = cli("import", "../x", "--json")
    assert (result.status, result.out) == (4, "")
    error = result.error
    assert (error["error"], error["path"], error["line"], error["column"]) == ("BadLine", "../x", 2, 20)
    assert "skip the first 2 lines" in error["message"]
    assert cli.ok("get", "new") == "1\n"
    assert cli("import", "../x", "--skip", "2").status == 0
    assert cli.ok("get", "l") == "1\n"


@pytest.mark.parametrize(
    ("words", "status", "told"),
    [
        (["import", "nowhere"], 2, "FILE nowhere: No such file or directory"),
        (["import", "default"], 2, "FILE default: Is a directory"),
        (["import"], 2, "FILE"),
        (["import", "-", "--skip", "-1"], 2, "--skip -1 is negative"),
        (["export", ""], 2, "FILE is empty"),
        (["export", "--resume"], 2, "--resume goes on in a FILE"),
        (["export", "-n", ""], 2, "namespace"),
        (["export", "../nowhere/x"], 5, "No such file or directory"),
        (["export", "default/x"], 4, "lies inside the store"),
        (["ns", "copy", "default"], 2, "copy|move|rename SOURCE TARGET"),
        (["ns", "a", "b", "c"], 2, "copy|move|rename SOURCE TARGET"),
        (["ns", "--dry-run"], 2, "go with"),
        (["ns", "rename", "default", "t", "--overwrite"], 2, "ns move --overwrite"),
        (["ns", "rename", "default", "a:b"], 3, "holds keys already"),
        (["ns", "rename", "none", "t"], 1, "namespace 'none' holds no key"),
        (["ns", "copy", "default", "default"], 2, "cannot take its own place"),
    ],
)
def test_what_makes_no_sense(cli: Command, directory: Path, words: list[str], status: int, told: str) -> None:
    result = cli(*words)
    assert (result.status, result.out) == (status, "")
    assert told in result.err
    assert result.err.count("\n") == 1


def test_an_export_that_was_cut_off_is_status_4_and_imported(cli: Command, directory: Path) -> None:
    raw = "".join(LINES.splitlines(keepends=True)[:-1]).encode()
    done = cli("import", "-", "-n", "new", stdin=raw.replace(b"a:b", b"default"))
    assert (done.status, done.out) == (4, "")
    warning, count = done.err.splitlines()
    assert "is not whole: it ends without the last line of an export." in warning
    assert count == "fsstore: 4 keys created, 0 updated, 0 unchanged"
    quiet = cli("import", "-", "-q", stdin=raw)
    assert (quiet.status, quiet.err) == (4, "fsstore: - is not whole; what is there of it is imported\n")
    assert cli("import", "-", stdin=LINES.encode()).status == 0


def test_an_export_goes_on(cli: Command, directory: Path) -> None:
    left = directory.parent / "x.ndjson.partial"
    left.write_text(LINES[:150])
    result = cli("export", "../x.ndjson", "--resume")
    assert (
        result.err
        == f"fsstore: exported 4 keys, 2 of them before, {len(LINES)} bytes, to {directory.parent}/x.ndjson\n"
    )
    assert (directory.parent / "x.ndjson").read_text() == LINES
    assert not left.exists()


def test_files_that_cannot_be_read_are_status_4(cli: Command, directory: Path) -> None:
    os.symlink("k.json", directory / "default/link.json")
    result = cli("export")
    assert (result.status, result.out) == (4, LINES)
    assert "1 of the files cannot be read and are not in the export" in result.err


# -- namespaces ------------------------------------------------------------------------------------


def test_namespaces_are_copied_moved_and_renamed(cli: Command, directory: Path) -> None:
    assert cli("ns", "copy", "default", "t", "--dry-run").err == "fsstore: 3 keys would be copied from default to t\n"
    assert cli.ok("ns") == "a:b\ndefault\n"
    assert cli("ns", "copy", "default", "t") == (0, "", "fsstore: 3 keys copied from default to t\n")
    assert cli("ns", "move", "a:b", "t").err == "fsstore: 1 key moved from a:b to t\n"
    assert cli("ns", "move", "default", "t").status == 3
    assert cli("ns", "move", "--overwrite", "default", "t").err == "fsstore: 3 keys moved from default to t\n"
    assert cli("ns", "rename", "t", "x/y", "-q") == (0, "", "")
    assert cli.ok("ns", "-l") == f"{4:>8}  {40:>12}  x/y\n"
    assert (directory / "x%2Fy/hand.json").read_text() == '{ "b": 2 }'


def test_a_prefix_that_is_called_like_a_verb(cli: Command, directory: Path) -> None:
    cli.ok("set", "k", "1", "-n", "copy:a")
    assert cli.ok("ns", "copy") == "copy:a\n"
    cli.ok("ns", "copy", "--", "copy:a", "-b")
    assert cli.ok("ns") == "-b\na:b\ncopy:a\ndefault\n"


# -- pipes and terminals ---------------------------------------------------------------------------


@pytest.fixture
def filled(directory: Path) -> Path:
    """More than a pipe holds."""
    with fsstore.open(directory) as store:
        store.use_namespace("many").set_many({f"{number:04}{'x' * 150}": number for number in range(2000)})
    return directory


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_reader_that_leaves_is_no_error(filled: Path, unbuffered: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONUNBUFFERED", unbuffered)
    done = shell('fsstore export | head -1; echo "${PIPESTATUS[0]}"')
    assert done.stdout.decode().splitlines() == [LINES.splitlines()[0], "141"]
    assert done.stderr == b""


def test_a_full_disk_is_status_5(filled: Path) -> None:
    done = shell("fsstore export > /dev/full")
    assert (done.returncode, done.stderr) == (5, b"fsstore: cannot write the output: No space left on device\n")


def test_no_name_and_no_value_moves_the_cursor(directory: Path) -> None:
    with fsstore.open(directory) as store:
        store.use_namespace("evil").set(ESCAPES, ESCAPES)
    told = on_terminal("export", "-n", "evil").splitlines()[1]
    assert "\x1b" not in told
    assert "\x9b" not in told
    assert json.loads(told) == {"namespace": "evil", "key": ESCAPES, "value": ESCAPES}


def unread(pipe: int) -> int:
    """How many bytes there are in a pipe."""
    count = array.array("i", [0])
    fcntl.ioctl(pipe, termios.FIONREAD, count)
    return count[0]


def test_an_interrupted_import_says_from_which_line(directory: Path) -> None:
    """A pipe that gives 1,500 lines and then nothing: 1,000 are a commit, the rest is not yet."""
    command = [*ENTRY, "import", "-"]
    reader, writer = os.pipe()
    with subprocess.Popen(command, stdin=reader, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as running:
        feed = threading.Thread(
            target=lambda: [os.write(writer, b'{"namespace":"in","key":"%d","value":1}\n' % n) for n in range(1500)]
        )
        feed.start()
        with fsstore.open(directory) as store:
            store.use_namespace("in").wait_for("999", timeout=PATIENCE)
        feed.join(PATIENCE)
        until = time.monotonic() + PATIENCE
        while unread(reader) and time.monotonic() < until:
            os.sched_yield()  # its buffer is small: who has read the last lines is done with the commit of the first
        os.close(reader)
        running.send_signal(signal.SIGINT)
        out, err = running.communicate(timeout=PATIENCE)
        os.close(writer)
    assert (running.returncode, out) == (130, b"")
    assert err.decode().startswith("fsstore: <stdin>: the first 1,000 lines are imported. Import from the start again")
    with fsstore.open(directory) as store:
        assert store.use_namespace("in").count() == 1000


def terminal(*words: str, stdin: bytes = b"", env: dict[str, str] | None = None) -> tuple[int, str, str]:
    """A command whose standard error is a terminal: its status, its data, and all that this has got."""
    master, slave = os.openpty()
    environment = {**os.environ, "TERM": "xterm-256color", "NO_COLOR": "", "COLUMNS": "80", **(env or {})}
    seen = b""
    try:
        with subprocess.Popen(
            [*ENTRY, *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=slave, env=environment
        ) as running:
            os.close(slave)
            said: list[bytes] = []
            talk = threading.Thread(target=lambda: said.extend(filter(None, running.communicate(stdin))))
            talk.start()
            with contextlib.suppress(OSError):  # EIO: the other end is closed
                while piece := os.read(master, 65536):
                    seen += piece
            talk.join(PATIENCE)
    finally:
        os.close(master)
    return running.returncode, b"".join(said).decode(), seen.decode()


def test_a_bar_is_drawn_for_who_watches(filled: Path) -> None:
    status, out, err = terminal("export", "../x.ndjson")
    assert (status, out) == (0, "")
    assert "exporting" in err
    assert "━" in err
    assert "2004/2004 keys" in re.sub(r"\x1b\[[0-9;]*m", "", err)
    assert "\x1b[3" in err  # colours
    assert err.endswith(
        f"exported 2,004 keys, {(filled.parent / 'x.ndjson').stat().st_size:,} bytes, to {filled.parent}/x.ndjson\r\n"
    )
    raw = (filled.parent / "x.ndjson").read_bytes()
    status, _, err = terminal("import", "-", stdin=raw)
    assert (status, "importing" in err) == (0, True)


def test_a_bar_without_colours(filled: Path) -> None:
    _, _, err = terminal("export", "../x.ndjson", env={"NO_COLOR": "1"})
    assert "2004/2004 keys" in err
    assert "\x1b[3" not in err


@pytest.mark.parametrize(
    ("words", "env"), [(["-q"], {}), (["--json"], {}), ([], {"TERM": "dumb"})], ids=["quiet", "json", "dumb"]
)
def test_no_bar_for_who_does_not_want_one(filled: Path, words: list[str], env: dict[str, str]) -> None:
    status, out, err = terminal("export", *words, env=env)
    assert (status, len(out.splitlines())) == (0, 2006)
    assert "exporting" not in err
    assert "\x1b" not in err


def test_no_bar_in_a_pipe(filled: Path) -> None:
    assert (
        process("export", TERM="xterm").err == f"fsstore: exported 2,004 keys, {len(process('export').out):,} bytes\n"
    )


def test_lines_and_bar_on_one_terminal(filled: Path) -> None:
    with Live("export", "-n", "a:b", terminal=(24, 80), TERM="xterm") as live:
        assert live.wait()[0] == 0
        assert json.loads(live.lines[1]) == {"namespace": "a:b", "key": "x/y", "value": None}
