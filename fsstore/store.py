"""A store as a whole, and the public handles of its namespaces. Which engine lies below is none of its concern."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Self

from fsstore.errors import ReadOnly
from fsstore.moving.doors import Movable
from fsstore.namespace import Handle
from fsstore.reading import OpsHook
from fsstore.recipes.doors import Recipes
from fsstore.records import Backup, Finding, Run, Usage
from fsstore.watching.doors import StoreWatchable

if TYPE_CHECKING:
    from datetime import datetime

    from fsstore.commits import Blame, Change, Collected, Commit, Cost, Restored, Version
    from fsstore.engine import Engine
    from fsstore.history.history import History
    from fsstore.history.view import Past
    from fsstore.running import OnError, Running
    from fsstore.watching.watches import Watches

ASKED: Any = object()
"""Instead of a schema: what is it?"""


class Namespace(Recipes):
    """The verbs of one namespace, and ``.store``, the store it belongs to.

    Those of the history raise `HistoryUnavailable` where the store has no git.
    """

    __slots__ = ("_store",)

    def __init__(
        self,
        engine: Engine,
        name: str,
        store: Store,
        *,
        agent: str | None,
        run: str | None,
        ops: OpsHook | None,
        ttl: float | None = None,
    ) -> None:
        super().__init__(engine, name, agent=agent, run=run, ops=ops, ttl=ttl)
        self._store = store

    @property
    def store(self) -> Store:
        """The store of this namespace, for the verbs that concern it as a whole."""
        return self._store

    @property
    def _watches(self) -> Watches:
        return self.store._watches

    def use_namespace(self, namespace: str, *, ttl: float | None = None) -> Namespace:
        """A handle on another namespace, for the same agent; nothing is created before its first write.

        ``ttl`` is how many seconds a key lasts that is set through it, where the call says nothing else.
        """
        store, agent, run = self.store, self.agent, self.run_id
        return Namespace(self._engine, namespace, store, agent=agent, run=run, ops=self._ops, ttl=ttl)

    def schema(self, namespace: str, json_schema: Any = ASKED) -> Any:
        """The JSON Schema of a namespace's values, ``None`` if it has none; set first, if one is given.

        Of draft 2020-12 unless ``$schema`` names another; a ``$ref`` may lead into the schema itself alone. It is kept
        in the namespace's tracked ``.meta/.namespace.json``. From when this returns every write of every process is
        checked, and raises `SchemaViolation`; one that is under way may still come. What is stored already stays, and
        so does what people write: `doctor` and `watch` report it, `get` gives it. ``None`` takes the schema away.
        Atomic and durable. Raises `InvalidValue`, with the place, for what is no schema, and `BadValue`.
        """
        from fsstore.shaping import schema_of, set_schema

        if json_schema is ASKED:
            return schema_of(self._engine, namespace)
        self.store._require_writable("schema")
        return set_schema(self._engine, self._writer, namespace, json_schema)

    def history(self, key: str, *, limit: int | None = None) -> Iterator[Version]:
        """What became of ``key``, the newest first: the commit, the value before and after it.

        Goes on past a deletion; a value that was no JSON is the `BadValue` of reading it.
        """
        return self.store._past.versions(self.name, key, limit)

    def blame(self, key: str) -> list[Blame]:
        """Which commit gave each top-level member of the value its present content. Raises `NotFound`.

        It is about the newest commit: what was written since is not in it.
        """
        return self.store._past.blame(self.name, key)


class Store(Movable, StoreWatchable, Namespace):
    """The handle of one namespace, with the verbs of the whole store beside it; a context manager.

    Made by `open`. Safe to share between threads; a forked child may go on using its copy.
    """

    __slots__ = ("_histories", "_make_history", "_watches_made")

    def __init__(
        self,
        engine: Engine,
        name: str,
        *,
        agent: str | None,
        run: str | None,
        ops: OpsHook | None,
        history: Callable[[], History],
    ) -> None:
        Handle.__init__(self, engine, name, agent=agent, run=run, ops=ops)  # no reference to itself
        self._make_history = history
        self._histories: list[History] = []
        self._watches_made: list[Watches] = []

    @property
    def _past(self) -> History:
        """The store's history; git's modules are imported when it is first wanted. Raises `Closed`.

        Threads that want it first at the same time get the same: it alone is closed with the store.
        """
        self._engine.moment()
        if not self._histories:
            made = self._make_history()
            self._histories.append(made)
            self._engine.moment()  # `close` may have passed by before there was one to be closed
        return self._histories[0]

    @property
    def _watches(self) -> Watches:
        """The subscriptions; threads that want them first at the same time get the same."""
        if not self._watches_made:
            from fsstore.watching.watches import Watches

            self._watches_made.append(Watches(self._engine, lambda revision: self._past.told(revision)))
        return self._watches_made[0]

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
            run=self.run_id if run is None else run,
            ops=self._ops if ops is None else ops,
        )

    def stats(self) -> Usage:
        """How many namespaces and keys the whole store holds, and how many bytes they take."""
        each = [self._engine.usage(name) for name in self._engine.namespaces()]
        usage = Usage(len(each), sum(one.keys for one in each), sum(one.bytes for one in each))
        self._tell("stats", None, count=usage.keys)
        return usage

    def sweep(self, *, dry_run: bool = False, durability: str | None = None) -> int:
        """Remove what is left of the keys of all namespaces that have ended by themselves; how many there were.

        They are missing before, too: this gives back the space, and takes their files from people's eyes.
        ``dry_run`` only counts.
        """
        return self._sweep(None, durability, dry_run=dry_run)

    # -- runs and history --------------------------------------------------------------------------

    def run(
        self,
        agent: str | None = None,
        run_id: str | None = None,
        *,
        snapshot: bool = True,
        on_error: OnError = "keep",
        input: Any = None,
        namespace: str | None = None,
        ops: OpsHook | None = None,
    ) -> Running[Namespace]:
        """One run of an agent, for ``with``: gives the handle through which it writes.

        At its end what the run changed is committed, as the agent's; a run that changed nothing commits nothing. If
        the block raises, its writes stay (``on_error="keep"``, the commit says ``Status: failed``), or the keys get
        back what they held before it (``"rollback"``), which is its author's again; those that somebody else has
        written since are left, and named in a note of the error. After kill -9 the writes stay, and the next snapshot
        commits them as killed. ``input`` is what the agent was given: its digest is noted. Runs may be nested and
        parallel; each commit has the keys of its own run. A forked child that leaves the block ends nothing. Raises
        `Conflict` if a run of this id is under way, `InvalidName` for names that no program can be told.
        """
        from fsstore.running import Running

        def handle(agent: str | None, run: str) -> Namespace:
            return self.handle(namespace, agent=agent, run=run, ops=ops)

        def after(ended: Run) -> None:
            self._past.after_run(ended, commit=snapshot)

        writes = self._has_files() and not self._engine.capabilities.read_only
        name = self.agent if agent is None else agent
        return Running(self._engine, name, run_id, handle, after if writes else None, on_error=on_error, input=input)

    def snapshot(self, message: str | None = None, *, verify: bool = False) -> Commit | None:
        """Commit all that changed since the last snapshot, but for what runs under way wrote; the newest commit.

        ``None`` if nothing had changed. Each author has a commit of their own: first people's edits, under git's
        ``user.name``, then agents'. ``message`` is for what this handle's agent wrote in its run; where that is
        nothing, for a person's edits, or else the newest commit. Edits in place are searched for once a minute (the
        setting ``sweep_seconds``), all others each time, these too while this process watches the store; ``verify``
        looks at every file. What a person has staged is left to them. It survives a loss of power, unless the store's
        durability is "process".

        Raises `RepositoryState` in the middle of a person's merge and the like, or with a detached HEAD;
        `RepositoryBusy` while another program of git keeps its locks; nothing is changed then.
        """
        self._require_writable("snapshot")
        made = self._past.snapshot(self._writer, message, verify=verify)
        self._tell("snapshot", None, count=len(made))
        return made[-1] if made else None

    def log(
        self,
        namespace: str | None = None,
        key: str | None = None,
        *,
        agent: str | None = None,
        run: str | None = None,
        since: str | datetime | None = None,
        limit: int | None = None,
    ) -> Iterator[Commit]:
        """The commits, newest first: all, or those that changed a namespace, or a key of it (default: this handle's).

        ``since`` is a revision, which is not among them, or a time (a ``datetime``, or ISO 8601).
        """
        where = self.name if key is not None and namespace is None else namespace
        return self._past.commits(where, key, agent=agent, run=run, since=since, limit=limit)

    def at(self, revision: str) -> Past:
        """The store as it was in a commit: a handle with all verbs that read. Raises `UnknownRevision`.

        ``revision`` is a hash or the beginning of one, a branch, a tag, ``HEAD``, also with ``~N`` after it.
        """
        from fsstore.history.view import Past

        return Past(self._past.at(revision), self.name, ops=self._ops)

    def diff(self, a: str | None, b: str | None = None) -> list[Change]:
        """What changed from one revision (``None``: an empty store) to another, or to the files as they are now."""
        return self._past.diff(a, b)

    def restore(
        self, revision: str, namespace: str | None = None, key: str | None = None, *, dry_run: bool = False
    ) -> Restored:
        """Give the store, a namespace or one key the content that it had in a commit, in a new commit.

        What changed since the last snapshot is committed first, so nothing is lost but what runs under way wrote to
        these keys. Then the keys are set and deleted as by any writer, all in one commit of the store. A file that
        was no value then is restored too. An edit in place that no snapshot has found yet stays, unless ``key`` names
        it or another content is restored over it. Raises `Conflict` if others write these keys all the time.
        ``dry_run``: only tell what would be set and deleted.
        """
        if not dry_run:
            self._require_writable("restore")
        where = self.name if key is not None and namespace is None else namespace
        return self._past.restore(self._engine, self._writer, revision, where, key, dry_run=dry_run)

    def gc(self) -> Collected:
        """Pack the history: the same commits in less space. Others may go on working."""
        self._require_writable("gc")
        return self._past.gc()

    def history_cost(self) -> Cost | None:
        """What the history takes; ``None`` where there is none."""
        return self._past.cost() if self._has_files() else None

    def _findings_of_history(self) -> Iterator[Finding]:
        if self._has_files():
            yield from self._past.findings()

    def _findings_of_values(self) -> Iterator[Finding]:
        from fsstore.shaping import findings

        return findings(self._engine)

    def _has_files(self) -> bool:
        return bool(self._engine.capabilities.durability - {"process"})

    def doctor(self, fix: bool = False) -> Iterator[Finding]:
        """Everything in the store that is no healthy record. Reads all, changes nothing.

        With ``fix`` it mends what is safe to mend, and says so in ``Finding.repair``: what dead processes left is
        finished or removed, metadata without its key goes to `.fsstore/lost`, a file whose name can only mean
        one key gets that key's name. No value is changed.
        """
        if not fix:
            return itertools.chain(self._engine.check(), self._findings_of_values(), self._findings_of_history())
        self._require_writable("doctor")
        found = [*self._engine.check(fix=True), *self._findings_of_values(), *self._findings_of_history()]
        return iter(found)  # at once, whoever looks at it

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
        """Release what the store holds; later calls raise `Closed`. A memory store is gone. Twice is nothing.

        Its subscriptions end. What other threads have under way is done, or raises `Closed`: never half of it.
        """
        for watches in self._watches_made:
            watches.close()
        try:
            self._engine.close()  # first: whoever asks for the history meanwhile is told, or it is closed here
        finally:
            for history in list(self._histories):
                history.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()
