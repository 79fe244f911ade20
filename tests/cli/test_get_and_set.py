"""``fsstore get`` and ``fsstore set``: values in and out, and every way to say them."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

import fsstore

from .command import Command, process

pytestmark = pytest.mark.usefixtures("directory")


@pytest.mark.parametrize(
    "text",
    ["null", "true", "0", "-1", "1.5", '""', '"é 日本"', "[]", "{}", '{"b":[1,{"c":null}],"a":2}', "9" * 40, "-0.0"],
)
def test_what_is_set_is_what_get_prints(cli: Command, text: str) -> None:
    result = cli("set", "k", text)
    assert (result.status, result.out, result.err) == (0, "", "")
    assert cli.ok("get", "k") == text + "\n"


def test_the_same_in_a_process_of_its_own(directory: Path) -> None:
    assert process("set", "k", '{"a": "é"}') == (0, "", "")
    assert (directory / "default" / "k.json").read_text() == '{\n  "a": "é"\n}\n'
    assert process("get", "k") == (0, '{"a":"é"}\n', "")
    assert process("get", "k", LC_ALL="C", PYTHONUTF8="0", PYTHONCOERCECLOCALE="0").out == '{"a":"é"}\n'


def test_a_missing_key_is_status_1_and_nothing_on_stdout(cli: Command) -> None:
    result = process("get", "nothing")
    assert (result.status, result.out) == (1, "")
    assert result.err == "fsstore: no key 'nothing' in 'default'; fsstore ls shows those it has\n"
    assert cli("get", "nothing", "-q") == (1, "", "")


def test_a_missing_key_as_json(cli: Command) -> None:
    result = cli("get", "nothing", "--json")
    assert (result.status, result.out) == (1, "")
    assert result.error == {
        "error": "NotFound",
        "message": "no key 'nothing' in 'default'; fsstore ls shows those it has",
        "exit": 1,
        "namespace": "default",
        "key": "nothing",
    }


def test_default_is_for_missing_keys_only(cli: Command) -> None:
    assert cli.ok("get", "k", "--default", '{"x": 1}') == '{"x":1}\n'
    cli.ok("set", "k", "null")
    assert cli.ok("get", "k", "--default", "1") == "null\n"
    assert cli("get", "k", "--default", "{").status == 4


def test_raw_takes_the_quotes_off_strings_only(cli: Command) -> None:
    cli.ok("set", "text", '"two\\nlines \\"quoted\\""')
    cli.ok("set", "list", '["a"]')
    assert cli.ok("get", "--raw", "text") == 'two\nlines "quoted"\n'
    assert cli.ok("get", "--raw", "list") == '["a"]\n'
    assert cli.ok("get", "--raw", "none", "--default", '"x"') == "x\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("hello", "VALUE is no JSON value: line 1, column 1: "),
        ('{"a": 1,\n"b" 2}', "VALUE is no JSON value: line 2, column 5: "),
        ("[1, 2", "it ends in the middle of a value"),
        ("", "it is empty"),
        ("NaN", "VALUE is no JSON value: line 1, column 1: "),
        ('{"a": 1, "a": 2}', "line 1, column 10: two members named 'a'"),
    ],
)
def test_what_is_no_json_is_status_4_with_position_and_way_out(cli: Command, text: str, message: str) -> None:
    cli.ok("set", "k", '"before"')
    result = cli("set", "k", text)
    assert (result.status, result.out) == (4, "")
    assert message in result.err
    assert result.err.endswith(" To store it as text, use --string.\n")
    assert cli.ok("get", "k") == '"before"\n'


def test_the_position_as_json(cli: Command) -> None:
    error = cli("--json", "set", "k", '{"a": 1,\n"b" 2}').error
    assert (error["error"], error["exit"], error["line"], error["column"]) == ("InvalidValue", 4, 2, 5)


def test_string(cli: Command) -> None:
    for text in ("hello", "", '{"a": 1', " two\nlines\n", "'"):
        cli.ok("set", "k", "--string", text)
        assert json.loads(cli.ok("get", "k")) == text


def test_standard_input(cli: Command) -> None:
    cli.ok("set", "k", "-", stdin=b'\xef\xbb\xbf{"a":\n 1}\n')
    assert cli.ok("get", "k") == '{"a":1}\n'
    cli.ok("set", "k", "-", "--string", stdin=b"one\ntwo")
    assert cli.ok("get", "k") == '"one\\ntwo"\n'
    assert process("set", "k", "-", stdin=b"[1]").status == 0
    assert cli.ok("get", "k") == "[1]\n"
    result = cli("set", "k", "-", stdin=b"[1")
    assert result.status == 4
    assert result.err.startswith("fsstore: standard input is no JSON value: line 1, column 3: ")
    result = cli("set", "k", "-", "--string", stdin=b"ab\xff")
    assert (result.status, "invalid start byte at byte 2" in result.err) == (4, True)


def test_a_file(cli: Command, place: Path) -> None:
    (place / "v.json").write_text('{"a": "é"}')
    cli.ok("set", "k", "@../v.json")
    assert cli.ok("get", "k") == '{"a":"é"}\n'
    cli.ok("set", "k", f"@{place}/v.json", "--string")
    assert cli.ok("get", "k", "--raw") == '{"a": "é"}\n'
    (place / "bad.json").write_text("{\n]")
    result = cli("set", "k", "@../bad.json")
    assert (result.status, result.err.startswith("fsstore: ../bad.json is no JSON value: line 2, column 1: ")) == (
        4,
        True,
    )


@pytest.mark.parametrize("source", ["@nowhere.json", "@", "@."])
def test_a_file_that_cannot_be_read_is_usage(cli: Command, source: str) -> None:
    result = cli("set", "k", source)
    assert (result.status, result.out) == (2, "")
    assert result.err.startswith(f"fsstore: VALUE {source}: ")


def test_metadata_is_merged(cli: Command, directory: Path) -> None:
    cli.ok("set", "k", "1", "--meta", '{"a": 1, "b": 1}')
    cli.ok("set", "k", "2", "--meta", '{"b": 2}')
    with fsstore.open(directory) as store:
        assert store.info("k").metadata == {"a": 1, "b": 2}


@pytest.mark.parametrize("meta", ["null", "3", "[]", '"a"', "{"])
def test_metadata_that_is_no_object_stores_nothing(cli: Command, meta: str) -> None:
    assert cli("set", "k", "1", "--meta", meta).status == 4
    assert cli("get", "k").status == 1


def test_standard_input_cannot_be_both(cli: Command) -> None:
    assert cli("set", "k", "-", "--meta", "-", stdin=b"{}").status == 2


def test_set_as_json_says_where(cli: Command) -> None:
    assert cli("set", "a:b", "1", "-n", "other", "--json").document == {"namespace": "other", "key": "a:b"}


def test_namespace_and_agent(cli: Command, directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cli.ok("-n", "one", "set", "k", "1")
    cli.ok("set", "k", "2", "--namespace", "two", "--agent", "indexer")
    monkeypatch.setenv("FSSTORE_AGENT", "from-environment")
    cli.ok("-n", "three", "set", "k", "3")
    with fsstore.open(directory) as store:
        writers = [store.use_namespace(name).info("k").updated_by for name in ("one", "two", "three")]
    assert writers == [None, "indexer", "from-environment"]


def test_a_damaged_file_is_status_4_and_names_the_place(cli: Command, directory: Path) -> None:
    cli.ok("set", "k", "1")
    path = directory / "default" / "k.json"
    path.write_text("{\n<<<")
    os.utime(path, (1, 1))
    result = cli("get", "k", "--json")
    assert (result.status, result.out) == (4, "")
    assert (result.error["error"], result.error["line"], result.error["path"]) == ("BadValue", 2, str(path))
    assert "k.json, line 2, column 1" in cli("get", "k").err


def test_a_value_over_the_limit_is_status_4(cli: Command, directory: Path) -> None:
    marker = json.loads((directory / "fsstore.json").read_text())
    (directory / "fsstore.json").write_text(json.dumps({**marker, "settings": {"max_value_bytes": 10}}))
    result = cli("set", "k", '"0123456789"', "--json")
    assert (result.status, result.error["error"], result.error["limit"]) == (4, "TooLarge", 10)


def test_a_large_value_is_talked_about(cli: Command) -> None:
    text = b"x" * (1024 * 1024)
    assert "1 MiB" in cli("set", "k", "-", "--string", stdin=text).err
    assert cli("set", "k2", "-", "--string", "-q", stdin=text).err == ""
