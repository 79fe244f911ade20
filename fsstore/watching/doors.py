"""The verbs of watching, as handles have them. What they do is done elsewhere, and imported when it is first wanted."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from fsstore.namespace import Handle
from fsstore.reading import require_plain

if TYPE_CHECKING:
    from fsstore.events import Event, WatchStatus
    from fsstore.watching.subscription import Subscription
    from fsstore.watching.waiters import Wanted
    from fsstore.watching.watches import Watches

Callback = Callable[["Event"], object]
Since = str | os.PathLike[str]


class Watchable(Handle, ABC):
    """What a handle of one namespace has."""

    __slots__ = ()

    @property
    @abstractmethod
    def _watches(self) -> Watches:
        """The subscriptions of the store."""

    def watch(
        self,
        prefix: str | None = None,
        *,
        callback: Callback | None = None,
        replay: bool = False,
        own: bool = True,
        debounce: float = 0.0,
        max_pending: int = 100_000,
        name: str | None = None,
        since: Since | None = None,
        manual: bool = False,
    ) -> Subscription:
        """Tell every change of this namespace's keys that start with ``prefix``: see `Store.watch`."""
        from fsstore.watching.watches import Options

        options = Options(callback, replay, own, debounce, max_pending, name, since, manual)
        return self._watch(self.name, prefix, options)

    def _watch(self, namespace: str | None, prefix: str | None, options: Any) -> Subscription:
        made = self._watches.watch(namespace, prefix, options)
        self._tell("watch", prefix)
        return made

    def wait_for(self, key: str, predicate: Callable[[Any], object] | None = None, timeout: float | None = None) -> Any:
        """Wait until ``key`` is there, or until ``predicate(value)`` is true; the value then.

        No change is missed, but of several in quick succession only the last may be looked at. A file that cannot be
        read is waited for. Raises `WaitTimeout` after ``timeout`` seconds, `ValueError` if that is no such number, and
        `Closed` if the store is closed meanwhile; what ``predicate`` raises is raised.
        """
        value = self._watches.waiters.wait(self._wanted(key, predicate), timeout)
        self._tell("wait_for", key, found=True, count=1, value=value)
        return value

    async def _wait_for_async(
        self,
        key: str,
        predicate: Callable[[Any], object] | None = None,
        timeout: float | None = None,  # noqa: ASYNC109  # the same arguments as the verb that is awaited
    ) -> Any:
        value = await self._watches.waiters.wait_async(self._wanted(key, predicate), timeout)
        self._tell("wait_for", key, found=True, count=1, value=value)
        return value

    def _wanted(self, key: str, predicate: Callable[[Any], object] | None) -> Wanted:
        from fsstore.watching.waiters import Wanted

        require_plain(predicate)
        return Wanted(self._engine, self.name, key, predicate)


class StoreWatchable(Watchable):
    """What the handle of a whole store has."""

    __slots__ = ()

    def watch(
        self,
        prefix: str | None = None,
        namespace: str | None = None,
        *,
        callback: Callback | None = None,
        replay: bool = False,
        own: bool = True,
        debounce: float = 0.0,
        max_pending: int = 100_000,
        name: str | None = None,
        since: Since | None = None,
        manual: bool = False,
    ) -> Subscription:
        """Tell every change of the keys that start with ``prefix``, in one namespace or in all, whoever makes it.

        Without ``callback`` the subscription is an iterator and an async iterator of `Event`; with it, a thread of
        the subscription calls it. A key's events come in order, and several that were not handed on yet are told as
        one; of a key that came and went meanwhile a ``deleted`` may be all.

        ``replay``: first every key there is is told as ``created``, then comes one ``ready``. ``own=False``: what this
        process writes through fsstore is not told. ``debounce``: seconds that the first change of a key waits for
        others to be told with it. ``max_pending``: if more keys' events wait, they are dropped and one ``resync`` is
        told: read anew what you need. An initial state does not count.

        ``name``: what this watcher has handled is noted in the store. When it comes back it is told of what has
        changed since, also of deletes, and of what it had not handled; instead of the replay. ``since``: the same
        for a file made by `Subscription.save`, or for a revision of the history; with a name, the first time only.
        ``manual``: an event is handled when `Subscription.handled` says so, in any order and from any thread.

        Raises `Conflict` if a watcher of this name is there; `UnknownRevision` or `HistoryUnavailable` for a
        revision, `DamagedCursor` for a file that cannot be used.
        """
        from fsstore.watching.watches import Options

        options = Options(callback, replay, own, debounce, max_pending, name, since, manual)
        return self._watch(namespace, prefix, options)

    def changes(self, since: Since, *, namespace: str | None = None, prefix: str | None = None) -> list[Event]:
        """What has changed since a file made by `Subscription.save`, or a revision; as `watch` tells it first."""
        found = self._watches.changes(since, namespace, prefix)
        self._tell("changes", prefix, count=len(found))
        return found

    def sync(self, timeout: float = 30.0) -> None:
        """Return when every change that was complete before is in each subscription, and callbacks have handled it.

        Called by a callback, it does not wait for callbacks. Raises `WaitTimeout` after ``timeout`` seconds.
        """
        self._watches.sync(timeout)

    def watch_status(self) -> WatchStatus:
        """How the watching of this store goes in this process."""
        return self._watches.status()
