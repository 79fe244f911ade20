"""The process's standard streams, made fit for data. It knows what Python and shells do to them, nothing else."""

from __future__ import annotations

import contextlib
import io
import os
import sys


def prepare() -> None:
    """Make the three streams usable, whatever our caller and the environment made of them."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:  # closed (">&-"): fill its descriptor, or one of the store's files would get it
            setattr(sys, name, io.TextIOWrapper(io.FileIO(os.open(os.devnull, os.O_RDWR), mode)))
    if isinstance(getattr(sys.stdout, "buffer", None), io.RawIOBase):
        # PYTHONUNBUFFERED: what a full disk or a reader that leaves cuts short would be lost without an error.
        sys.stdout = io.TextIOWrapper(io.BufferedWriter(sys.stdout.detach()))  # type: ignore[union-attr]
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # JSON is UTF-8 wherever it goes; what has no such form (a foreign file's name) is escaped, not a crash.
            stream.reconfigure(encoding=None if stream.isatty() else "utf-8", errors="backslashreplace")


def settle() -> None:
    """Leave nothing in the buffers that the interpreter's end would fail to write."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            with contextlib.suppress(OSError, ValueError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
