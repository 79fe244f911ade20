"""Every code block of the documents runs: those of a document in order, in a directory of its own. None is exempt."""

from __future__ import annotations

import contextlib
import doctest
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import fsstore

ROOT = Path(__file__).parent.parent
DOCUMENTS = ["README.md", *sorted(str(path.relative_to(ROOT)) for path in ROOT.glob("docs/**/*.md"))]
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
FENCE = re.compile(r"^[^\w\n]*?(?:```|~~~)", re.MULTILINE)
KINDS = {"sh", "pycon", "tree", "console", "python"}


def blocks_of(text: str) -> list[tuple[str, str]]:
    """The kind and the text of each block; a fence that begins or ends none of a known kind is an error."""
    blocks = BLOCK.findall(text)
    assert len(FENCE.findall(text)) == 2 * len(blocks), "a fence stands alone, or is not written as the others"
    assert {kind for kind, _ in blocks} <= KINDS
    return blocks


class Session:
    """What a reader has who types in one block after the other."""

    def __init__(self, directory: Path, document: str = "README.md") -> None:
        self.directory = directory
        self.document = document
        self.names: dict[str, Any] = {}
        self.environment = os.environ | {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "PYTEST_ADDOPTS": "",
        }

    def close(self) -> None:
        for value in self.names.values():
            if isinstance(value, fsstore.Store):
                value.close()

    def run(self, kind: str, text: str) -> None:
        getattr(self, f"run_{kind}")(text)

    def run_pycon(self, text: str) -> None:
        test = doctest.DocTestParser().get_doctest(text, self.names, self.document, self.document, 0)
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
@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_block_runs(document: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with contextlib.closing(Session(tmp_path, document)) as session:
        for kind, text in blocks_of((ROOT / document).read_text()):
            session.run(kind, text)


def test_there_are_blocks_of_each_kind() -> None:
    assert {kind for document in DOCUMENTS for kind, _ in blocks_of((ROOT / document).read_text())} == KINDS


def test_a_wrong_block_is_caught(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    session = Session(tmp_path)
    wrong = [
        ("pycon", ">>> 1 + 1\n3\n"),
        ("console", "$ echo a\nb\n"),
        ("tree", "state/\n  nothing.json\n"),
        ("python", "print()\n"),
        ("sh", "exit 1\n"),
    ]
    assert {kind for kind, _ in wrong} == KINDS
    for kind, text in wrong:
        with pytest.raises(AssertionError):
            session.run(kind, text)


@pytest.mark.parametrize(
    "text",
    [
        "```pycon\n>>> 1\n1\n",
        "```text\nnot run\n```\n",
        "```\nnot run\n```\n",
        "- a list\n  ```sh\n  false\n  ```\n",
        "> ```sh\n> false\n> ```\n",
        "```sh title\nfalse\n```\n",
        "~~~sh\nfalse\n~~~\n",
        "````sh\nfalse\n````\n",
    ],
)
def test_a_block_that_would_not_be_run_is_caught(text: str) -> None:
    with pytest.raises(AssertionError):
        blocks_of(f"```sh\ntrue\n```\n\n{text}")
