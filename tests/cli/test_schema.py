"""``fsstore schema``, and what becomes of values that it does not allow."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from .command import Command, process

pytestmark = pytest.mark.usefixtures("directory")

NUMBER = '{"type":"number","minimum":0}'


def test_a_schema_is_set_shown_and_taken_away(cli: Command, directory: Path) -> None:
    assert process("schema", "limits") == (1, "", "fsstore: namespace 'limits' has no schema\n")
    result = cli("schema", "limits", NUMBER)
    assert (result.status, result.out) == (0, "")
    assert result.err.startswith("fsstore: every value written to namespace 'limits' is checked from now on; ")
    assert cli.ok("schema", "limits") == NUMBER + "\n"
    rules = json.loads((directory / "limits" / ".meta" / ".namespace.json").read_text())
    assert rules["schema"] == json.loads(NUMBER)
    assert cli("schema", "limits", "--remove", "--json").document == {"namespace": "limits", "schema": None}
    assert cli("schema", "limits").status == 1
    assert cli("schema", "limits", "--remove").err == "fsstore: namespace 'limits' has no schema anyway\n"


def test_a_schema_may_come_from_a_file(cli: Command, place: Path) -> None:
    (place / "schema.json").write_text(NUMBER)
    cli.ok("schema", "limits", "@../schema.json")
    assert cli.ok("schema", "limits", "-n", "limits") == NUMBER + "\n"


def test_what_it_does_not_allow_is_bad_data(cli: Command) -> None:
    cli.ok("schema", "limits", NUMBER)
    cli.ok("set", "-n", "limits", "k", "1")
    for words in (("set", "k", '"a"'), ("set", "k", "-1"), ("incr", "k", "-5")):
        result = cli(*words[:1], "-n", "limits", "--", *words[1:])
        assert (result.status, result.out) == (4, "")
    assert cli("set", "-n", "limits", "k", '"a"', "--json").error["error"] == "SchemaViolation"
    assert cli.ok("get", "-n", "limits", "k") == "1\n"


def test_what_was_typed_and_is_not_allowed_is_kept(cli: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    cli.ok("schema", "limits", NUMBER)
    monkeypatch.setenv("EDITOR", "echo '\"a\"' >")
    result = cli("edit", "-n", "limits", "k", "--json")
    assert (result.status, result.error["error"]) == (4, "SchemaViolation")
    assert Path(result.error["kept"]).read_text() == '"a"\n'


@pytest.mark.parametrize(
    ("words", "status"),
    [
        (("limits", '{"type": "nothing"}'), 4),
        (("limits", "{"), 4),
        (("limits", "null"), 2),
        (("limits", "{}", "--remove"), 2),
        (("limits", "-n", "other"), 2),
        (("",), 2),
    ],
)
def test_what_cannot_be_meant(cli: Command, words: tuple[str, ...], status: int) -> None:
    assert cli("schema", *words).status == status
