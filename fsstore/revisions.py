"""The name of a content. It knows bytes, not where they lie."""

from __future__ import annotations

import hashlib


def revision(raw: bytes) -> str:
    """The revision of these bytes: the name git gives them (``git hash-object FILE`` prints it)."""
    return hashlib.sha1(b"blob %d\0" % len(raw) + raw, usedforsecurity=False).hexdigest()
