"""Ways to run the command line: inside this process, or as a process of its own. No test is here."""

from __future__ import annotations

import contextlib
import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from fsstore.cli import main

ENTRY = [sys.executable, "-m", "fsstore"]


class Result(NamedTuple):
    status: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """Standard output as one JSON document."""
        return json.loads(self.out)

    @property
    def documents(self) -> list[Any]:
        """Standard output as one JSON document a line."""
        return [json.loads(line) for line in self.out.splitlines()]

    @property
    def error(self) -> Any:
        """The last line of standard error as a JSON document."""
        return json.loads(self.err.splitlines()[-1])


class Command:
    """``fsstore`` called in this process."""

    def __init__(self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
        self._capsys = capsys
        self._monkeypatch = monkeypatch

    def __call__(self, *words: str, stdin: bytes | None = None) -> Result:
        if stdin is not None:
            self._monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        self._capsys.readouterr()
        status = main(words)
        return Result(status, *self._capsys.readouterr())

    def ok(self, *words: str, stdin: bytes | None = None) -> str:
        """Standard output of a command that must succeed."""
        result = self(*words, stdin=stdin)
        assert result.status == 0, result
        return result.out


def process(*words: str | bytes, stdin: bytes = b"", cwd: Path | None = None, **env: str) -> Result:
    """``fsstore`` as a process of its own."""
    command: list[str | bytes] = [*ENTRY, *words]
    done = subprocess.run(command, input=stdin, capture_output=True, cwd=cwd, env=os.environ | env, check=False)
    return Result(done.returncode, done.stdout.decode(), done.stderr.decode())


def shell(script: str) -> subprocess.CompletedProcess[bytes]:
    """A shell script in which ``fsstore`` is this one."""
    define = 'fsstore() { "$FSSTORE_PYTHON" -m fsstore "$@"; }\n'
    environment = os.environ | {"FSSTORE_PYTHON": sys.executable}
    return subprocess.run(["bash", "-c", define + script], capture_output=True, env=environment, check=False)


def on_terminal(*words: str, **env: str) -> str:
    """What a terminal would get to see; it shows no colours unless ``TERM`` is given."""
    master, slave = os.openpty()
    environment = {**os.environ, "TERM": "dumb", "NO_COLOR": "", **env}
    try:
        with subprocess.Popen(
            [*ENTRY, *words], stdin=slave, stdout=slave, stderr=subprocess.PIPE, env=environment
        ) as running:
            os.close(slave)
            seen = b""
            with contextlib.suppress(OSError):  # EIO: the other end is closed
                while piece := os.read(master, 65536):
                    seen += piece
        assert running.returncode == 0
    finally:
        os.close(master)
    return seen.decode().replace("\r\n", "\n")
