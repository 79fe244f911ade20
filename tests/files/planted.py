"""Things that people and attackers put where a key's file belongs, or on the way to it, and what each verb owes then.

Each is planted into the directory of namespace ``default`` of a store whose other key is ``good``.
``outside`` is a directory beside the store that holds a secret; no verb may ever show or change it.
"""

from __future__ import annotations

import os
import socket
import stat
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from fsstore import AccessDenied, BadValue, Blocked, StoreError, TooLarge

SECRET = "the secret behind the link"
SECRET_FILE = f'"{SECRET}"\n'
Wrong = type[StoreError]


@dataclass(frozen=True)
class Planted:
    """One object, the key it concerns, and what the verbs on that key owe: a result, or the error's type."""

    plant: Callable[[Path, Path], None]
    """Called with the namespace's directory and the one outside."""
    key: str = "k"
    get: Wrong | str | None = BadValue
    """``None``: the key is not there; a text: it is the value."""
    set: Wrong | None = None
    """``None``: the value is repaired."""
    delete: Wrong | bool = True
    exists: Wrong | bool = True
    listed: Wrong | bool = True
    other_user: bool = False
    """It is an obstacle only for a user who is not root and not the owner."""
    needs_root: bool = False


def _link_to_file(namespace: Path, outside: Path) -> None:
    (namespace / "k.json").symlink_to(outside / "secret.json")


def _link_to_directory(namespace: Path, outside: Path) -> None:
    (namespace / "k.json").symlink_to(outside)


def _dangling_link(namespace: Path, outside: Path) -> None:
    (namespace / "k.json").symlink_to(outside / "nothing.json")


def _link_to_itself(namespace: Path, _: Path) -> None:
    (namespace / "k.json").symlink_to("k.json")


def _fifo(namespace: Path, _: Path) -> None:
    os.mkfifo(namespace / "k.json")


def _fifo_with_writer(namespace: Path, _: Path) -> None:
    os.mkfifo(namespace / "k.json")
    fd = os.open(namespace / "k.json", os.O_RDWR | os.O_NONBLOCK)
    os.write(fd, SECRET_FILE.encode())
    open_ends.append(fd)


def _socket(namespace: Path, _: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(namespace / "k.json"))


def _zeros(namespace: Path, _: Path) -> None:
    os.mknod(namespace / "k.json", stat.S_IFCHR | 0o666, os.makedev(1, 5))


def _kernel_log(namespace: Path, _: Path) -> None:
    os.mknod(namespace / "k.json", stat.S_IFCHR | 0o666, os.makedev(1, 11))


def _hard_link(namespace: Path, outside: Path) -> None:
    (namespace / "k.json").hardlink_to(outside / "secret.json")


def _directory(namespace: Path, _: Path) -> None:
    (namespace / "k.json").mkdir()


def _full_directory(namespace: Path, _: Path) -> None:
    (namespace / "k.json").mkdir()
    (namespace / "k.json" / "x.json").write_text("1\n")


def _sparse(namespace: Path, _: Path) -> None:
    with (namespace / "k.json").open("wb") as file:
        file.truncate(10 << 30)


def _unreadable(namespace: Path, _: Path) -> None:
    (namespace / "k.json").write_text(SECRET_FILE)
    (namespace / "k.json").chmod(0o600)


def _undecodable(namespace: Path, _: Path) -> None:
    Path(os.fsdecode(os.fsencode(namespace) + b"/\xff\xfe.json")).write_text("1\n")
    Path(os.fsdecode(os.fsencode(namespace) + b"/\xff\xfe")).mkdir()


def _file_on_the_way(namespace: Path, _: Path) -> None:
    (namespace / "d").write_text(SECRET_FILE)


def _link_on_the_way(namespace: Path, outside: Path) -> None:
    (namespace / "d").symlink_to(outside)


def _dangling_link_on_the_way(namespace: Path, outside: Path) -> None:
    (namespace / "d").symlink_to(outside / "nothing")


def _loop_on_the_way(namespace: Path, _: Path) -> None:
    (namespace / "d").symlink_to("d")


def _fifo_on_the_way(namespace: Path, _: Path) -> None:
    os.mkfifo(namespace / "d")


def _closed_directory(namespace: Path, _: Path) -> None:
    (namespace / "d").mkdir()
    (namespace / "d" / "k.json").write_text(SECRET_FILE)
    (namespace / "d").chmod(0o700)


open_ends: list[int] = []
"""Ends of pipes that must stay open while the test runs."""

OBJECTS: dict[str, Planted] = {
    "link to a file": Planted(_link_to_file),
    "link to a directory": Planted(_link_to_directory),
    "dangling link": Planted(_dangling_link),
    "link to itself": Planted(_link_to_itself),
    "FIFO": Planted(_fifo),
    "FIFO with a writer": Planted(_fifo_with_writer),
    "socket": Planted(_socket),
    "device of zeros": Planted(_zeros, needs_root=True),
    "device of the kernel's log": Planted(_kernel_log, needs_root=True),
    "hard link": Planted(_hard_link, get=SECRET),
    "directory": Planted(_directory, set=Blocked, delete=Blocked),
    "full directory": Planted(_full_directory, set=Blocked, delete=Blocked),
    "sparse file of 10 GB": Planted(_sparse, get=TooLarge),
    "unreadable file": Planted(_unreadable, get=AccessDenied, other_user=True),
    "undecodable names": Planted(_undecodable, get=None, delete=False, exists=False, listed=False),
    "file on the way": Planted(
        _file_on_the_way, key="d:k", get=None, set=Blocked, delete=False, exists=False, listed=False
    ),
    "link on the way": Planted(_link_on_the_way, key="d:k", set=Blocked, delete=Blocked, exists=BadValue, listed=False),
    "dangling link on the way": Planted(
        _dangling_link_on_the_way, key="d:k", set=Blocked, delete=Blocked, exists=BadValue, listed=False
    ),
    "loop on the way": Planted(_loop_on_the_way, key="d:k", set=Blocked, delete=Blocked, exists=BadValue, listed=False),
    "FIFO on the way": Planted(
        _fifo_on_the_way, key="d:k", get=None, set=Blocked, delete=False, exists=False, listed=False
    ),
    "closed directory": Planted(
        _closed_directory,
        key="d:k",
        get=AccessDenied,
        set=AccessDenied,
        delete=AccessDenied,
        exists=AccessDenied,
        listed=AccessDenied,
        other_user=True,
    ),
}
