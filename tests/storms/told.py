"""What one subscriber was told, and whether it is true: against itself, event by event, and against the disk."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any, NamedTuple

from fsstore.events import Event

from .disk import BAD, Place
from .values import is_whole

_SAMPLES = 4


class State(NamedTuple):
    """What a subscriber believes of a key that is there."""

    sum: int | None
    number: int
    revision: str | None
    bad: bool = False
    """Whether the file was last said to be no JSON."""


class Told:
    """The events of one subscription, in the order in which it got them.

    ``forward``: no content comes back that was there before, so each event brings a new one, with its author's name
    in it. Otherwise people move files, and only what is there counts. ``alone``: each key has one writer, so that the
    numbers of its values only grow.
    """

    def __init__(
        self, before: Mapping[Place, Any], *, forward: bool = True, alone: bool = True, me: str = "watcher"
    ) -> None:
        self.state = {place: _state(value, None) for place, value in before.items()}
        self.faults = Counter[str]()
        self.samples: list[str] = []
        self.kinds = Counter[str]()
        self.merged = 0
        self.again = 0
        """Events of a key told twice since `begin_anew`."""
        self._forward, self._alone, self._me = forward, alone, me
        self._commits: dict[str, str | None] = {}
        self._anew: set[Place] = set()
        self._last: Place = "", ""
        self._is_ahead = False

    def begin_anew(self) -> None:
        """The subscriber was killed and is back: what it had handled last may come once more, and nothing else."""
        self._anew.add(self._last)

    def take(self, event: Event) -> None:
        """Be told."""
        self.kinds[event.kind] += 1
        if event.kind in ("ready", "resync"):
            return
        self.merged += event.merged
        place = self._last = event.namespace, event.key
        before = self.state.get(place)
        self._kind(event, before)
        if event.kind == "deleted":
            self.state.pop(place, None)
            self._remover(event)
        elif event.kind == "invalid":
            self._require(event.error is not None, "error", event)
            known = before or State(None, 0, None)
            self.state[place] = known._replace(revision=event.revision, bad=True)
        else:
            self._content(event, before)
            self.state[place] = _state(event.value, event.revision)
        self._anew.discard(place)

    def read_anew(self, there: Mapping[Place, Any]) -> None:
        """What was told no longer counts: this is what is there. Some of it may still be told, until a `compare`."""
        self._is_ahead = True
        self.state = {place: _state(value, None) for place, value in there.items()}

    def compare(self, there: Mapping[Place, Any]) -> None:
        """Note whatever differs from the disk."""
        for place, value in there.items():
            known = self.state.get(place)
            if known is None:
                self._fault("lost", place)
            elif known.bad != (value is BAD) or (value is not BAD and known.sum != value["sum"]):
                self._fault("stale", f"{place}: told {known}, there is {value if value is BAD else value['number']}")
        for place in self.state.keys() - there.keys():
            self._fault("ghost", place)
        self._is_ahead = False

    # -- one event ---------------------------------------------------------------------------------

    def _kind(self, event: Event, before: State | None) -> None:
        if self._is_ahead or (event.namespace, event.key) in self._anew:
            return
        came_and_went = event.kind == "deleted" and event.merged
        if event.kind != "invalid" and not came_and_went and (before is None or before.sum is not None):
            self._require((event.kind == "created") == (before is None), f"kind {event.kind}", event)
        if before and before.revision and event.old_revision:
            what = f"old revision {event.old_revision}, where {before} was told"
            self._require(event.old_revision == before.revision, what, event)

    def _content(self, event: Event, before: State | None) -> None:
        value = event.value
        self._require(bool(event.revision and event.time), "no revision or time", event)
        if not is_whole(value):
            self._fault("torn", event)
            return
        if not self._forward:
            return
        if self._alone and not self._is_ahead:
            self._number(event, before.number if before else 0)
        self._require(value["key"] == event.key, "other key's value", event)
        self._require(event.source.by_hand == (value["by"] is None), "source", event)
        self._require(event.source.agent == value["by"], "source", event)
        self._require(event.own == (value["by"] == self._me), "own", event)
        if value["batch"] is None:
            self._require(event.commit is None, "commit of one key", event)
        else:
            known = self._commits.setdefault(value["batch"], event.commit)
            self._require(event.commit is not None and event.commit == known, "commit of several keys", event)

    def _remover(self, event: Event) -> None:
        whose, _, _ = event.key.partition(":")
        if self._forward and whose.startswith("of agent"):
            self._require(event.source.agent == whose[3:], "source of a deletion", event)
        if self._forward and whose == "of a person":
            self._require(event.source.by_hand, "source of a deletion", event)

    def _number(self, event: Event, before: int) -> None:
        number = event.value["number"]
        self._require(number >= before, "back in time", event)
        if number == before and (event.namespace, event.key) in self._anew:
            self.again += 1
        else:
            self._require(number != before, "twice", event)

    def _require(self, fine: bool, what: str, event: Event) -> None:
        if not fine:
            self._fault(what, event)

    def _fault(self, what: str, about: object) -> None:
        self.faults[what.partition(",")[0]] += 1
        if len(self.samples) < _SAMPLES:
            self.samples.append(f"{what}: {about.as_dict() if isinstance(about, Event) else about}"[:500])


def _state(value: Any, revision: str | None) -> State:
    if value is BAD:
        return State(None, 0, None, bad=True)
    if not isinstance(value, dict):
        return State(None, 0, revision)
    return State(value.get("sum"), value.get("number", 0), revision)
