"""A store as a whole: opening, closing, and the public handles. It alone knows which engine lies below."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Self, TypeVar

from fsstore.errors import Conflict, ReadOnly
from fsstore.namespace import Handle
from fsstore.reading import OpsHook, require_plain
from fsstore.records import Adoption, Backup, Finding, Holder, Usage

if TYPE_CHECKING:
    from fsstore.engine import Engine
    from fsstore.locks import Lock

MEMORY = ":memory:"
_PAUSE = 0.001, 0.1  # seconds: the longest before the first and before any repetition of a transaction
_T = TypeVar("_T")


class Namespace(Handle):
    """The verbs of one namespace, and ``.store``, the store it belongs to."""

    __slots__ = ("_store",)

    def __init__(
        self, engine: Engine, name: str, store: Store, *, agent: str | None, run: str | None, ops: OpsHook | None
    ) -> None:
        super().__init__(engine, name, agent=agent, run=run, ops=ops)
        self._store = store

    @property
    def store(self) -> Store:
        """The store of this namespace, for the verbs that concern it as a whole."""
        return self._store

    def use_namespace(self, namespace: str) -> Namespace:
        """A handle on another namespace, for the same agent; nothing is created before its first write."""
        return Namespace(self._engine, namespace, self.store, agent=self.agent, run=self.run, ops=self._ops)

    def lock(self, name: str, timeout: float | None = None, ttl: float | None = None) -> Lock:
        """A lock with a name of the whole store, for ``with`` or ``async with``.

        Waits for it up to ``timeout`` seconds (30 by default, 0 tries once), then raises `LockTimeout`, which says
        who holds it. With ``ttl`` it is a lease that ends by itself after so many seconds. Locks are advisory:
        they stop nobody who does not ask for them.
        """
        from fsstore.locks import Lock

        return Lock(self._engine, name, self._author, timeout=timeout, ttl=ttl)

    def locked_by(self, name: str) -> Holder | None:
        """Who holds the lock of this name now."""
        return self._engine.holder(name)


class Store(Namespace):
    """The handle of one namespace, with the verbs of the whole store beside it; a context manager.

    Made by `open`. Safe to share between threads; a forked child may go on using its copy.
    """

    __slots__ = ()

    def __init__(self, engine: Engine, name: str, *, agent: str | None, ops: OpsHook | None) -> None:
        Handle.__init__(self, engine, name, agent=agent, run=None, ops=ops)  # no reference to itself

    @property
    def store(self) -> Store:
        """The store itself."""
        return self

    def handle(
        self,
        namespace: str | None = None,
        *,
        agent: str | None = None,
        run: str | None = None,
        ops: OpsHook | None = None,
    ) -> Namespace:
        """A handle for another namespace, agent, run or hook; what is not given is as in this one."""
        return Namespace(
            self._engine,
            self.name if namespace is None else namespace,
            self,
            agent=self.agent if agent is None else agent,
            run=self.run if run is None else run,
            ops=self._ops if ops is None else ops,
        )

    def stats(self) -> Usage:
        """How many namespaces and keys the whole store holds, and how many bytes they take."""
        each = [self._engine.usage(name) for name in self._engine.namespaces()]
        usage = Usage(len(each), sum(one.keys for one in each), sum(one.bytes for one in each))
        self._tell("stats", None, count=usage.keys)
        return usage

    @contextlib.contextmanager
    def transaction(self, *, durability: str | None = None) -> Iterator[Handle]:
        """Several reads and writes, in several namespaces, as one commit.

        ``with store.transaction() as tx:`` gives a handle with all verbs, which sees its own writes; nobody else does
        before the end. Then all is stored or nothing: `Conflict` is raised if anything that was read or listed is not
        as it was, or has been, in one instant. What the block raises is raised, and nothing is stored. Transactions
        are serializable, hold no lock before the end, and are not for several threads.
        """
        from fsstore.transaction import TransactionEngine

        engine = TransactionEngine(self._engine)
        try:
            yield Handle(engine, self.name, agent=self.agent, run=self.run, ops=self._ops)
            engine.finish(self._author, durability)
        finally:
            engine.close()

    def transact(self, fn: Callable[[Handle], _T], retries: int = 10, *, durability: str | None = None) -> _T:
        """Call ``fn(tx)`` in a transaction, again after each conflict, at most ``retries`` times; what it returned.

        It should have no effects beside those on ``tx``. Raises the last `Conflict`.
        """
        import random

        require_plain(fn)
        from fsstore.transaction import TransactionEngine

        for attempt in range(retries + 1):
            engine = TransactionEngine(self._engine)
            try:
                result = fn(Handle(engine, self.name, agent=self.agent, run=self.run, ops=self._ops))
            except Exception:  # it may have seen what no longer is
                if attempt == retries or not engine.is_stale():
                    raise
            else:
                try:
                    engine.finish(self._author, durability)
                except Conflict:
                    if attempt == retries:
                        raise
                else:
                    return result
            finally:
                engine.close()
            time.sleep(random.uniform(0, min(_PAUSE[0] * 2**attempt, _PAUSE[1])))  # noqa: S311
        raise ValueError(f"retries={retries} is negative")

    def doctor(self, fix: bool = False) -> Iterator[Finding]:
        """Everything in the store that is no healthy record. Reads all, changes nothing.

        With ``fix`` it mends what is safe to mend, and says so in ``Finding.repair``: what dead processes left is
        finished or removed, metadata without its key goes to `.fsstore/lost`, a file whose name can only mean
        one key gets that key's name. No value is changed.
        """
        if not fix:
            return self._engine.check()
        self._require_writable("doctor")
        return iter(list(self._engine.check(fix=True)))  # at once, whether anybody looks at what it says or not

    def backup(self, directory: str | os.PathLike[str], *, new_id: bool = False) -> Backup:
        """Copy the store, as it is at one instant, to a directory that is not there yet, or empty.

        Others go on writing; they wait while the files' status is looked at for the last time. The copy is a store,
        with the same id unless it is to have a new one. It is complete and durable when this returns, and not
        there if it raises. Git's directory, devices, pipes and sockets are not copied; links are, as links.
        Needs a store that may be written, for its locks. Raises `NotAStore` for a directory that holds
        something or lies in a store.
        """
        self._require_writable("backup")
        copied = self._engine.backup(os.fspath(directory), new_id=new_id)
        self._tell("backup", None, count=copied.files)
        return copied

    def _require_writable(self, verb: str) -> None:
        if reason := self._engine.capabilities.read_only:
            raise ReadOnly(f"{verb}() of a read-only store: {reason}.", reason=reason)

    def close(self) -> None:
        """Release what the store holds; later calls raise `Closed`. A memory store is gone. Twice is nothing."""
        self._engine.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


def open(
    path: str | os.PathLike[str],
    agent: str | None = None,
    namespace: str = "default",
    *,
    create: bool = True,
    read_only: bool = False,
    durability: str | None = None,
    ops: OpsHook | None = None,
) -> Store:
    """Open the store in directory ``path``; ``":memory:"`` is a new, empty one in memory.

    It is made on demand unless ``create`` is false. The handle is that of ``namespace``.
    ``agent`` is noted as the writer of what is written. With ``durability="process"`` a write that has
    returned survives the end of the process at any instant, with ``"power"`` a loss of power too; by default the
    store's setting counts (``"settings": {"durability": "power"}`` in ``fsstore.json``), else "process". ``ops`` is
    called with an `Operation` after each verb.

    Raises `NotAStore` for a directory that holds other things, `StoreMissing` where there is none to be
    made, `Unsupported` for a file system without flock.
    """
    engine = _engine(os.fspath(path), create=create, read_only=read_only, durability=durability)
    try:
        if durability is not None:
            engine.capabilities.require_durability(durability)
        return Store(engine, namespace, agent=agent, ops=ops)
    except BaseException:
        engine.close()
        raise


def adopt(path: str | os.PathLike[str], *, dry_run: bool = False) -> Adoption:
    """Make a directory with files in it a store, and tell what its files are then; with ``dry_run`` only tell.

    Nothing that is there is changed. Reads no file: what a key's file holds is for `Store.doctor` to say.
    """
    from fsstore.engines.files import layout

    found, foreign = layout.adoptable(os.fspath(path))
    if not dry_run:
        _engine(os.fspath(path), create=True, read_only=False, adopt=True).close()
    return Adoption(found, foreign)


def _engine(path: str, *, create: bool, read_only: bool, adopt: bool = False, durability: str | None = None) -> Engine:
    if path == MEMORY:
        from fsstore.engines.memory import MemoryEngine

        return MemoryEngine(read_only=read_only)
    from fsstore.engines.files.engine import FileEngine

    return FileEngine(path, create=create, read_only=read_only, adopt=adopt, durability=durability)
