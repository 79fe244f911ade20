"""What is said of an import that stops: at which line, why, and how to go on. It reads no line, and writes nothing."""

from __future__ import annotations

import os
from typing import BinaryIO

from fsstore.errors import BadLine, StoreError
from fsstore.values import Malformed


class Failures:
    """What may be said of one import."""

    def __init__(self, source: str, *, dry_run: bool) -> None:
        self._source = source
        self._dry_run = dry_run

    def bad(self, number: int, error: Malformed) -> BadLine:
        """The error for a line that is none."""
        at = "" if error.column is None else f", column {error.column}"
        return BadLine(
            f"{self._source}, line {number}{at}: {error.reason}. {self._way_on(number)}",
            path=self._source,
            line=number,
            column=error.column,
            reason=error.reason,
        )

    def stopped(self, number: int, error: StoreError) -> StoreError:
        """The same error, with the line named."""
        made = type(error)(f"{self._source}, line {number}: {error} {self._way_on(number)}", **error.__dict__)
        if isinstance(error, OSError):
            made.errno = error.errno  # type: ignore[attr-defined]
        return made

    def interrupted(self, lines: int) -> str:
        """For whoever stopped it after so many lines."""
        return f"{self._source}: the first {lines:,} lines are imported. {_again('Import', lines)}"

    def _way_on(self, number: int) -> str:
        """How to go on after a line that could not be imported."""
        done = "Nothing was to be written." if self._dry_run else "The lines before it are imported."
        return f"{done} {_again('Mend it and import', number)}"


def source_name(source: str | os.PathLike[str] | BinaryIO) -> str:
    """What messages call the file."""
    if isinstance(source, str | os.PathLike):
        return os.fspath(source)
    name = getattr(source, "name", None)
    return name if isinstance(name, str) else "the stream"


def _again(call: str, lines: int) -> str:
    return (
        f"{call} from the start again: what is there already is not written again; or skip the first {lines:,} lines."
    )
