"""``fsstore diff``: which words are revisions and which a key, and how a change looks."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

import fsstore
from fsstore import values
from fsstore.cli import changes
from fsstore.cli.output import Output
from fsstore.commits import Change, Difference

from .command import Command, on_terminal, process

ESCAPES = "evil\x1b[2J\x07"


def named(out: str) -> list[str]:
    """The first lines of the changes."""
    return [line for line in out.splitlines() if line.startswith(("added ", "removed ", "changed "))]


def test_without_words_it_is_from_head_to_now(past: Path, cli: Command) -> None:
    assert cli("diff") == (0, "", "")
    cli.ok("set", "greeting", '{"text": "hello\\nWorld\\nend\\n", "n": 2, "m": [true, 5, null]}')
    cli.ok("set", "new", '"one\\ntwo"')
    cli.ok("-n", "a:b", "del", "x y")
    result = process("diff")
    assert (result.status, result.err) == (0, "")
    assert re.split(r"\n\n", result.out.rstrip("\n")) == [
        'removed a:b x y\n- "q"',
        "changed default greeting\n@ /n\n- 1\n+ 2\n@ /m/1\n+ 5",
        "added default new\n+ |-\n+   one\n+   two",
    ]


def test_one_revision_is_from_there_to_now_and_two_are_from_one_to_the_other(past: Path, cli: Command) -> None:
    cli.ok("set", "new", "1")
    assert named(cli.ok("diff", "HEAD~1")) == ["removed default gone", "changed default greeting", "added default new"]
    assert named(cli.ok("diff", "HEAD~2", "HEAD")) == ["removed default gone", "changed default greeting"]
    assert named(cli.ok("diff", "HEAD", "HEAD~2")) == ["added default gone", "changed default greeting"]


def test_a_word_that_is_no_revision_is_a_key(past: Path, cli: Command) -> None:
    cli.ok("set", "new", "1")
    cli.ok("set", "greeting", "1")
    for words in (("new",), ("HEAD", "new"), ("--", "new"), ("HEAD", "--", "new")):
        assert named(cli.ok("diff", *words)) == ["added default new"], words
    assert named(cli.ok("diff", "HEAD~2", "HEAD", "gone")) == ["removed default gone"]
    assert named(cli.ok("diff", "HEAD~2", "HEAD", "--", "gone")) == ["removed default gone"]
    assert named(cli.ok("diff", "HEAD~2", "x y", "-n", "a:b")) == []


def test_a_word_that_is_neither_is_told(past: Path, cli: Command) -> None:
    for words in (("nonsense",), ("HEAD", "nonsense"), ("nonsense", "HEAD"), ("nonsense", "--", "greeting")):
        result = cli("diff", *words)
        assert (result.status, result.out, result.err.count("\n")) == (1, "", 1), words
        assert cli("diff", "--json", *words).error["revision"] == "nonsense"
    assert cli("diff", "--", "nonsense") == (0, "", "")


def test_a_word_that_is_both_is_asked_about(past: Path, cli: Command) -> None:
    cli.ok("set", "HEAD", "1")
    result = cli("diff", "HEAD")
    assert (result.status, result.out) == (2, "")
    assert result.err == "fsstore: 'HEAD' is a revision and a key: write HEAD -- or -- HEAD\n"
    assert named(cli.ok("diff", "HEAD", "--")) == ["added default HEAD"]
    assert named(cli.ok("diff", "HEAD~1", "--", "HEAD")) == ["added default HEAD"]
    assert named(cli.ok("diff", "--", "HEAD")) == ["added default HEAD"]


@pytest.mark.parametrize("words", [("HEAD", "HEAD", "HEAD"), ("--", "a", "b"), ("HEAD", "HEAD", "HEAD", "--", "a")])
def test_too_many_words(past: Path, cli: Command, words: tuple[str, ...]) -> None:
    assert cli("diff", *words).status == 2


def test_a_namespace_narrows_it(past: Path, cli: Command) -> None:
    cli.ok("set", "same", "1")
    cli.ok("-n", "a:b", "set", "same", "1")
    assert named(cli.ok("diff", "-n", "a:b")) == ["added a:b same"]
    assert named(cli.ok("diff", "same", "-n", "a:b")) == ["added a:b same"]
    assert named(cli.ok("diff", "same")) == ["added default same"]
    assert len(named(cli.ok("diff"))) == 2


def test_files_that_are_no_keys_are_told_by_name(past: Path, cli: Command) -> None:
    (past / "README.md").write_text("ours\n")
    (past / "default" / ".meta").mkdir(exist_ok=True)
    (past / "default" / ".meta" / "gone.json").write_text('{"metadata": {"n": 1}}\n')
    assert cli.ok("diff") == (
        "changed (file) README.md\n\n"
        'added (file) default/.meta/gone.json\n+ {\n+   "metadata": {\n+     "n": 1\n+   }\n+ }\n'
    )
    readme, sidecar = cli("diff", "--json").documents
    assert (readme["path"], readme["namespace"], readme["key"]) == ("README.md", None, None)
    assert (readme["new_error"]["error"], sidecar["key"]) == ("BadValue", None)


def test_a_file_that_holds_no_value(past: Path, cli: Command) -> None:
    (past / "default" / "greeting.json").write_text("[1,]")
    shown = cli.ok("diff")
    assert re.search(r"^changed default greeting\n- \{\n(-   .*\n)+- \}\n\+ \(no value: .*\)\n$", shown)
    document = cli("diff", "--json").document
    assert document["new_error"]["error"] == "BadValue"
    assert "new" not in document
    assert document["old"]["n"] == 1


def test_the_same_value_in_another_form(past: Path, cli: Command) -> None:
    value = json.loads(cli.ok("get", "greeting"))
    (past / "default" / "greeting.json").write_text(json.dumps(value))
    assert cli.ok("diff") == "changed default greeting\n= the same value, written in another way\n"


def test_json_tells_null_from_nothing(past: Path, cli: Command) -> None:
    cli.ok("set", "gone", "null")
    cli.ok("set", "greeting", '{"text": null}')
    changed, added = sorted(cli("diff", "--json").documents, key=lambda each: str(each["kind"]), reverse=True)
    assert (added["kind"], "old" in added, added["new"]) == ("added", False, None)
    assert changed["details"] == [
        {"op": "replace", "path": "/text", "old": "hello\nWorld\nend\n", "new": None},
        {"op": "remove", "path": "/n", "old": 1},
        {"op": "remove", "path": "/m", "old": [True, None]},
    ]


def test_a_terminal_shows_colours_and_no_control_characters(past: Path) -> None:
    with fsstore.open(past, agent=ESCAPES) as store:
        store.set(ESCAPES, {ESCAPES: f"{ESCAPES}\n\x9b\r\n"})
        store.merge("greeting", {"n": f"\x7f{ESCAPES}", "text": "hello\tyou\nWorld\n\x1b[31m\n"})
    plain = on_terminal("diff")
    assert plain.replace("\n", "").replace("\t", "").isprintable()
    assert '+ "\\u007fevil\\u001b[2J\\u0007"' in plain.splitlines()
    coloured = on_terminal("diff", TERM="xterm")
    assert "\x1b[31m- 1\x1b[m\n" in coloured
    assert "\x1b[36m@ /n\x1b[m\n" in coloured
    assert re.sub("\x1b\\[[0-9]*m", "", coloured) == plain


# How one change looks


def look(old: Any, new: Any, *path: str) -> list[str]:
    step = Difference("replace", "".join(f"/{each}" for each in path), old, new)
    change = Change("default/k.json", "default", "k", "changed", old, new, [step])
    return list(changes.lines(change, Output()))[1:]


def test_of_long_texts_only_the_neighbourhood_of_a_change_is_shown() -> None:
    lines = [f"line {number}" for number in range(100)]
    other = [*lines[:20], "new", *lines[21:70], *lines[71:]]
    assert look("\n".join(lines), "\n".join(other)) == [
        "...",
        *(f"    line {number}" for number in (17, 18, 19)),
        "-   line 20",
        "+   new",
        *(f"    line {number}" for number in (21, 22, 23)),
        "...",
        *(f"    line {number}" for number in (67, 68, 69)),
        "-   line 70",
        *(f"    line {number}" for number in (71, 72, 73)),
        "...",
    ]


def test_a_final_line_break_is_a_difference() -> None:
    assert look("a\nb\n", "a\nb") == ["- |", "+ |-", "    a", "    b"]


def test_two_long_texts_that_have_nothing_in_common_take_no_long_time() -> None:
    old, new = ("\n".join(f"{mark}{number}" for number in range(20_000)) for mark in "ab")
    shown = look(old, new)
    assert [line[0] for line in shown].count("-") == 20_001  # and the mark of the block


def test_a_value_that_becomes_one_of_another_type() -> None:
    assert look({"a": "x\ny"}, "plain", "odd\n") == [
        '@ "/odd\\n"',
        "- {",
        '-   "a": |-',
        "-     x",
        "-     y",
        "- }",
        '+ "plain"',
    ]


@pytest.mark.parametrize("value", [10**30, -0.0, "\ufeff", {"": {}}, [[]], "a\u2028b\n", "\ud7ff\n"])
def test_any_value_can_be_shown(value: Any) -> None:
    assert values.decode(values.encode(value)) == value
    assert look(value, None)
