"""Forms and names of credentials, beside those that `detect-secrets` knows. It knows texts and lines, and no value.

Each search takes time in proportion to the text: a form begins where no other word can be going on. Names are for short
lines.
"""

from __future__ import annotations

import re
from typing import NamedTuple

NAMED = "Secret Keyword"
"""What something with the name of a credential is said to be, as by `detect-secrets`."""

_BEGIN = r"(?:(?<![A-Za-z0-9_-])|(?<=\\[bfnrt]))"
"""The start of a word; in the text of a JSON file an escaped control character may precede it."""
_RANDOM = re.compile(r"(?=[A-Za-z0-9]*[0-9])(?=[A-Za-z0-9]*[A-Za-z])[A-Za-z0-9]{16}")
"""What words that are joined by hyphens do not have."""


class _Form(NamedTuple):
    told: str
    mark: str
    """Without this no text has it."""
    pattern: re.Pattern[str]
    is_random: bool = False
    """Whether there has to be a long run of letters and digits in it, too."""


_FORMS = (
    _Form("OpenAI Token", "sk-", re.compile(_BEGIN + r"sk-[A-Za-z0-9_-]{20,300}"), is_random=True),  # and of its kin
    _Form("GitHub Token", "github_pat_", re.compile(_BEGIN + r"github_pat_[A-Za-z0-9_]{36,255}")),
    _Form("Google API Key", "AIza", re.compile(_BEGIN + r"AIza[A-Za-z0-9_-]{35}(?![A-Za-z0-9_-])")),
    _Form("Hugging Face Token", "hf_", re.compile(_BEGIN + r"hf_[A-Za-z0-9]{34}(?![A-Za-z0-9])")),
    _Form("NPM Token", "npm_", re.compile(_BEGIN + r"npm_[A-Za-z0-9]{36}(?![A-Za-z0-9])")),
    _Form("Slack Token", "xapp-", re.compile(_BEGIN + r"xapp-[0-9]-[A-Z0-9]{5,20}-[0-9]{5,20}-[a-f0-9]{32,128}")),
    _Form("JSON Web Token", "eyJ", re.compile(_BEGIN + r"eyJ[A-Za-z0-9_-]{10,1000}\.eyJ[A-Za-z0-9_-]{10}")),
    _Form("Private Key", "BEGIN ENC", re.compile(r"BEGIN ENCRYPTED PRIVATE KEY")),
    _Form("Bearer Token", "earer ", re.compile(r"\b[Bb]earer {1,4}[A-Za-z0-9._~+/-]{20,400}"), is_random=True),
)

NAMES = ("access_token", "auth_token", "refresh_token", "bearer_token", "access_key", "_token=")
_TOKEN = re.compile(
    r"""(?i)(?:access|auth|refresh|bearer)[_-]?token["']?\s{0,4}[:=]\s{0,4}["']?(?P<secret>[A-Za-z0-9._~+/-]{16,})"""
)
_ASSIGNED = re.compile(
    r"(?i)\s*(?:export\s+|-\s+)?[\w.-]*"
    r"(?:passw(?:or)?d|pwd|secret|api[_-]?key|(?:access|auth|private|client|service)[_-]?key|[A-Za-z0-9]_token)"
    r"\s{0,4}[:=]\s{0,4}(?P<secret>[A-Za-z0-9+!@#%^&~.:_=-][A-Za-z0-9+/!@#%^&~.:_=-]{5,})\s*\Z"
)
"""A line of a file of settings, in which nothing is quoted."""
_ABOUT = re.compile(
    r"(?i)(?:has|is|needs|requires?|show)[_-]|.*[_-](?:name|id|arn|url|uri|hint|file|path|type|policy|length|version|ref)\Z"
)
"""The name of what only tells of a credential."""
_STANDS_FOR_ONE = re.compile(
    r"(?i)(?:your|insert|enter|replace)[ _-]|(?:change[ _-]?me|example|placeholder|redacted|hidden|masked|required|"
    r"optional|string|yes|no|true|false|none|null)\Z"
)


def form_in(text: str) -> str | None:
    """Of which kind a credential is that has its form somewhere in a text; ``None`` if there is none."""
    for form in _FORMS:
        if form.mark in text:
            for found in form.pattern.finditer(text):
                if not form.is_random or _RANDOM.search(found[0]):
                    return form.told
    return None


def is_token(line: str) -> bool:
    """Whether a line gives a value to what is called as a token."""
    found = _TOKEN.search(line)
    return found is not None and _is_likely(found["secret"])


def is_setting(line: str) -> bool:
    """Whether all of a line sets a credential, as files of settings do."""
    found = _ASSIGNED.match(line)
    return found is not None and _is_likely(found["secret"])


def is_about_one(name: str) -> bool:
    """Whether a member has the name of what only tells of a credential: ``secret_name``, ``has_password``."""
    return _ABOUT.match(name) is not None


def stands_for_one(secret: str) -> bool:
    """Whether what a credential's name is given says what is to be put there."""
    return _STANDS_FOR_ONE.match(secret) is not None


def _is_likely(secret: str) -> bool:
    """Names, numbers and words that stand for something are no credentials."""
    return not stands_for_one(secret) and any(map(str.isdigit, secret)) and any(map(str.isalpha, secret))
