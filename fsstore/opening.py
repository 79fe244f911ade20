"""Making and opening stores: it alone knows which engine lies below a path. What a store does is done elsewhere."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

from fsstore.errors import Unsupported
from fsstore.reading import OpsHook
from fsstore.records import OFF, POLICIES, Adoption, Author
from fsstore.store import Store

if TYPE_CHECKING:
    from fsstore.engine import Engine
    from fsstore.history.history import History

MEMORY = ":memory:"


def open(
    path: str | os.PathLike[str],
    agent: str | None = None,
    namespace: str = "default",
    *,
    create: bool = True,
    read_only: bool = False,
    durability: str | None = None,
    git: bool | None = None,
    credentials: str | None = None,
    ops: OpsHook | None = None,
) -> Store:
    """Open the store in directory ``path``; ``":memory:"`` is a new, empty one in memory.

    It is made on demand unless ``create`` is false. The handle is that of ``namespace``.
    ``agent`` is noted as the writer of what is written; in a program that a run started, it is that run's.

    Whatever the ``durability``, a write that has returned survives the end of the process at any instant. With
    ``"snapshot"`` what a snapshot has committed survives a loss of power too, with ``"power"`` every write does, with
    ``"process"`` nothing is sure to; by default the store's setting counts (``"settings": {"durability": "power"}``
    in ``fsstore.json``), else "snapshot". ``git=False`` makes no snapshots; by default the setting ``git`` counts, else
    there is a history. ``credentials`` says what is done about a value that looks like a credential: ``"warn"`` logs
    it, ``"refuse"`` raises `CredentialRefused`; by default the setting ``credentials`` counts, else it is ``"off"``.
    ``ops`` is called with an `Operation` after each verb.

    Raises `NotAStore` for a directory that holds other things, `StoreMissing` where there is none to be
    made, `Unsupported` for a file system without flock.
    """
    if credentials not in (None, *POLICIES):
        raise Unsupported(f"credentials is one of: {', '.join(POLICIES)}; not {credentials!r}", path="")
    where = os.fspath(path)
    engine = _engine(where, create=create, read_only=read_only, durability=durability, credentials=credentials)
    try:
        if durability is not None:
            engine.capabilities.require_durability(durability)

        past: History | None = None

        def history() -> History:
            from fsstore.history.history import open_history

            return past or open_history(engine, enabled=git, durability=durability)

        if not read_only and os.path.lexists(f"{where}/.git/fsstore/session"):
            from fsstore.history.session import is_over

            if is_over(os.path.realpath(where)):
                past = history()
                past.recover()
        author = _ambient()
        name = author.agent if agent is None else agent
        return Store(engine, namespace, agent=name, run=author.run, ops=ops, history=history)
    except BaseException:
        engine.close()
        raise


def _ambient() -> Author:
    """The agent and run that this code belongs to."""
    running = sys.modules.get("fsstore.running")
    if running is None and "FSSTORE_RUN" not in os.environ:
        return Author()
    from fsstore.running import ambient

    return ambient()


def init_git(path: str | os.PathLike[str], force: bool = False) -> str | None:
    """Make the git repository of a store, unless it has one; its directory, or ``None`` if there was one.

    One that was there learns to show values as text (`git diff`); nothing else in it is changed.
    ``force``: also inside a larger repository. Raises `HistoryUnavailable` where the store is to have none.
    """
    with open(path, create=False) as store:
        return store._past.set_up(force=force)


def adopt(path: str | os.PathLike[str], *, dry_run: bool = False) -> Adoption:
    """Make a directory with files in it a store, and tell what its files are then; with ``dry_run`` only tell.

    Nothing that is there is changed. Reads no file: what a key's file holds is for `Store.doctor` to say.
    """
    from fsstore.engines.files import layout

    found, foreign = layout.adoptable(os.fspath(path))
    if not dry_run:
        _engine(os.fspath(path), create=True, read_only=False, adopt=True).close()
    return Adoption(found, foreign)


def _engine(
    path: str,
    *,
    create: bool,
    read_only: bool,
    adopt: bool = False,
    durability: str | None = None,
    credentials: str | None = None,
) -> Engine:
    if path == MEMORY:
        from fsstore.engines.memory import MemoryEngine

        return MemoryEngine(read_only=read_only, credentials=credentials or OFF)
    from fsstore.engines.files.engine import FileEngine

    return FileEngine(
        path, create=create, read_only=read_only, adopt=adopt, durability=durability, credentials=credentials
    )


def configure(path: str | os.PathLike[str], setting: str, value: Any) -> bool:
    """Change a setting in the ``fsstore.json`` of a store, or with ``None`` take it away; whether it was another one.

    It counts for who opens the store from then on. Raises `StoreMissing`, `NotAStore`, `ReadOnly`.
    """
    from fsstore.engines.files.settings import change_setting

    return change_setting(os.fspath(path), setting, value)
