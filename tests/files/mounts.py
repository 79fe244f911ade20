"""Real mounts for a test, taken down after it: read-only views, small memory disks, the folding file system."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from .alarm import until
from .needs import need, need_program, need_root


def _run(*command: object) -> bool:
    return subprocess.run([str(part) for part in command], capture_output=True, check=False).returncode == 0


def _take_down(command: tuple[str, ...], force: tuple[str, ...], at: Path) -> None:
    """Unmount; a disk in use fails the test, but does not stay for the next one."""
    if not _run(*command, at):
        assert _run(*force, at)
        raise AssertionError(f"{at} was still in use")


@contextlib.contextmanager
def read_only_view(directory: Path, at: Path) -> Iterator[Path]:
    """The same directory, mounted read-only at another path."""
    need_root()
    at.mkdir()
    need(_run("mount", "--bind", directory, at), "needs the right to mount")
    try:
        assert _run("mount", "-o", "remount,ro,bind", at)
        yield at
    finally:
        _take_down(("umount",), ("umount", "-l"), at)


@contextlib.contextmanager
def small_disk(at: Path, options: str) -> Iterator[Path]:
    """A disk in memory, as small as the options say."""
    need_root()
    at.mkdir()
    need(_run("mount", "-t", "tmpfs", "-o", options, "tmpfs", at), "needs the right to mount")
    try:
        yield at
    finally:
        _take_down(("umount",), ("umount", "-l"), at)


@contextlib.contextmanager
def served_disk(module: str, at: Path, *options: str) -> Iterator[Path]:
    """A disk that a FUSE server of ours keeps in memory; options as that module has them."""
    need(importlib.util.find_spec("mfusepy") is not None, "needs the package mfusepy")
    unmount = need_program("fusermount3")
    need(os.access("/dev/fuse", os.R_OK | os.W_OK), "needs /dev/fuse")
    at.mkdir()
    server = subprocess.Popen([sys.executable, "-m", module, str(at), *options], cwd=Path(__file__).parents[1])
    try:
        until(lambda: os.path.ismount(at) or server.poll() is not None)
        need(os.path.ismount(at), "needs a FUSE that lets us mount")
        yield at
    finally:
        try:
            if os.path.ismount(at):
                _take_down((unmount, "-u"), (unmount, "-uz"), at)
        finally:
            server.wait(10)


def folding_disk(at: Path, *options: str) -> contextlib.AbstractContextManager[Path]:
    """A disk that takes names which differ in case or normalisation for one."""
    return served_disk("files.foldfs", at, *options)
