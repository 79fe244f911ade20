"""Whether a value looks like a credential that is about to get into git's history. It knows no store and no policy.

The detectors are those of `detect-secrets`, imported when the first value is looked at. Left out are the ones that take
hashes, ids and other names for credentials, as these are what agents store, and one that long lines of addresses stop.
Their regular expressions alone are used: the parts of that library that ask a service whether a credential is a real
one are never called.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from fsstore.credential_forms import NAMED, NAMES, form_in, is_about_one, is_setting, is_token, stands_for_one
from fsstore.shape import json_path

if TYPE_CHECKING:
    from detect_secrets.plugins.base import BasePlugin

_DETECTORS = {
    "aws": "AWSKeyDetector",
    "azure_storage_key": "AzureStorageKeyDetector",
    "basic_auth": "BasicAuthDetector",
    "discord": "DiscordBotTokenDetector",
    "github_token": "GitHubTokenDetector",
    "gitlab_token": "GitLabTokenDetector",
    "private_key": "PrivateKeyDetector",
    "pypi_token": "PypiTokenDetector",
    "sendgrid": "SendGridDetector",
    "slack": "SlackDetector",
    "square_oauth": "SquareOAuthDetector",
    "stripe": "StripeDetector",
    "twilio": "TwilioKeyDetector",
}
"""Those that know a credential by its own form, by module; `fsstore.credential_forms` has more."""
_MOST = 1024 * 1024  # bytes of a value
_LONGEST, _NAMED = 256, 200
"""Characters of a line, and lines, that are searched for names: the expressions for them can take hours."""
_PIECE, _OVERLAP = 4096, 1024
"""Characters that are searched for forms at once, and how many again with the next: some take the square of them."""
_Place = tuple[str | int, ...]


class Suspicion(NamedTuple):
    """Where something looks like a credential, and like which. The thing itself is not in it.

    If a member's name looks like one, the place is its object's; if the name of the key does, ``in_key`` is true.
    """

    json_path: str
    detector: str
    in_key: bool = False


class _Detectors:
    """The detectors, made once."""

    def __init__(self) -> None:
        from detect_secrets.filters import heuristic
        from detect_secrets.plugins.keyword import DENYLIST, KeywordDetector

        self._by_form: list[BasePlugin] = [
            getattr(importlib.import_module(f"detect_secrets.plugins.{module}"), name)()
            for module, name in _DETECTORS.items()
        ]
        self._by_name = KeywordDetector(keyword_exclude=r"\bsecretar(y|ies|iat)\b")  # it takes them for secrets
        self._names = sorted({word.replace("_?", sign) for word in DENYLIST for sign in ("", "_", "-")} | _names())
        self._placeholders: tuple[Callable[[str], bool], ...] = (
            heuristic.is_templated_secret,
            heuristic.is_prefixed_with_dollar_sign,
            heuristic.is_not_alphanumeric_string,
            heuristic.is_sequential_string,
            heuristic.is_potential_uuid,
            stands_for_one,
        )

    def has_form(self, text: str) -> str | None:
        """Which credential's form there is in a text, of any number of lines."""
        for at in range(0, max(1, len(text) - _OVERLAP), _PIECE - _OVERLAP):
            piece = text[at : at + _PIECE]
            for each in self._by_form:
                if any(each.analyze_string(piece)):
                    return each.secret_type
            if found := form_in(piece):
                return found
        return None

    def may_have_name(self, text: str) -> bool:
        """Whether a text may have a name of a credential in it: without one of these words `has_name` finds none."""
        text = text.casefold()
        return any(name in text for name in self._names)

    def has_name(self, line: str) -> bool:
        """Whether a line gives a value to what is called as a credential, and the value is no placeholder."""
        found = self._by_name.analyze_string(line)
        return any(not any(is_one(secret) for is_one in self._placeholders) for secret in found) or is_token(line)


def _names() -> set[str]:
    return {name.replace("_", sign) if name[0] != "_" else name for name in NAMES for sign in ("", "_", "-")}


_made: list[_Detectors] = []


def suspicion(key: str, raw: bytes, value: Callable[[bytes], Any]) -> Suspicion | None:
    """The first thing in a value, or in its key, that looks like a credential; ``None`` where nothing does.

    ``raw`` is the value as it lies in its file, which is called as the last part of its key; ``value`` decodes it.
    Looked at is the first MiB, for names of credentials the first 256 characters of each line; lines in texts count.
    """
    if not _made:
        _made.append(_Detectors())
    detectors = _made[0]
    name = key.rpartition(":")[2]
    if name != key and (detector := detectors.has_form(key)):
        return Suspicion("$", detector, in_key=True)
    text = f'"{name}": {raw[:_MOST].decode(errors="replace")}'
    has_form, may_have_name = detectors.has_form(text) is not None, detectors.may_have_name(text)
    if not has_form and not may_have_name:
        return None
    named = 0
    for place, called, line in _lines((), name, value(raw)):
        if has_form and (detector := detectors.has_form(line)):
            in_name = detectors.has_form(called) is not None
            return Suspicion(json_path(place[:-1] if in_name else place), detector, in_name and not place)
        if may_have_name and named < _NAMED and detectors.may_have_name(line[:_LONGEST]):
            named += 1
            if is_about_one(called[1:-3]):
                continue
            if detectors.has_name(_spelt(called, line)[:_LONGEST]) or is_setting(_bare(called, line)[:_LONGEST]):
                return Suspicion(json_path(place), NAMED)
    return None


def _spelt(called: str, line: str) -> str:
    """The line, with the name in it spelt as `detect-secrets` knows names."""
    return called.replace("-", "_") + line[len(called) :]


def _bare(called: str, line: str) -> str:
    """The line as it is in its text."""
    return line[len(called) + 1 : -1] if called else line


def _lines(place: _Place, name: str, value: Any) -> Iterator[tuple[_Place, str, str]]:
    """The lines of a value, with their places and with what precedes the value there."""
    called = f'"{name}": '
    if isinstance(value, str):
        first, *others = value.split("\n")
        yield place, called, f'{called}"{first}"'
        for line in others:
            yield place, "", line
        return
    yield place, called, called
    members: Iterable[tuple[str | int, Any]] = ()
    if isinstance(value, dict):
        members = value.items()
    elif isinstance(value, list):
        members = enumerate(value)
    for member, item in members:
        yield from _lines((*place, member), member if isinstance(member, str) else name, item)
