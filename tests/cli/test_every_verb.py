"""What holds for every verb, on a real terminal and in a pipe: data and talk apart, a form for people and one for
programs, no colour for who wants none. Each verb has a case; one without is a failure.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

import pytest

import fsstore
from fsstore.cli import verbs

from .command import ENTRY, Command, Result, process
from .live import Live

GREETING = {"text": "hello\nWorld\nend\n", "n": 1, "m": [True, None]}
PRETTY = '{\n  "text": "hello\\nWorld\\nend\\n",\n  "n": 1,\n  "m": [\n    true,\n    null\n  ]\n}\n'
COMPACT = '{"text":"hello\\nWorld\\nend\\n","n":1,"m":[true,null]}\n'
ID, TIME = r"[0-9a-f]{10}", r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"
COMMIT = rf"{ID}\t{TIME}\t(planner|Ada|cleaner|fsstore)\t"
COMMIT_SHOWN = rf"{ID}  {TIME}  (planner|Ada|cleaner|fsstore) +"
ANSI = re.compile(r"\x1b\[[0-9;]*m")


class Case(NamedTuple):
    """A command in a store with a past, and what is to be seen of it."""

    words: tuple[str, ...]
    pipe: str
    """Standard output in a pipe, as a regular expression."""
    terminal: str
    """The same on a terminal."""
    talk: str = ""
    """Standard error, as a regular expression."""
    documents: int | None = None
    """How many documents ``--json`` prints; ``None``: one for each line in a pipe."""
    coloured: bool = False


def same(words: tuple[str, ...], out: str, talk: str = "", documents: int | None = None) -> Case:
    """A command whose text is the same everywhere."""
    return Case(words, out, out, talk, documents)


CASES: dict[str, Case] = {
    "init": same(("init", "../made"), "", "fsstore: made a store in .*\nfsstore: made a git repository in .*\n", 1),
    "get": Case(("get", "greeting"), re.escape(COMPACT), re.escape(PRETTY)),
    "set": same(("set", "k", "[1]"), "", documents=1),
    "edit": same(("edit", "n"), "", "fsstore: stored 'n' of namespace 'default'\n", 1),
    "incr": same(("incr", "n"), "2\n"),
    "append": Case(("append", "list", "2"), r"\[1,2\]\n", r"\[\n  1,\n  2\n\]\n"),
    "del": same(("del", "n", "list"), "", "fsstore: deleted 2 of 2 keys of namespace 'default'\n", 1),
    "ls": Case(("ls",), '"odd\x07\ngreeting\nlist\nn\n', re.escape('"\\"odd\\u0007"\ngreeting\nlist\nn\n')),
    "ns": same(("ns",), "a:b\ndefault\nwork\n"),
    "schema": Case(("schema", "strict"), r'{"type":"object"}\n', r'{\n  "type": "object"\n}\n'),
    "stat": same(("stat", "greeting"), "namespace +default\nkey +greeting\nvalue +{.*}\n(.*\n)+", documents=1),
    "find": Case(
        ("find", "n=1"),
        re.escape(f'{{"key":"greeting","value":{COMPACT.strip()}}}\n'),
        r'greeting  {"text":".*}\n',
    ),
    "grep": Case(("grep", "^W"), r"greeting\t\$\.text\tWorld\n", r"greeting\t\$\.text\tWorld\n", coloured=True),
    "wait": Case(("wait", "greeting", "--where", "n=1"), re.escape(COMPACT), re.escape(PRETTY)),
    "lock": same(("lock", "a", "--", "echo", "1"), "1\n"),
    "queue": Case(
        ("queue", "-n", "work", "get", "mail"),
        r'{"id":"one","item":{"to":"ada"},"attempts":1,.*}\n',
        r'{\n  "id": "one",\n  "item": {\n    "to": "ada"\n  },\n  "attempts": 1,\n(.*\n)+}\n',
    ),
    "run": Case(("run", "../agent.py", "--input", '{"a": [1]}'), r'{"a":\[1\]}\n', r'{\n  "a": \[\n    1\n  \]\n}\n'),
    "watch": Case(
        ("watch", "gre", "--replay", "--limit", "2"),
        '{"kind":"created",.*}\n{"kind":"ready",.*}\n',
        r"TIME \(UTC\)  WHO .*\n[\d:]+ +cleaner +created  default +greeting.*\n[\d:]+ +ready .*\n",
        coloured=True,
    ),
    "snapshot": Case(
        ("snapshot", "-m", "now"), rf"{ID}\t{TIME}\tfsstore\tnow\n", rf"{ID}  {TIME}  fsstore +now\n", coloured=True
    ),
    "log": Case(("log",), rf"({COMMIT}.*\n){{4}}", rf"({COMMIT_SHOWN}.*\n){{4}}", coloured=True),
    "show": Case(
        ("show",),
        r"commit [0-9a-f]{40}\n(.*\n)+\nremoved default gone\n(.*\n)+changed default greeting\n(.*\n)+",
        r"commit [0-9a-f]{40}\n(.*\n)+",
        documents=1,
        coloured=True,
    ),
    "diff": Case(
        ("diff", "HEAD", "--", "n"), r"added default n\n\+ 1\n", r"added default n\n\+ 1\n", documents=1, coloured=True
    ),
    "history": Case(
        ("history", "greeting"),
        rf"({COMMIT}(added|changed)\t{{.*}}\n){{3}}",
        rf"({COMMIT_SHOWN}(added|changed)  {{.*}}?…?\n){{3}}",
        coloured=True,
    ),
    "blame": Case(
        ("blame", "greeting"),
        rf"({COMMIT}(text|n|m)\t.*\n){{3}}",
        rf"({COMMIT_SHOWN}(text|n|m) +.*\n){{3}}",
        coloured=True,
    ),
    "restore": same(("restore", "HEAD~1", "gone"), "set\tdefault\tgone\n", "fsstore: 1 key set, 0 deleted in .*\n"),
    "gc": same(("gc",), "", "fsstore: the history takes .* bytes, .* before\n", 1),
    "doctor": same(("doctor",), "stray.txt: foreign: .*\n", "fsstore: 1 finding\nfsstore: the history takes .*\n"),
    "backup": same(("backup", "../saved"), "", "fsstore: copied .* files, .*\nfsstore: not copied: .git\n", 1),
    "export": Case(
        ("export", "-n", "a:b"),
        r'{"fsstore":"export",.*}\n{"namespace":"a:b","key":"x y",.*}\n{"end":{"keys":1}}\n',
        r'{"fsstore":"export",.*}\n{"namespace":"a:b","key":"x y",.*}\n{"end":{"keys":1}}\n',
        "fsstore: exported 1 keys, .* bytes\n",
    ),
    "import": same(("import", "../lines"), "", "fsstore: 1 keys created, .*\n", 1),
    "sweep": same(("sweep",), "", "fsstore: removed what is left of 0 keys\n", 1),
    "completion": same(("completion", "bash"), r"# Completion of fsstore for bash(.*\n)+", documents=1),
}


class Call(Protocol):
    """What runs a command, in this process or in one of its own."""

    def __call__(self, *words: str) -> Result: ...


OF_NO_STORE = {"init", "completion"}


@pytest.fixture
def prepared(past: Path, place: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A store with a past, and a little more that no snapshot has."""
    with fsstore.open(past) as store:
        store.schema("strict", {"type": "object"})
        store.set_many({"n": 1, "list": [1], '"odd\x07': 0})
        store.use_namespace("work").queue("mail").put({"to": "ada"}, id="one")
    (past / "stray.txt").write_text("a note")
    (place / "agent.py").write_text("def run(input_dict, tools): return input_dict")
    (place / "lines").write_text(
        '{"fsstore":"export","version":1}\n{"namespace":"new","key":"k","value":1}\n{"end":{"keys":1}}\n'
    )
    monkeypatch.setenv("EDITOR", "echo 5 >")
    return past


