"""The command with which ``git diff`` shows long strings as lines. It runs nothing, and writes no configuration."""

from __future__ import annotations

import os
import shlex
import sys

NAME = "fsstore"
"""The driver's name: ``*.json diff=fsstore`` in ``.gitattributes``, ``diff.fsstore.textconv`` in the configuration."""
_SCRIPT = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "cli", "textconv.py")


def command(python: str | None = None, script: str = _SCRIPT) -> str:
    """The value of ``diff.fsstore.textconv``: a shell function that prints one file.

    Where the interpreter or the script is gone (another machine, a removed environment), or fails, the file is
    printed as it is. The script runs isolated: neither the user's environment nor the store's files reach it.
    """
    words = " ".join(map(shlex.quote, (python or sys.executable or "python3", "-I", "-S", script)))
    return f'show() {{ {words} "$1" 2>/dev/null || cat -- "$1"; }}; show'
