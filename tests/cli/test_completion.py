"""What may stand at the end of a command line, and the scripts that ask for it, in real shells."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

import pytest
from files.needs import need_program

import fsstore
from fsstore.cli import completing, completions, verbs
from fsstore.cli.verbs import completion

from .command import Command, process, shell
from .live import Live, until

PATIENT = """
import sys
from fsstore.cli import main
from fsstore.cli.verbs import completion
completion._PATIENCE = 60
sys.exit(main())
"""
"""The command that gives up later than any machine stands still: what it knows is a suggestion each time."""
KEYS = ["-odd", "greeting", "it's", "lib:x=1", "my key", "project:alpha:config", "project:beta", "src/main.py", "tab\t"]


@pytest.fixture(autouse=True)
def _no_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """None in this process, which it would end: a machine may stand still for as long as a person is to wait."""
    monkeypatch.setattr(completion, "_PATIENCE", 0)


@pytest.fixture(autouse=True)
def _filled(directory: Path) -> None:
    with fsstore.open(directory) as store:
        store.set_many(dict.fromkeys(KEYS, 1))
        store.use_namespace("files:apache/x").set("README", 1)
        store.use_namespace("fruit").set("apple", 1)


def found(cli: Command, line: str) -> list[str]:
    result = cli("completion", "--line", f"fsstore {line}")
    assert (result.status, result.err) == (0, "")
    return result.out.splitlines()


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("get gr", ["greeting"]),
        ("get ", [key for key in KEYS if key.isprintable() and key != "-odd"]),
        ("get -- -", ["-odd"]),
        ("get -- ", [key for key in KEYS if key.isprintable()]),
        ("get project:", ["project:alpha:config", "project:beta"]),
        ("get 'my ", ["my key"]),
        ("get my\\ ", ["my key"]),
        ("get nothing", []),
        ("get greeting gr", []),
        ("get --raw gr", ["greeting"]),
        ("get --default 5 gr", ["greeting"]),
        ("get --default gr", []),
        ("get --default=5 gr", ["greeting"]),
        ("get --r", ["--raw"]),
        ("del greeting src", ["src/main.py"]),
        ("del --prefix pro", ["project:alpha:config", "project:beta"]),
        ("del --prefix=src", ["--prefix=src/main.py"]),
        ("ls src", ["src/main.py"]),
        ("show HEAD gr", ["greeting"]),
        ("diff gr", ["greeting"]),
        ("-n f", ["files:apache/x", "fruit"]),
        ("-n fruit get ", ["apple"]),
        ("get -n fruit ", ["apple"]),
        ("-nfruit get ", ["apple"]),
        ("--namespace=fruit get ", ["apple"]),
        ("--namespace=fr", ["--namespace=fruit"]),
        ("get --namespace=fr", ["--namespace=fruit"]),
        ("get ap --namespace fr", ["fruit"]),
        ("ns f", ["files:apache/x", "fruit"]),
        ("ns ", ["copy", "move", "rename", "default", "files:apache/x", "fruit"]),
        ("ns re", ["rename"]),
        ("ns copy fr", ["fruit"]),
        ("ns move fruit fi", ["files:apache/x"]),
        ("--js", ["--json"]),
        ("completion ", ["bash", "zsh", "fish"]),
        ("run agent.py --on-error ", ["keep", "rollback"]),
        ("-C nowhere get ", []),
        ("nonsense gr", []),
        ("wat", ["watch"]),
        ("w", ["watch", "wait"]),
        ("get -q -- gr", ["greeting"]),
        ("lock a ", []),
    ],
)
def test_candidates(cli: Command, line: str, expected: list[str]) -> None:
    assert sorted(found(cli, line)) == sorted(expected)


def test_the_first_word_is_a_verb(cli: Command) -> None:
    assert found(cli, "") == [*verbs.TABLE]


@pytest.mark.parametrize("line", ["backup ", "-C ", "get -C ", "init no", "run ag", "set k @", "get k --default @f"])
def test_a_file_is_the_shells_to_find(cli: Command, line: str) -> None:
    assert cli("completion", "--line", f"fsstore {line}") == (1, "", "")


def test_every_verb_can_be_completed(cli: Command) -> None:
    for verb in verbs.TABLE:
        for line in (f"{verb} ", f"{verb} -", f"{verb} -- "):
            result = cli("completion", "--line", f"fsstore {line}")
            assert (result.status in (0, 1), result.err) == (True, ""), line
        assert "--json" in found(cli, f"{verb} --")


def test_of_too_many_keys_their_beginnings(cli: Command, directory: Path) -> None:
    with fsstore.open(directory) as store:
        many = {f"many:{letter}:{number}": 1 for letter in "abc" for number in range(100)}
        store.set_many({**many, "many:single": 1})
    assert found(cli, "get many:") == ["many:a:", "many:b:", "many:c:", "many:single"]
    assert len(found(cli, "get many:a:")) == 100
    with fsstore.open(directory) as store:
        store.set_many({f"flat{number}": 1 for number in range(1000)})
    assert len(found(cli, "get fl")) == completing._MOST


def test_who_takes_too_long_gives_up_without_a_word(directory: Path) -> None:
    script = (
        "import signal, sys\n"
        "from fsstore.cli import completing, main\n"
        "from fsstore.cli.verbs import completion\n"
        "completion._PATIENCE = 1\n"
        "completing.candidates = lambda words: signal.pause()\n"
        "sys.exit(main(['completion', '--line', 'fsstore get g']))\n"
    )
    with Live(program=[sys.executable, "-c", script]) as asking:
        assert (*asking.wait(), asking.out) == (0, "", "")


def test_a_machine_that_stands_still_does_not_end_these_tests(cli: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    def candidates(words: list[str]) -> list[str]:
        left.append(signal.getitimer(signal.ITIMER_REAL)[0])
        return []

    left: list[float] = []
    monkeypatch.setattr(completing, "candidates", candidates)
    assert found(cli, "get g") == []
    assert left == [0]


@pytest.mark.parametrize("words", [(), ("bash", "--line", "x"), ("tcsh",)])
def test_what_cannot_be_meant_is_usage(cli: Command, words: tuple[str, ...]) -> None:
    assert cli("completion", *words).status == 2


@pytest.mark.parametrize("name", completions.SHELLS)
def test_a_script_can_be_read_by_its_shell(name: str, place: Path) -> None:
    script = process("completion", name)
    assert (script.status, script.err) == (0, "")
    (place / "script").write_text(script.out)
    program = need_program(name)
    done = shell(f"{program} -n {place}/script")
    assert (done.returncode, done.stderr) == (0, b"")


RECORD = {
    "bash": """
