"""Files that people wrote badly by hand: one typed error with its place for that key, and no harm to any other."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from fsstore import BadValue, BadValues, Store
from fsstore.engines.files import access

BAD: dict[str, tuple[bytes, int | None, int | None]] = {
    "empty": (b"", None, None),
    "blank": (b" \n\t\n", None, None),
    "truncated object": (b'{\n  "a": 1,\n  "b": [1, 2', 3, 13),
    "truncated string": (b'"abc', 1, 5),
    "trailing comma in an object": (b'{\n  "a": 1,\n}\n', 2, 9),
    "trailing comma in an array": (b"[1, 2,]\n", 1, 6),
    "missing comma": (b'{"a": 1 "b": 2}\n', 1, 9),
    "two values": (b"1 2\n", 1, 3),
    "bare word": (b"hello\n", 1, 1),
    "Python's True": (b"True\n", 1, 1),
    "single quotes": (b"{'a': 1}\n", 1, 2),
    "comment": (b'{\n  // no\n  "a": 1\n}\n', 2, 3),
    "NaN": (b'{"a": NaN}\n', 1, 7),
    "Infinity": (b"[Infinity]\n", 1, 2),
    "minus Infinity": (b"-Infinity\n", 1, 2),
    "hexadecimal": (b"0x10\n", 1, 2),
    "leading zero": (b"[01]\n", 1, 2),
    "leading plus": (b"+1\n", 1, 1),
    "duplicate member": (b'{\n  "a": 1,\n  "b": 2,\n  "a": 3\n}\n', 4, 3),
    "duplicate member inside": (b'{"x": [{"a": 1, "a": 1}]}\n', 1, 17),
    "duplicate member, escaped": (b'{"a": 1, "\\u0061": 2}\n', 1, 10),
    "conflict markers": (b'{\n<<<<<<< HEAD\n  "a": 1\n=======\n  "a": 2\n>>>>>>> x\n}\n', 2, 1),
    "invalid UTF-8": (b'{\n  "a": "\xff"\n}\n', 2, 9),
    "UTF-16": ("{}".encode("utf-16"), 1, 1),
    "lone surrogate": (b'"\\ud800"\n', None, None),
    "control character": (b'"a\x01b"\n', 1, 3),
    "bad escape": (b'"a\\qb"\n', 1, 3),
    "nul bytes": (b"\0" * 64, 1, 1),
    "too deep": (b"[" * 300 + b"]" * 300, None, None),
    "much too deep": (b"[" * 100_000, None, None),
    "unclosed brackets": (b"[[[\n", 2, 1),
}
GOOD: dict[str, tuple[bytes, object]] = {
    "byte order mark": (b'\xef\xbb\xbf{"a": 1}', {"a": 1}),
    "no final newline": (b'{"a":1}', {"a": 1}),
    "Windows line ends": (b'{\r\n\t"a": 1\r\n}\r\n', {"a": 1}),
    "integer beyond 64 bits": (b"1000000000000000000000000000000", 10**30),
    "integer of 400 digits": (b"1" + b"0" * 400, 10**400),
    "escapes": (b'"\\u00e9\\ud83d\\ude00"', "é\U0001f600"),
    "null": (b"null", None),
}


CLASSES = {name: "duplicate-members" for name in BAD if name.startswith("duplicate")} | {
    "conflict markers": "conflict-markers"
}
"""What the doctor calls those that are a class of their own."""


def write(root: Path, body: bytes, *, age: float = 10) -> Path:
    """A person's file at key ``k``, saved some seconds ago."""
    (root / "default").mkdir(exist_ok=True)
    path = root / "default" / "k.json"
    path.write_bytes(body)
    if age:
        then = os.stat(path).st_mtime - age
        os.utime(path, (then, then))
    return path


