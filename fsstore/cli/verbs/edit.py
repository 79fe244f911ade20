"""``fsstore edit KEY``: a value in a person's own editor, stored unless somebody else changed it meanwhile."""

from __future__ import annotations

import argparse
import os
import sys
from abc import ABC, abstractmethod
from typing import Any

from fsstore import keys, values
from fsstore.cli import exits
from fsstore.cli.arguments import UsageError
from fsstore.cli.drafts import Draft, EditorFailed
from fsstore.cli.location import open_store, store_directory
from fsstore.cli.originals import Original
from fsstore.cli.output import Output, escape
from fsstore.errors import InvalidValue, StoreError

EXAMPLE = "EDITOR='sed -i s/hello/good-bye/' fsstore edit greeting"
_AGAIN = "Edit it again? [e]dit, [q]uit: "


def add(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.description = (
        f"{parser.description} It is stored when the editor ends, unless the key was changed meanwhile (status 3); "
        "what cannot be stored stays in a file that is named."
    )
    parser.add_argument("key", metavar="KEY", help="a new key begins as null, with --text as an empty text")
    parser.add_argument(
        "--text",
        action="store_true",
        help="edit a string as plain text; the line break at its end counts only if it had one there before",
    )


def run(args: argparse.Namespace, output: Output) -> int:
    """Let the person edit until it can be stored, or they have had enough."""
    with open_store(args) as store:
        original = Original.of(store, args.key)
        form: _Form = _Text(original) if args.text else _Json(original)
        name = os.path.basename(keys.path_of(store.name, args.key)).removesuffix(".json") + form.suffix
        draft = Draft(name, form.raw, store_directory(args))
        try:
            changed = _edit(original, form, draft, output)
        except EditorFailed as error:
            return _failed(error, draft, output)
        except StoreError as error:
            raise _kept(error, draft) from None
        except UsageError:
            draft.discard()
            raise
        draft.discard()
    output.talk(f"{'stored' if changed else 'nothing was changed in'} {args.key!r} of namespace {store.name!r}")
    if output.json:
        output.documents([{"namespace": store.name, "key": args.key, "changed": changed}])
    return exits.OK


def _edit(original: Original, form: _Form, draft: Draft, output: Output) -> bool:
    """Whether there is a new value. Raises what is wrong with it, if that is not to be mended."""
    while True:
        raw = draft.edit()
        if raw == form.raw:
            return False
        try:
            return original.replace(form.value(raw))
        except StoreError as error:
            if exits.status_of(error) != exits.DATA or not _wants_more(error):
                raise


def _wants_more(error: StoreError) -> bool:
    """Tell a person what is wrong, and ask whether they want to mend it. Without a terminal: no."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return False
    while True:
        sys.stderr.write(f"fsstore: {escape(str(error))}\n{_AGAIN}")
        sys.stderr.flush()
        answer = sys.stdin.readline()
        if answer.strip().lower() in ("e", "edit"):
            return True
        if not answer or answer.strip().lower() in ("q", "quit"):
            return False


def _kept(error: StoreError, draft: Draft) -> StoreError:
    """The same error, and where to find what was typed."""
    message = f"{str(error).rstrip()} What you have typed is in {draft.path}"
    return type(error)(message, **{**error.__dict__, "kept": draft.path})


def _failed(error: EditorFailed, draft: Draft, output: Output) -> int:
    kept = {"kept": draft.path} if draft.is_touched else {}
    if not kept:
        draft.discard()
    where = f" What you have typed is in {draft.path}" if kept else ""
    output.failure("EditorFailed", f"{error}; nothing was changed.{where}", exits.NO, kept)
    return exits.NO


class _Form(ABC):
    """How a value is shown in the editor, and read from there."""

    suffix: str
    raw: bytes
    """What the editor gets to see."""

    @abstractmethod
    def value(self, raw: bytes) -> Any:
        """The value that was meant. Raises `InvalidValue`."""


class _Json(_Form):
    """The very text of the key's file."""

    suffix = ".json"

    def __init__(self, original: Original) -> None:
        self.raw = original.raw

    def value(self, raw: bytes) -> Any:
        try:
            return values.decode(raw)
        except values.Malformed as error:
            at = "" if error.line is None else f"line {error.line}, column {error.column}: "
            message = f"what was typed is no JSON value: {at}{error.reason}. Nothing was changed."
            raise InvalidValue(message, json_path="$", line=error.line, column=error.column) from None


class _Text(_Form):
    """A string's own lines. Editors end the last one, too: a line break that was not there is added, and taken off."""

    suffix = ".txt"

    def __init__(self, original: Original) -> None:
        text = original.value if original.is_there else ""
        if not isinstance(text, str):
            raise UsageError(f"key {original.key!r} holds no string; without --text it is edited as JSON")
        self._is_ended = text.endswith("\n")
        self.raw = (text if self._is_ended or not text else f"{text}\n").encode()

    def value(self, raw: bytes) -> Any:
        try:
            text = raw.decode()
        except UnicodeDecodeError as error:
            reason = f"{error.reason} at byte {error.start}"
            message = f"what was typed is no UTF-8 text: {reason}. Nothing was changed."
            raise InvalidValue(message, json_path="$") from None
        return text if self._is_ended else text.removesuffix("\n")
