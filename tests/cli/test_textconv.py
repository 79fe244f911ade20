"""How git shows values: strings of several lines as lines, all else as it is, whatever is missing or broken."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fsstore import values
from fsstore.cli import textconv
from fsstore.history import driver

SCRIPT = textconv.__file__
SHOWN = {
    '{\n  "text": "a\\nb",\n  "n": 1.50\n}\n': '{\n  "text": |-\n    a\n    b\n  "n": 1.50\n}\n',
    '"a\\n\\nb\\n"\n': "|\n  a\n\n  b\n",
    '"\\n"': "|\n",
    '{"a":"x\\ny","b" : ["p\\nq"]}': '{"a":|-\n  x\n  y\n"b" : [|-\n  p\n  q\n]}',
    '[\n\t"1\\t\\u00e9\\n2\\r\\n" ,\r\n\tnull\n]': "[\n\t|\n\t  1\té\n\t  2\r\r\n\tnull\n]",
    '\ufeff["\\"\\n\\\\"]\n': '\ufeff[|-\n  "\n  \\\n]\n',
}
UNCHANGED = [
    '{"a\\nb" : 1}\n',
    '"\\\\n"\n',
    '"\\u001b[2J\\n"',
    '"\\u202e\\n"',
    '"over\\rwritten\\n"',
    '"\\ud800\\n"',
    '["\\n",]',
    '"\\n',
    '<<<<<<< ours\n"a\\nb"\n',
    "[" * 100_000 + '"\\n"' + "]" * 100_000,
    "",
]


@pytest.mark.parametrize(("text", "shown"), SHOWN.items())
def test_strings_of_several_lines_are_lines(text: str, shown: str) -> None:
    assert textconv.readable(text) == shown


@pytest.mark.parametrize("text", UNCHANGED, ids=range(len(UNCHANGED)))
def test_all_else_is_as_it_is(tmp_path: Path, text: str) -> None:
    file = tmp_path / "k.json"
    file.write_text(text)
    assert script(file) == (0, text.encode(), b"")


def test_what_is_no_text_is_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "k.json").write_bytes(b'"\\n\xff"')
    assert script(tmp_path / "k.json") == (0, b'"\\n\xff"', b"")


@pytest.mark.parametrize("shown", SHOWN.items(), ids=range(len(SHOWN)))
def test_the_script_does_the_same(tmp_path: Path, shown: tuple[str, str]) -> None:
    (tmp_path / "k.json").write_bytes(shown[0].encode())
    assert script(tmp_path / "k.json") == (0, shown[1].encode(), b"")


def script(file: Path) -> tuple[int, bytes, bytes]:
    done = subprocess.run([sys.executable, "-I", "-S", SCRIPT, file], capture_output=True, check=False)
    return done.returncode, done.stdout, done.stderr


def test_a_reader_that_leaves_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "k.json").write_text(json.dumps("line\n" * 100_000))
    line = f"'{sys.executable}' -I -S '{SCRIPT}' k.json | head -2; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", line], capture_output=True, cwd=tmp_path, check=False)
    assert (done.stdout, done.stderr) == (b"|\n  line\n0\n", b"")


def test_a_long_line_takes_no_long_time() -> None:
    assert textconv.readable(json.dumps(["a\nb"] * 100_000)).count("\n") == 300_000


@pytest.mark.parametrize(("text", "end"), [('{"a": 1}', "\n"), ('"a\\nb"', "json re\n")])
def test_it_loads_no_more_than_it_needs(tmp_path: Path, text: str, end: str) -> None:
    """Its start is most of what it costs: json and re are loaded where there is something to change."""
    (tmp_path / "k.json").write_text(text)
    code = f"""
import sys
sys.argv = ["", "k.json"]
exec(open({SCRIPT!r}).read())
print(*sorted({{"re", "json", "pathlib"}} & set(sys.modules)))
"""
    line = [sys.executable, "-I", "-S", "-c", code]
    done = subprocess.run(line, capture_output=True, text=True, cwd=tmp_path, check=True)
    assert done.stdout.endswith(end)
    assert done.stdout.removesuffix(end) in ('{"a": 1}', "|-\n  a\n  b")


TEXT = st.text(st.sampled_from('ab \n\n\t"\\|,-é'), max_size=8)
VALUES: st.SearchStrategy[Any] = st.recursive(
    TEXT | st.integers() | st.none(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=300, deadline=None)
@given(VALUES)
def test_two_values_never_look_the_same(value: Any) -> None:
    assert read_back(textconv.readable(values.encode(value).decode())) == value


def test_a_form_that_loses_something_is_caught() -> None:
    flawed = {text: textconv.readable(json.dumps(text)).replace("|-", "|") for text in ("a\nb", "a\nb\n")}
    assert len(set(flawed.values())) == 1
    with pytest.raises(AssertionError):
        assert {read_back(f"{shown}\n") for shown in flawed.values()} == set(flawed)


def read_back(shown: str) -> Any:
    """The value that is shown: the inverse of `readable`, for texts in the store's own form."""
    lines = shown.removesuffix("\n").split("\n")
    out: list[str] = []
    while lines:
        line = lines.pop(0)
        if not line.endswith(("|", "|-")):
            out.append(line)
            continue
        indent = " " * (len(line) - len(line.lstrip(" ")) + 2)
        block = []
        while lines and (not lines[0] or lines[0].startswith(indent)):
            block.append(lines.pop(0).removeprefix(indent))
        string = "\n".join(block) + ("" if line.endswith("-") else "\n")
        comma = "," if lines and lines[0].lstrip()[0] not in "]}" else ""
        out.append(line.rstrip("-").removesuffix("|") + json.dumps(string) + comma)
    return json.loads("\n".join(out))