PS1='$ '
fsstore() {
    if [ "$1" = completion ]; then "$FSSTORE_PYTHON" -c "$PATIENT" "$@"; else printf '%s\\0' "$@" '' >>"$RECORD"; fi
}
eval "$(fsstore completion bash)"
""",
    "zsh": """
PS1='$ '
fsstore() {
    if [ "$1" = completion ]; then "$FSSTORE_PYTHON" -c "$PATIENT" "$@"; else printf '%s\\0' "$@" '' >>"$RECORD"; fi
}
autoload -Uz compinit
compinit -u -D
eval "$(fsstore completion zsh)"
""",
    "fish": """
function fish_prompt; echo '$ '; end
set -g fish_greeting
set -g fish_autosuggestion_enabled 0
function fsstore
    if test "$argv[1]" = completion
        $FSSTORE_PYTHON -c "$PATIENT" $argv
    else
        printf '%s\\0' $argv '' >>$RECORD
    end
end
fsstore completion fish | source
""",
}
START = {
    "bash": ["--noprofile", "--norc", "-i"],
    "zsh": ["-f", "-i"],
    "fish": ["--no-config", "-i"],
}
TYPED = [
    ("get gre\t", ["get", "greeting"]),
    ("get project:a\t", ["get", "project:alpha:config"]),
    ("get pro\tb\t", ["get", "project:beta"]),
    ("get src/\t", ["get", "src/main.py"]),
    ("get lib:x\t", ["get", "lib:x=1"]),
    ("get my\t", ["get", "my key"]),
    ("get 'my k\t", ["get", "my key"]),
    ('get "my k\t', ["get", "my key"]),
    ("get it\t", ["get", "it's"]),
    ("get -- -o\t", ["get", "--", "-odd"]),
    ("-n fi\tget R\t", ["-n", "files:apache/x", "get", "README"]),
    ("-n files:\tget R\t", ["-n", "files:apache/x", "get", "README"]),
    ("snap\t--ver\t", ["snapshot", "--verify"]),
    ("backup sav\t", ["backup", "saved"]),
]


@pytest.mark.parametrize("name", completions.SHELLS)
def test_a_person_who_presses_tab(name: str, directory: Path, place: Path) -> None:
    program = [need_program(name), *START[name]]
    (directory / "saved").mkdir()
    start, record = place / "start", place / "record"
    start.write_text(RECORD[name])
    environment = {"RECORD": str(record), "TERM": "xterm", "HOME": str(place), "INPUTRC": "/dev/null"}
    environment["PATIENT"] = PATIENT
    environment |= {"XDG_CONFIG_HOME": str(place), "XDG_DATA_HOME": str(place), "HISTFILE": "/dev/null"}
    with Live(program=program, terminal=(50, 200), talk=True, **environment) as typing:
        typing.press(f". {start}; touch {place}/begun\n")
        until(lambda: (place / "begun").exists(), "it never began")
        for number, (typed, words) in enumerate(TYPED, 1):
            typing.press(f"fsstore {typed}\n")
            until(lambda number=number: _records(record)[number - 1 :], f"{typed!r}: {typing.out}")  # type: ignore[misc]
            told = [word.removesuffix("/") for word in _records(record)[number - 1]]  # zsh takes it off itself
            assert told == words, (typed, typing.out)
        assert "Traceback" not in typing.out
        typing.press("exit\n")
        assert typing.wait()[0] == 0


def _records(record: Path) -> list[list[str]]:
    """The words of each call, in the order of the calls."""
    if not record.exists():
        return []
    calls = record.read_text().split("\0\0")
    return [call.split("\0") for call in calls[:-1]]
