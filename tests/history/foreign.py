"""A store that came from elsewhere: how a test gets one, and what its configuration is made to say."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable
from pathlib import Path

from .stores import StoreRepo


def copied(scratch: Path) -> StoreRepo:
    """A copy of somebody's store, with their repository in it."""
    (scratch / "theirs").mkdir()
    (scratch / "outside").mkdir()
    (scratch / "outside" / "kept").write_text("as it is\n")
    theirs = StoreRepo(scratch / "theirs" / "store")
    theirs.run("maker", a=1, b=2, c=3)
    found = StoreRepo.__new__(StoreRepo)
    found.root, found.home = scratch / "store", scratch / "theirs" / "home"
    shutil.copytree(theirs.root, found.root, symlinks=True)
    return found


def outside(repo: StoreRepo) -> str:
    """What names the state of everything that is not in the store: names, kinds, contents, times."""
    digest = hashlib.sha256()
    for parent, directories, files in os.walk(repo.root.parent):
        directories[:] = sorted(name for name in directories if f"{parent}/{name}" != str(repo.root))
        for name in sorted([*directories, *files]):
            path = Path(parent, name)
            status = path.lstat()
            digest.update(repr((str(path), status.st_mode, status.st_size, status.st_mtime_ns)).encode())
            if path.is_file() and not path.is_symlink():
                digest.update(path.read_bytes())
    return digest.hexdigest()


def set_config(repo: StoreRepo, name: str, value: str) -> None:
    """Set a value with a git that minds none of the repository's."""
    repo.git("config", "--file", str(repo.root / ".git/config"), name, value)


def setting(name: str, value: str) -> Callable[[StoreRepo], None]:
    """The configuration says so."""

    def harm(repo: StoreRepo) -> None:
        set_config(repo, name, value.replace("OUTSIDE", str(repo.root.parent / "outside")))

    harm.__name__ = f"{name}={value}"
    return harm