# With git itself

Git = Callable[..., str]


@pytest.fixture
def git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Git:
    """``git`` in a repository of two commits, the driver set up. The place has a quote and a space in its name."""
    place = tmp_path / "it's here"
    place.mkdir()
    monkeypatch.chdir(place)
    for name, value in (("GIT_CONFIG_GLOBAL", os.devnull), ("GIT_CONFIG_SYSTEM", os.devnull), ("GIT_PAGER", "cat")):
        monkeypatch.setenv(name, value)

    def git(*words: str) -> str:
        return subprocess.run(["git", *words], capture_output=True, text=True, check=True).stdout

    git("init", "-q")
    git("config", "user.name", "A Person")
    git("config", "user.email", "person@example.org")
    configure(git, driver.command())
    root = Path(__file__).parents[2]
    (place / ".gitattributes").write_bytes((root / ".store-template" / ".gitattributes").read_bytes())
    (place / "-x y.json").write_text('{\n  "text": "one\\ntwo\\nthree\\n",\n  "n": 1\n}\n')
    git("add", "-A")
    git("commit", "-qm", "first")
    (place / "-x y.json").write_text('{\n  "text": "one\\n2\\nthree\\n",\n  "n": 1\n}\n')
    return git


def configure(git: Git, command: str) -> None:
    git("config", f"diff.{driver.NAME}.textconv", command)


def changed_lines(diff: str) -> list[str]:
    return [line for line in diff.splitlines() if line[:1] in ("-", "+") and line[:3] not in ("---", "+++")]


def test_git_diff_shows_lines(git: Git) -> None:
    assert changed_lines(git("diff")) == ["-    two", "+    2"]
    git("commit", "-qam", "second")
    assert changed_lines(git("log", "-p", "-1")) == ["-    two", "+    2"]
    assert changed_lines(git("log", "-p", "--", "*.json"))[2:] == [
        "+{",
        '+  "text": |',
        "+    one",
        "+    two",
        "+    three",
        '+  "n": 1',
        "+}",
    ]


def test_what_git_stores_and_what_patches_hold_are_the_bytes(git: Git) -> None:
    git("commit", "-qam", "second")
    assert git("show", "HEAD:-x y.json") == '{\n  "text": "one\\n2\\nthree\\n",\n  "n": 1\n}\n'
    patch = changed_lines(git("format-patch", "-1", "--stdout"))
    assert '+  "text": "one\\n2\\nthree\\n",' in patch


RAW = ['-  "text": "one\\ntwo\\nthree\\n",', '+  "text": "one\\n2\\nthree\\n",']


def gone_script(place: Path) -> str:
    return driver.command(script=str(place / "gone.py"))


def gone_interpreter(place: Path) -> str:
    return driver.command(python=str(place / "gone" / "python3"))


def broken_script(place: Path) -> str:
    (place / "broken.py").write_text("raise SystemExit(3)")
    return driver.command(script=str(place / "broken.py"))


@pytest.mark.parametrize("command", [gone_script, gone_interpreter, broken_script])
def test_without_the_script_git_diff_is_what_it_was(git: Git, tmp_path: Path, command: Callable[[Path], str]) -> None:
    configure(git, command(tmp_path))
    assert changed_lines(git("diff")) == RAW
    git("commit", "-qam", "second")
    assert changed_lines(git("log", "-p", "-1")) == RAW


def test_a_driver_without_the_way_out_is_caught(git: Git, tmp_path: Path) -> None:
    configure(git, gone_script(tmp_path).partition(" 2>/dev/null ||")[0] + "; }; show")
    with pytest.raises(subprocess.CalledProcessError):
        git("diff")


def test_without_the_configuration_the_attribute_harms_nobody(git: Git) -> None:
    git("config", "--unset", f"diff.{driver.NAME}.textconv")
    assert changed_lines(git("diff")) == RAW


def test_neither_the_environment_nor_the_stores_files_reach_the_script(
    git: Git, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("json", "re", "sys", "os"):
        Path(f"{name}.py").write_text("raise SystemExit('mine')")
    monkeypatch.setenv("PYTHONPATH", os.getcwd())
    monkeypatch.setenv("PYTHONSTARTUP", f"{os.getcwd()}/os.py")
    assert changed_lines(git("diff")) == ["-    two", "+    2"]