@pytest.mark.parametrize("name", BAD)
def test_a_bad_body_is_one_typed_error(disk: Store, root: Path, name: str) -> None:
    body, line, column = BAD[name]
    disk.set("good", 1)
    path = write(root, body)
    for read in (lambda: disk.get("k"), lambda: disk.info("k"), lambda: disk.copy("k", "other")):
        with pytest.raises(BadValue) as caught:
            read()
        error = caught.value
        assert (error.namespace, error.key, error.path) == ("default", "k", str(path))
        assert error.path in str(error)
        if line is not None:
            assert (error.line, error.column) == (line, column)
            assert f"line {line}, column {column}" in str(error)
    assert disk.exists("k")
    assert disk.list_keys() == ["good", "k"]
    with pytest.raises(BadValues) as several:
        disk.get_all()
    assert several.value.values == {"good": 1}
    assert {key: type(bad) for key, bad in several.value.errors.items()} == {"k": BadValue}
    assert disk.get_many(["k", "good"], errors="skip") == {"good": 1}
    problem = CLASSES.get(name, "bad-value")
    assert [(finding.path, finding.problem) for finding in disk.doctor()] == [("default/k.json", problem)]

    assert path.read_bytes() == body, "reading changes nothing"
    disk.set("k", {"mended": True})
    assert disk.get("k") == {"mended": True}
    assert path.read_bytes() == b'{\n  "mended": true\n}\n'
    assert list(disk.doctor()) == []


@pytest.mark.parametrize("name", BAD)
def test_a_bad_body_can_be_deleted(disk: Store, root: Path, name: str) -> None:
    write(root, BAD[name][0])
    assert disk.delete("k") is True
    assert disk.list_keys() == []


@pytest.mark.parametrize("name", GOOD)
def test_a_good_body_in_a_persons_form_is_the_value(disk: Store, root: Path, name: str) -> None:
    body, value = GOOD[name]
    path = write(root, body)
    assert disk.get("k") == value
    assert disk.info("k").value == value
    assert disk.get_all() == {"k": value}
    disk.set("k", value)
    assert path.read_bytes() == body, "an equal value is not written again"


class Editor:
    """Truncates, writes half, and the rest when the reader waits: what editors without a rename do."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        patch.setattr(access, "_PATIENCE", 30.0)  # however long this machine may stand still
        patch.setattr(time, "sleep", self._go_on)
        self._path, self._rest = Path(), b""

    def begin(self, path: Path, whole: bytes) -> None:
        path.write_bytes(whole[: len(whole) // 2])
        self._path, self._rest = path, whole[len(whole) // 2 :]

    def _go_on(self, _: float) -> None:
        with self._path.open("ab", buffering=0) as file:
            file.write(self._rest)
        self._rest = b""

    def is_done(self) -> bool:
        return self._rest == b""


@pytest.mark.parametrize("verb", ["get", "info", "get_all", "get_many", "items", "copy"])
def test_a_file_that_is_mended_soon_is_read_whole(
    disk: Store, root: Path, verb: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(root, b'{"old": 1}')
    whole = b'{\n  "text": "' + b"x" * 5000 + b'"\n}\n'
    value = {"text": "x" * 5000}

    def copied() -> object:
        disk.copy("k", "copied", overwrite=True)
        return disk.get("copied")

    verbs: dict[str, Callable[[], object]] = {
        "get": lambda: disk.get("k"),
        "info": lambda: disk.info("k").value,
        "get_all": lambda: disk.get_all()["k"],
        "get_many": lambda: disk.get_many(["k"])["k"],
        "items": lambda: dict(disk.items())["k"],
        "copy": copied,
    }
    editor = Editor(monkeypatch)
    for _ in range(3):
        editor.begin(path, whole)
        assert verbs[verb]() == value
        assert editor.is_done()
        disk.delete("copied")


def test_a_file_that_stays_broken_is_an_error_soon(disk: Store, root: Path) -> None:
    write(root, b'{"half": ', age=0)
    with pytest.raises(BadValue, match="ends in the middle"):
        disk.get("k")
