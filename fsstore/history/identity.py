"""Who commits: the person whose git this is, an agent, the store itself."""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Callable

from fsstore.history.objects import Signature

_FORBIDDEN = re.compile(r"\s*[<>\x00-\x1f\x7f]+\s*")
_CRUD = " .,:;<>\"\\'"  # git strips these from both ends of a name
STORE, STORE_ADDRESS = "fsstore", "fsstore@localhost"


def signature(name: str, email: str, at: float) -> Signature:
    """A signature, at a moment in seconds since the epoch, in this place's time zone."""
    seconds = int(at)
    offset = time.localtime(seconds).tm_gmtoff // 60
    return Signature(clean(name) or "unknown", _FORBIDDEN.sub("", email).replace(" ", "-"), seconds, offset)


def clean(name: str) -> str:
    """A name as it may stand in a commit."""
    text = _FORBIDDEN.sub(" ", name.encode("utf-8", "replace").decode()).strip(_CRUD)
    return text[:200]


def of_agent(agent: str | None) -> tuple[str, str]:
    """Name and address of an agent; the store's own for a program that gave no name."""
    name = clean(agent or "") or STORE
    return name, f"{re.sub(r'[^A-Za-z0-9._-]+', '-', name).strip('-') or 'agent'}@localhost"


def of_person(directory: str) -> tuple[str, str]:
    """``user.name`` and ``user.email`` of the repository, or else of the user."""
    import pygit2

    found: dict[str, str] = {}
    levels: tuple[Callable[[], pygit2.Config], ...] = (
        lambda: pygit2.Config(f"{directory}/config"),
        pygit2.Config.get_global_config,
        pygit2.Config.get_xdg_config,
        pygit2.Config.get_system_config,
    )
    for level in levels:
        with contextlib.suppress(OSError, pygit2.GitError):
            config = level()
            for name in ("user.name", "user.email"):
                with contextlib.suppress(KeyError):
                    if value := config[name]:
                        found.setdefault(name, value)
    return found.get("user.name", "unknown"), found.get("user.email", "unknown@localhost")
