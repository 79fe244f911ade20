"""Arguments that are data: JSON in place, ``-`` for standard input, ``@file`` for a file. No store here."""

from __future__ import annotations

import sys
from typing import Any

from fsstore import values
from fsstore.cli.arguments import UsageError
from fsstore.errors import InvalidValue


def json_of(argument: str, name: str, way_out: str = "") -> Any:
    """The JSON value an argument gives. Raises `InvalidValue` with the position if it is none."""
    raw, source = _read(argument, name)
    try:
        return values.decode(raw)
    except values.Malformed as error:
        at = "" if error.line is None else f"line {error.line}, column {error.column}: "
        reason = error.reason.replace("the file", "it")  # "the file is empty", of something that may be no file
        hint = f" {way_out}" if way_out else ""
        message = f"{source} is no JSON value: {at}{reason}.{hint}"
        raise InvalidValue(message, json_path="$", line=error.line, column=error.column) from None


def object_of(argument: str, name: str) -> dict[str, Any]:
    """The JSON object an argument gives. Raises `InvalidValue` for any other value too."""
    value = json_of(argument, name)
    if not isinstance(value, dict):
        raise InvalidValue(f'{name} wants a JSON object, such as {{"topic": "storage"}}.', json_path="$")
    return value


def text_of(argument: str, name: str) -> str:
    """The text an argument gives, to the last byte. Raises `InvalidValue` if it is no UTF-8."""
    raw, source = _read(argument, name)
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        raise InvalidValue(f"{source} is no UTF-8 text: {error.reason} at byte {error.start}.", json_path="$") from None


def _read(argument: str, name: str) -> tuple[bytes, str]:
    """The bytes, and what to call them in a message."""
    try:
        if argument == "-":
            return sys.stdin.buffer.read(), "standard input"
        if argument.startswith("@"):
            with open(argument[1:], "rb") as file:
                return file.read(), argument[1:]
    except OSError as error:
        raise UsageError(f"{name} {argument}: {error.strerror}") from None
    return argument.encode(), name
