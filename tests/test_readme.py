"""Every code block of the README runs, in order, in one directory; no block is exempt."""

from __future__ import annotations

import doctest
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
BLOCKS = BLOCK.findall((ROOT / "README.md").read_text())


class Session:
    """What a reader has who types in one block after the other."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.names: dict[str, Any] = {}
        self.environment = os.environ | {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "PYTEST_ADDOPTS": "",
        }

    def run(self, kind: str, text: str) -> None:
        getattr(self, f"run_{kind}")(text)

    def run_pycon(self, text: str) -> None:
        test = doctest.DocTestParser().get_doctest(text, self.names, "README.md", "README.md", 0)
        runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
        report: list[str] = []
        runner.run(test, out=report.append, clear_globs=False)
        self.names = test.globs
        assert not report, "".join(report)

    def run_python(self, text: str) -> None:
        head, _, body = text.partition("\n")
        assert head.startswith("# file: "), "a block of Python is a file, and says its name"
        (self.directory / head.removeprefix("# file: ")).write_text(body)

    def run_console(self, text: str) -> None:
        for step in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
            command, _, expected = step.partition("\n")
            done = subprocess.run(
                ["bash", "-c", command], capture_output=True, text=True, cwd=self.directory, env=self.environment
            )
            assert done.stdout == expected, f"$ {command}\n{done.stdout}{done.stderr}"

    def run_tree(self, text: str) -> None:
        """The drawing and the directory are the same, both ways, but for what only running programs need."""
        drawn, stack = set(), [""]
        for line in text.splitlines():
            name = line.split()[0]
            depth = (len(line) - len(line.lstrip())) // 2
            path = os.path.join(*stack[: depth + 1], name)
            drawn.add(path)
            stack[depth + 1 :] = [name]
        found = set()
        for parent, directories, files in os.walk(self.directory / "state"):
            directories[:] = [name for name in directories if name != ".fsstore"]
            at = os.path.relpath(parent, self.directory)
            found |= {f"{at}/", *(f"{at}/{name}" for name in files)}
        assert drawn - {"state/.fsstore/"} == found

    def run_sh(self, text: str) -> None:
        """A command for a fresh clone: run in a copy of the tree, without what is installed in this one."""
        clone = self.directory / "clone"
        if not clone.exists():
            listed = subprocess.run(
                ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
                cwd=ROOT,
                capture_output=True,
                text=True,
                check=True,
            )
            for name in filter(None, listed.stdout.split("\0")):
                if (ROOT / name).is_file():
                    (clone / name).parent.mkdir(parents=True, exist_ok=True)
                    shutil.copy2(ROOT / name, clone / name)
        # The tests inside the test are few: those that know nothing of this one.
        environment = os.environ | {"PYTEST_ADDOPTS": "tests/test_errors.py", "PYTHON": sys.executable}
        for name in ("COVERAGE_PROCESS_START", "COVERAGE_PROCESS_CONFIG", "VIRTUAL_ENV"):
            environment.pop(name, None)
        done = subprocess.run(["sh", "-c", text], cwd=clone, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
        assert done.stdout


@pytest.mark.timeout(600)
def test_every_block_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert {kind for kind, _ in BLOCKS} == {"sh", "pycon", "tree", "console", "python"}
    monkeypatch.chdir(tmp_path)
    session = Session(tmp_path)
    for kind, text in BLOCKS:
        session.run(kind, text)


def test_a_wrong_block_is_caught(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    session = Session(tmp_path)
    wrong = [("pycon", ">>> 1 + 1\n3\n"), ("console", "$ echo a\nb\n"), ("tree", "state/\n  nothing.json\n")]
    for kind, text in wrong:
        with pytest.raises(AssertionError):
            session.run(kind, text)