def stand_in_copy(prepared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each command finds the store as it was made."""
    place = prepared.parent
    for name in ("copy", "made", "saved"):
        monkeypatch.chdir(place)
        shutil.rmtree(place / name, ignore_errors=True)
    shutil.copytree(prepared, place / "copy")
    monkeypatch.chdir(place / "copy")


def test_every_verb_has_a_case() -> None:
    assert set(CASES) == set(verbs.TABLE)


def check_pipe(case: Case, call: Call) -> None:
    """Data and nothing else on standard output, talk on standard error."""
    found = call(*case.words)
    assert found.status == 0, found
    assert re.fullmatch(case.pipe, found.out), found.out
    assert re.fullmatch(case.talk, found.err), found.err


def check_documents(case: Case, call: Call) -> None:
    """With ``--json`` nothing but JSON on both."""
    found = call("--json", *case.words)
    assert found.status == 0, found
    assert len(found.documents) == (len(found.out.splitlines()) if case.documents is None else case.documents)
    assert found.documents or not case.pipe
    assert all("message" in json.loads(line) for line in found.err.splitlines())


def check_quiet(case: Case, call: Call) -> None:
    """With ``-q`` the same data, and no word."""
    found = call("-q", *case.words)
    assert (found.status, found.err) == (0, "")
    assert re.fullmatch(case.pipe, found.out), found.out


def check_terminal(case: Case, no_colour: str, program: Sequence[str] = ENTRY) -> None:
    """A form for people, in colours only where they are wanted."""
    with Live(*case.words, terminal=(24, 160), program=program, TERM="xterm", NO_COLOR=no_colour) as live:
        status, talk = live.wait()
        shown = live.out
    assert status == 0, (shown, talk)
    assert re.fullmatch(case.terminal, ANSI.sub("", shown)), shown
    assert re.fullmatch(case.talk, talk), talk
    assert ("\x1b" in shown) == (case.coloured and not no_colour), shown


@pytest.mark.parametrize("verb", [*CASES])
def test_in_a_pipe(prepared: Path, monkeypatch: pytest.MonkeyPatch, cli: Command, verb: str) -> None:
    case = CASES[verb]
    assert case.words[0] == verb
    stand_in_copy(prepared, monkeypatch)
    check_pipe(case, process)
    call: Call = process if verb in ("lock", "queue") else cli  # what other programs print passes by this one's streams
    for check in (check_documents, check_quiet):
        stand_in_copy(prepared, monkeypatch)
        check(case, call)


@pytest.mark.parametrize("verb", [*CASES])
def test_on_a_terminal(prepared: Path, monkeypatch: pytest.MonkeyPatch, verb: str) -> None:
    for no_colour in ("1", ""):
        stand_in_copy(prepared, monkeypatch)
        check_terminal(CASES[verb], no_colour)


FLAWS = {
    "talk among the data": "output.Output.talk = lambda self, text: print(text)",
    "talk that is no JSON, and cannot be silenced": "output.Output.talk = lambda self, text: self._tell(text)",
    "always for people": "output.Output.terminal = property(lambda self: True, lambda self, is_one: None)",
    "always for programs": "output.Output.terminal = property(lambda self: False, lambda self, is_one: None)",
    "colours for all": "colours.wanted = lambda environment: True",
    "no colours": "colours.wanted = lambda environment: False",
}


@pytest.mark.parametrize(
    ("flaw", "verb", "check"),
    [
        ("talk among the data", "del", "pipe"),
        ("talk among the data", "del", "documents"),
        ("talk that is no JSON, and cannot be silenced", "del", "documents"),
        ("talk that is no JSON, and cannot be silenced", "del", "quiet"),
        ("always for people", "get", "pipe"),
        ("always for programs", "get", "terminal"),
        ("colours for all", "log", "terminal, no colour"),
        ("no colours", "log", "terminal"),
    ],
)
def test_a_flaw_is_noticed(prepared: Path, flaw: str, verb: str, check: str) -> None:
    script = f"import sys; from fsstore.cli import colours, main, output; {FLAWS[flaw]}; sys.exit(main())"
    program = [sys.executable, "-c", script]

    def flawed(*words: str) -> Result:
        done = subprocess.run([*program, *words], capture_output=True, text=True, check=False)
        return Result(done.returncode, done.stdout, done.stderr)

    checks: dict[str, Callable[[], None]] = {
        "pipe": lambda: check_pipe(CASES[verb], flawed),
        "documents": lambda: check_documents(CASES[verb], flawed),
        "quiet": lambda: check_quiet(CASES[verb], flawed),
        "terminal": lambda: check_terminal(CASES[verb], "", program),
        "terminal, no colour": lambda: check_terminal(CASES[verb], "1", program),
    }
    with pytest.raises((AssertionError, json.JSONDecodeError)):
        checks[check]()


@pytest.mark.parametrize("verb", [verb for verb in CASES if verb not in OF_NO_STORE])
def test_where_there_is_no_store(place: Path, cli: Command, verb: str) -> None:
    for name in ("agent.py", "lines"):
        (place / name).write_text("def run(input_dict, tools): return input_dict")
    words = tuple(word.replace("../", "") for word in CASES[verb].words)
    found = cli(*words[:1], "--json", *words[1:])
    assert (found.status, found.out, found.error["error"]) == (2, "", "StoreMissing")
