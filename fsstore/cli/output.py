"""Where a verb's words go: data to standard output, talk to standard error. It knows no store."""

from __future__ import annotations

import contextlib
import json as standard_json
import logging
import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import orjson

from fsstore import values
from fsstore.cli import colours


class Output:
    """The two streams of a command, and in which form they are written."""

    def __init__(self, *, json: bool = False, quiet: bool = False) -> None:
        self.json = json
        """Documents instead of text."""
        self.quiet = quiet
        """No talk."""
        self.terminal = sys.stdout.isatty()
        """Does a person read the data, on a device that obeys control characters?"""
        self._coloured = self.terminal and colours.wanted(os.environ)

    def lines(self, lines: Iterable[str]) -> None:
        """Lines of data, as they are."""
        sys.stdout.writelines(f"{line}\n" for line in lines)

    def documents(self, documents: Iterable[Any]) -> None:
        """One line of JSON for each."""
        self.lines(compact(document) for document in documents)

    def value(self, value: Any, *, raw: bool = False) -> None:
        """A value: pretty for a person, compact for a program; a ``raw`` string without its quotes."""
        if raw and isinstance(value, str):
            self.lines([value])
        elif self.terminal and not self.json:
            self.lines([escape(values.encode(value).decode().rstrip("\n"), keep="\n")])
        else:
            self.documents([value])

    def name(self, name: str) -> str:
        """A key or another name for a line of text: as it is, but as a JSON string where it would upset a terminal."""
        return quoted(name) if self.terminal else name

    def text(self, line: str) -> str:
        """A line of somebody's text: as it is, but without what would upset a terminal."""
        return escape(line, keep="\t") if self.terminal else line

    def paint(self, text: str, colour: str) -> str:
        """A text in one of `fsstore.cli.colours`, on a terminal that shows them."""
        return colours.paint(text, colour) if self._coloured else text

    def talk(self, text: str) -> None:
        """Something a person may want to know and a program need not."""
        if not self.quiet:
            self._tell(compact({"message": text}) if self.json else f"fsstore: {escape(text)}")

    def failure(self, kind: str, message: str, status: int, fields: Mapping[str, Any] | None = None) -> None:
        """An error, in one line."""
        if self.json:
            document: dict[str, Any] = {"error": kind, "message": message, "exit": status}
            document |= {name: value for name, value in (fields or {}).items() if isinstance(value, str | int | None)}
            self._tell(compact(document))
        else:
            self._tell(f"fsstore: {escape(message)}")

    @contextlib.contextmanager
    def hearing_warnings(self) -> Iterator[None]:
        """Let the library's warnings be talk while the block runs."""
        log = logging.getLogger("fsstore")
        listener = _Listener(self)
        log.addHandler(listener)
        try:
            yield
        finally:
            log.removeHandler(listener)

    @staticmethod
    def _tell(line: str) -> None:
        with contextlib.suppress(OSError, ValueError):  # nobody listens: no reason to fail
            sys.stderr.write(f"{line}\n")
            sys.stderr.flush()


class _Listener(logging.Handler):
    def __init__(self, output: Output) -> None:
        super().__init__(logging.WARNING)
        self._output = output

    def emit(self, record: logging.LogRecord) -> None:
        self._output.talk(record.getMessage())


def compact(value: Any) -> str:
    """A JSON value in one line."""
    try:
        return orjson.dumps(value).decode()
    except TypeError:  # integers beyond 64 bits, or a file name that is no UTF-8
        text = standard_json.dumps(value, ensure_ascii=False, separators=(",", ":"))
        return escape(text) if not _is_utf8(text) else text


def quoted(name: str) -> str:
    """A name that can be told from its neighbours in any line: as a JSON string unless it is harmless."""
    return name if name.isprintable() and name[:1] not in ("", '"') else standard_json.dumps(name)


def escape(text: str, keep: str = "") -> str:
    r"""Text without control and invisible characters: each becomes ``\uXXXX``, as JSON would write it."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() or char in keep else standard_json.dumps(char)[1:-1] for char in text)


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
