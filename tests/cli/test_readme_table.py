"""The README's table of commands and the table of verbs are the same, down to the options."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from fsstore.cli import verbs
from fsstore.cli.arguments import parser_of

README = (Path(__file__).parents[2] / "README.md").read_text()
ROW = re.compile(r"^\| `fsstore ([^`]+)` \| (.+) \|$", re.MULTILINE)
OPTION = re.compile(r"(?<![\w-])--?[a-z][a-z-]*")


def rows(text: str) -> list[tuple[str, str]]:
    """The command and what is said of it, of each row in the section about the command line."""
    section = text.split("\n## The command line\n", 1)[1].split("\n## ", 1)[0]
    return ROW.findall(section)


def check_verbs(text: str) -> None:
    assert sorted(command.split()[0] for command, _ in rows(text)) == sorted(verbs.TABLE)


def check_options(text: str) -> None:
    """What looks like an option in a row is one of that verb."""
    for command, told in rows(text):
        spans = [command, *re.findall(r"`([^`]+)`", told)]
        known = set(parser_of(command.split()[0])._option_string_actions)
        for span in spans:
            if not span.startswith(("fsstore ", "pytest ")) or span == command:
                found = set(OPTION.findall(span.partition("-- ")[0]))
                assert found <= known, f"{command}: {found - known}"


def test_each_verb_has_one_row() -> None:
    check_verbs(README)


def test_a_row_that_is_missing_or_twice_is_noticed() -> None:
    row = next(line for line in README.splitlines() if line.startswith("| `fsstore get "))
    for wrong in (README.replace(row + "\n", ""), README.replace(row, f"{row}\n{row}")):
        with pytest.raises(AssertionError):
            check_verbs(wrong)


def test_each_option_of_a_row_is_one() -> None:
    check_options(README)


def test_an_option_that_is_none_is_noticed() -> None:
    with pytest.raises(AssertionError):
        check_options(README.replace("`--maxlen N`", "`--longest N`"))
