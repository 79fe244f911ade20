"""``fsstore edit``: what the editor sees, what is stored, and that nothing that was typed is lost."""

from __future__ import annotations

import json
import os
import re
import shlex
import stat
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import fsstore
from fsstore.cli.originals import Original

from .command import ENTRY, Command, process
from .live import Live

pytestmark = pytest.mark.usefixtures("directory")

FSSTORE = shlex.join(ENTRY)
BAD = """printf '{"a": 1,\\n"b" 2}' > "$1" """
BAD_MESSAGE = "what was typed is no JSON value: line 2, column 5: "
SCREEN = (24, 200)


@pytest.fixture(autouse=True)
def drafts(place: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where temporary files are made."""
    drafts = place / "drafts"
    drafts.mkdir()
    monkeypatch.setenv("TMPDIR", str(drafts))
    monkeypatch.setattr("tempfile.tempdir", None)
    monkeypatch.delenv("VISUAL", raising=False)
    monkeypatch.delenv("EDITOR", raising=False)
    return drafts


Use = Callable[[str], str]


@pytest.fixture
def use(place: Path, monkeypatch: pytest.MonkeyPatch) -> Use:
    """Make a script the editor; its ``$1`` is the file."""

    def use(script: str) -> str:
        editor = place / "my editor"
        editor.write_text(f"#!/bin/sh\n{script}\n")
        editor.chmod(0o755)
        monkeypatch.setenv("EDITOR", command := shlex.quote(str(editor)))
        return command

    return use


def kept_in(message: str, drafts: Path) -> Path:
    """The file that a message says holds what was typed."""
    found = re.search(r"What you have typed is in (\S+)$", message.strip())
    assert found is not None, message
    assert [*drafts.rglob("*.*")] == [Path(found[1])]
    return Path(found[1])


def test_what_the_editor_leaves_is_stored(cli: Command, directory: Path, drafts: Path, use: Use) -> None:
    cli.ok("set", "greeting", '{"text": "hello"}', "--meta", '{"a": 1}')
    use('sed -i s/hello/good-bye/ "$1"')
    assert process("edit", "greeting", "--agent", "ada") == (
        0,
        "",
        "fsstore: stored 'greeting' of namespace 'default'\n",
    )
    with fsstore.open(directory) as store:
        record = store.info("greeting")
    assert (record.value, record.metadata, record.updated_by) == ({"text": "good-bye"}, {"a": 1}, "ada")
    assert [*drafts.iterdir()] == []
    assert cli("edit", "greeting", "--json").document == {"namespace": "default", "key": "greeting", "changed": False}


def test_the_editor_gets_the_very_text_of_the_file(directory: Path, place: Path, use: Use) -> None:
    text = '{"b":   1,\r\n\t"a": [ ]}'
    (directory / "default" / "a b").mkdir(parents=True)
    (directory / "default" / "a b" / "c.json").write_bytes(text.encode())
    use(f'stat -c "%a %n" "$1" > {place}/mode; cp "$1" {place}/seen')
    result = process("edit", "a b:c")
    assert result == (0, "", "fsstore: nothing was changed in 'a b:c' of namespace 'default'\n")
    assert (place / "seen").read_bytes() == text.encode()
    mode, _, name = (place / "mode").read_text().strip().partition(" ")
    assert (mode, Path(name).name) == ("600", "c.json")
    assert stat.S_IMODE(place.joinpath("drafts").stat().st_mode) & 0o700
    assert (directory / "default" / "a b" / "c.json").read_bytes() == text.encode()


def test_an_equal_value_changes_nothing(cli: Command, directory: Path, use: Use) -> None:
    path = directory / "default" / "k.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text('{"a":1}')
    use('printf \'{  "a": 1 }\' > "$1"')
    assert cli("edit", "k") == (0, "", "fsstore: nothing was changed in 'k' of namespace 'default'\n")
    assert path.read_text() == '{"a":1}'


def test_a_new_key(cli: Command, place: Path, use: Use) -> None:
    use(f'cat "$1" >> {place}/seen')
    assert cli("edit", "new").err == "fsstore: nothing was changed in 'new' of namespace 'default'\n"
    assert cli("get", "new").status == 1
    use('echo [1] > "$1"')
    assert cli("edit", "new").status == 0
    assert cli.ok("get", "new") == "[1]\n"
    assert (place / "seen").read_text() == "null\n"


@pytest.mark.parametrize(
    ("old", "seen", "typed", "new"),
    [
        ("one\ntwo", "one\ntwo\n", "one\nTWO\n", "one\nTWO"),
        ("one\ntwo", "one\ntwo\n", "one\nTWO", "one\nTWO"),
        ("one\n", "one\n", "ONE\n", "ONE\n"),
        ("one\n", "one\n", "ONE", "ONE"),
        ("one", "one\n", "two\n\n", "two\n"),
        ("", "", "a\n", "a"),
        (None, "", "a\nb\n", "a\nb"),
        ("\x07é", "\x07é\n", "\x07\n", "\x07"),
        ("a\r\n", "a\r\n", "b\r\n", "b\r\n"),
    ],
)
def test_a_string_as_text(
    cli: Command, directory: Path, place: Path, use: Use, old: str | None, seen: str, typed: str, new: str
) -> None:
    with fsstore.open(directory) as store:
        if old is not None:
            store.set("k", old)
        (place / "typed").write_bytes(typed.encode())
        use(f'cp "$1" {place}/seen.txt; cat {place}/typed > "$1"')
        assert cli("edit", "--text", "k").status == 0
        assert store.get("k") == new
    assert (place / "seen.txt").read_bytes().decode() == seen


def test_what_is_no_string_is_no_text(cli: Command, drafts: Path, use: Use) -> None:
    cli.ok("set", "k", "[1]")
    use("false")
    result = cli("edit", "--text", "k")
    assert (result.status, result.err) == (2, "fsstore: key 'k' holds no string; without --text it is edited as JSON\n")
    assert [*drafts.iterdir()] == []


def test_text_that_is_no_utf_8_is_kept(cli: Command, drafts: Path, use: Use) -> None:
    use("printf 'a\\377' > \"$1\"")
    result = cli("edit", "--text", "k")
    assert result.status == 4
    assert kept_in(result.err, drafts).read_bytes() == b"a\xff"


def test_what_is_no_json_is_kept_and_named(cli: Command, drafts: Path, use: Use) -> None:
    cli.ok("set", "k", "1")
    use(BAD)
    result = cli("edit", "k")
    assert (result.status, result.out) == (4, "")
    assert BAD_MESSAGE in result.err
    assert kept_in(result.err, drafts).read_text() == '{"a": 1,\n"b" 2}'
    assert cli.ok("get", "k") == "1\n"


def test_the_same_as_json(cli: Command, drafts: Path, use: Use) -> None:
    use(BAD)
    error = cli("edit", "k", "--json").error
    assert (error["error"], error["exit"], error["line"]) == ("InvalidValue", 4, 2)
    assert Path(error["kept"]).read_text() == '{"a": 1,\n"b" 2}'


def test_a_person_is_asked_and_mends_it(directory: Path, drafts: Path, place: Path, use: Use) -> None:
    use(f'if [ -e {place}/tried ]; then sed -i \'s/"b" 2/"b": 2/\' "$1"; else touch {place}/tried; {BAD}; fi')
    with Live("edit", "k", terminal=SCREEN, talk=True) as editing:
        editing.until(lambda live: live.out.endswith("Edit it again? [e]dit, [q]uit: "))
        assert f"fsstore: {BAD_MESSAGE}" in editing.out
        editing.press("what?\n")
        editing.until(lambda live: live.out.count("Edit it again?") == 2)
        editing.press("e\n")
        assert editing.wait()[0] == 0
        assert editing.out.endswith("fsstore: stored 'k' of namespace 'default'\n")
    with fsstore.open(directory) as store:
        assert store.get("k") == {"a": 1, "b": 2}
    assert [*drafts.iterdir()] == []


@pytest.mark.parametrize("answer", ["q\n", "\x04"])
def test_a_person_who_has_had_enough_keeps_the_text(directory: Path, drafts: Path, use: Use, answer: str) -> None:
    use(BAD)
    with Live("edit", "k", terminal=SCREEN, talk=True) as editing:
        editing.until(lambda live: live.out.endswith("Edit it again? [e]dit, [q]uit: "))
        editing.press(answer)
        assert editing.wait()[0] == 4
        assert kept_in(editing.out, drafts).read_text() == '{"a": 1,\n"b" 2}'


@pytest.mark.parametrize(
    ("before", "meanwhile"),
    [
        ("1", "set k 2"),
        ("1", "del k"),
        ("null", "del k"),
        (None, "set k 2"),
    ],
)
def test_what_somebody_else_wrote_meanwhile_is_not_overwritten(
    cli: Command, drafts: Path, use: Use, before: str | None, meanwhile: str
) -> None:
    check_conflict(cli, drafts, use, before, meanwhile)


def check_conflict(cli: Command, drafts: Path, use: Use, before: str | None, meanwhile: str) -> None:
    if before is not None:
        cli.ok("set", "k", before)
    use(f'{FSSTORE} -q {meanwhile}; echo \'"mine"\' > "$1"')
    result = cli("edit", "k")
    assert (result.status, result.out) == (3, "")
    assert result.err.startswith("fsstore: key 'k' of namespace 'default' was ")
    assert kept_in(result.err, drafts).read_text() == '"mine"\n'
    assert cli("get", "k").out == ("" if meanwhile == "del k" else "2\n")


class _Overwrites(Original):
    def replace(self, value: Any) -> bool:
        self.space.set(self.key, value)
        return True


class _TakesNoneForNull(Original):
    def replace(self, value: Any) -> bool:
        self.space.update(self.key, lambda now: value if now == self.value else self._checked(now, value))
        return True


@pytest.mark.parametrize(
    ("flaw", "before", "meanwhile"),
    [(_Overwrites, "1", "set k 2"), (_TakesNoneForNull, "null", "del k"), (_Overwrites, None, "set k 2")],
)
def test_a_flaw_in_that_is_noticed(
    cli: Command,
    drafts: Path,
    use: Use,
    monkeypatch: pytest.MonkeyPatch,
    flaw: type[Original],
    before: str | None,
    meanwhile: str,
) -> None:
    monkeypatch.setattr("fsstore.cli.verbs.edit.Original", flaw)
    with pytest.raises(AssertionError):
        check_conflict(cli, drafts, use, before, meanwhile)


def test_a_file_that_is_no_json_can_be_mended(cli: Command, directory: Path, drafts: Path, use: Use) -> None:
    path = directory / "default" / "k.json"
    path.parent.mkdir(exist_ok=True)
    for text in ('{"a": 1,}', ""):
        path.write_text(text)
        os.utime(path, (1, 1))
        use(f'[ "$(cat "$1")" = {shlex.quote(text)} ] && echo \'{{"a": 1}}\' > "$1"')
        assert cli("edit", "k").status == 0
        assert cli.ok("get", "k") == '{"a":1}\n'
    path.write_text('{"a": 1,}')
    os.utime(path, (1, 1))
    use(f'{FSSTORE} -q set k 2; echo 3 > "$1"')
    result = cli("edit", "k")
    assert result.status == 3
    assert kept_in(result.err, drafts).read_text() == "3\n"
    assert cli.ok("get", "k") == "2\n"


def test_what_is_no_file_is_not_edited(cli: Command, directory: Path, use: Use) -> None:
    (directory / "default").mkdir(exist_ok=True)
    os.mkfifo(directory / "default" / "k.json")
    use("touch ../edited")
    assert cli("edit", "k").status == 4
    assert not (directory.parent / "edited").exists()


@pytest.mark.parametrize(
    ("script", "kept"), [("exit 3", None), ('echo 5 > "$1"; exit 3', "5\n"), ('rm "$1"', None), ("kill -TERM $$", None)]
)
def test_an_editor_that_fails_changes_nothing(
    cli: Command, drafts: Path, use: Use, script: str, kept: str | None
) -> None:
    cli.ok("set", "k", "1")
    use(script)
    result = cli("edit", "k")
    assert (result.status, result.out) == (1, "")
    assert "nothing was changed" in result.err
    if kept is None:
        assert [*drafts.iterdir()] == []
    else:
        assert kept_in(result.err, drafts).read_text() == kept
    assert cli.ok("get", "k") == "1\n"


def test_which_editor(cli: Command, drafts: Path, use: Use, monkeypatch: pytest.MonkeyPatch) -> None:
    result = process("edit", "k")
    assert (result.status, result.out) == (2, "")
    assert "$VISUAL or $EDITOR may name a program that needs none" in result.err
    monkeypatch.setenv("EDITOR", "false")
    monkeypatch.setenv("VISUAL", use('echo 1 > "$1"'))
    monkeypatch.setenv("EDITOR", "false")
    assert cli("edit", "k").status == 0
    monkeypatch.setenv("VISUAL", "no-such-editor --wait")
    result = cli("edit", "k")
    assert result.status == 1
    assert "$VISUAL or $EDITOR names the one to use" in result.err
    assert [*drafts.iterdir()] == []


def test_the_default_editor_on_a_terminal_is_vi(place: Path, directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    programs = place / "bin"
    programs.mkdir()
    (programs / "vi").write_text('#!/bin/sh\necho 7 > "$1"\n')
    (programs / "vi").chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    with Live("edit", "k", terminal=SCREEN) as editing:
        assert editing.wait() == (0, "fsstore: stored 'k' of namespace 'default'\n")
    assert json.loads((directory / "default" / "k.json").read_text()) == 7


def test_what_an_editor_prints_is_no_data(use: Use) -> None:
    use('echo chatter; echo 1 > "$1"')
    result = process("edit", "k", "--json", "-q")
    assert (result.status, result.document["changed"], result.err) == (0, True, "chatter\n")


def test_a_draft_lies_in_no_store(cli: Command, directory: Path, use: Use, monkeypatch: pytest.MonkeyPatch) -> None:
    use("true")
    monkeypatch.setenv("TMPDIR", str(directory))
    result = cli("edit", "k")
    assert result.status == 2
    assert "set TMPDIR to another directory" in result.err


def test_what_the_store_refuses_is_kept(cli: Command, directory: Path, drafts: Path, use: Use) -> None:
    marker = json.loads((directory / "fsstore.json").read_text())
    (directory / "fsstore.json").write_text(json.dumps({**marker, "settings": {"max_value_bytes": 10}}))
    use('echo \'"0123456789"\' > "$1"')
    result = cli("edit", "k", "--json")
    assert (result.status, result.error["error"]) == (4, "TooLarge")
    assert Path(result.error["kept"]).read_text() == '"0123456789"\n'


END_FIRST = """
import sys
from signal import SIGCHLD
from fsstore.cli import children, main
real = children._next_signal
children._next_signal = lambda *which: real(*which) if which else (SIGCHLD, False)
"""
INTERRUPTED = """
import signal, sys
def stop(number, frame):
    open(sys.argv[1], "w").write("[1]")
    sys.exit()
signal.signal(signal.SIGINT, stop)
print("up", flush=True)
signal.pause()
"""


def check_interrupt(place: Path, use: Use, *program: str) -> None:
    """What a person types to interrupt reaches the editor alone."""
    (place / "editor.py").write_text(INTERRUPTED)
    use(f'exec {shlex.quote(sys.executable)} {place}/editor.py "$1"')
    with Live("edit", "k", terminal=SCREEN, talk=True, program=program) as editing:
        editing.until(lambda live: "up\n" in live.out)
        editing.press("\x03")
        assert editing.wait()[0] == 0, editing.out
    assert json.loads((place / "state" / "default" / "k.json").read_text()) == [1]


def test_what_is_typed_to_interrupt_is_the_editors(place: Path, use: Use) -> None:
    check_interrupt(place, use, *ENTRY)


def test_nor_is_it_heard_when_the_editor_has_ended(place: Path, use: Use) -> None:
    check_interrupt(place, use, sys.executable, "-c", f"{END_FIRST}sys.exit(main())")


def test_to_hear_it_then_is_noticed(place: Path, use: Use) -> None:
    flawed = f"{END_FIRST}children._forget_what_it_was_told = lambda: None\nsys.exit(main())"
    with pytest.raises(AssertionError):
        check_interrupt(place, use, sys.executable, "-c", flawed)
