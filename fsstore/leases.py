"""What a lock with a name is to every engine: its time, its token, and what is said when it is refused or lost.

Time is that of the machine since it was started, sleep included, and means nothing after the next start.
Nothing is held here.
"""

from __future__ import annotations

import math
import os
import sys
import time
from functools import lru_cache
from typing import NamedTuple

from fsstore.errors import InvalidName, LeaseLost, LockTimeout
from fsstore.records import Author, Claim, Holder, timestamp

TIMEOUT = 30.0
"""Seconds that one waits for a name unless told otherwise."""

_BOOT_ID = "/proc/sys/kernel/random/boot_id"


class Holding(NamedTuple):
    """Who holds a name, for how long: all that an engine notes of it."""

    name: str
    token: int
    pid: int
    host: str
    agent: str | None
    run: str | None
    since: str
    until: float | None
    boot: str

    @classmethod
    def begun(cls, claim: Claim, author: Author) -> Holding:
        """What is to be noted of a claim of this process that begins now."""
        since = timestamp(time.time())
        return cls(
            claim.name,
            claim.token,
            os.getpid(),
            os.uname().nodename,
            author.agent,
            author.run,
            since,
            claim.until,
            boot_id(),
        )

    def is_over(self) -> bool:
        """Whether its time has passed."""
        return self.until is not None and (self.boot != boot_id() or boot_seconds() >= self.until)

    def holder(self) -> Holder:
        """The same, for people."""
        remaining = None if self.until is None else max(0.0, self.until - boot_seconds())
        return Holder(self.name, self.pid, self.host, self.agent, self.run, self.since, self.token, remaining)


if sys.platform == "linux":

    def boot_seconds() -> float:
        """Seconds since the machine was started, those that it slept included."""
        return time.clock_gettime(time.CLOCK_BOOTTIME)

else:

    def boot_seconds() -> float:
        """Seconds since the machine was started; a lease is longer by what the machine sleeps."""
        return time.monotonic()


@lru_cache(1)
def boot_id() -> str:
    """Another one after each start of the machine; always empty where the system does not tell."""
    try:
        with open(_BOOT_ID, encoding="ascii") as file:
            return file.read().strip()
    except OSError:
        return ""


def end_of(ttl: float | None) -> float | None:
    """When a lease of ``ttl`` seconds ends that begins now."""
    return None if ttl is None else boot_seconds() + ttl


def next_token(last: int) -> int:
    """A larger token than the last one, and than all before it if nobody knows the last one any more."""
    return max(last + 1, time.time_ns() // 1000)


def require_waiting(timeout: float | None) -> float:
    """The seconds to wait. Raises `ValueError` for what is no such number."""
    if timeout is None:
        return TIMEOUT
    if not timeout >= 0:
        raise ValueError(f"timeout={timeout!r} is no number of seconds; 0 tries once, None waits {TIMEOUT:g}")
    return timeout


def require_ttl(ttl: float | None) -> None:
    """Raise `ValueError` for what is no time that a lease can last."""
    if ttl is not None and not 0 < ttl < math.inf:
        raise ValueError(f"ttl={ttl!r} is no number of seconds above 0; None holds until it is released")


def require_name(name: str) -> None:
    """Raise `InvalidName` for the empty name."""
    if not name:
        raise InvalidName("a lock needs a name of at least one character", name=name, reason="empty")


def timed_out(name: str, seconds: float, holder: Holder | None) -> LockTimeout:
    """The error for a name that somebody else held all the time."""
    if holder is None:  # gone just now
        return LockTimeout(
            f"lock {name!r} was held by others for {seconds:g} s. Try again.", seconds=seconds, name=name
        )
    agent = "" if holder.agent is None else f" (agent {holder.agent!r})"
    if holder.remaining is None:
        ends = f"if it never ends, see whether that process is stopped: ps -o pid,stat,cmd -p {holder.pid}"
    else:
        ends = f"its lease ends in {holder.remaining:.3g} s unless it is renewed."
    me = ", which is this one," if holder.pid == os.getpid() else ""
    return LockTimeout(
        f"lock {name!r} was held by others for {seconds:g} s, now by process {holder.pid}{me} on {holder.host}{agent} "
        f"since {holder.since}. Try again; {ends}",
        seconds=seconds,
        name=name,
        pid=holder.pid,
        agent=holder.agent,
        since=holder.since,
    )


def lost(name: str, token: int, current: int | None) -> LeaseLost:
    """The error for a claim that does not count any more."""
    now = "nobody has it" if current is None else f"token {current} has it"
    return LeaseLost(
        f"lock {name!r} is not held any more by token {token}: it was released or ran out, and {now} now. Nothing was "
        f"written. Take the lock again, read again, and decide anew; use a longer ttl, or renew() it in time.",
        name=name,
        token=token,
        current=current,
    )
