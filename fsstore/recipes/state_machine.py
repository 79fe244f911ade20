"""A state that goes only where it may, with the moves it has made. It knows one key, and no file."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from fsstore.errors import BadValue, Conflict, IllegalTransition
from fsstore.recipes.recipe import Recipe
from fsstore.recipes.shapes import Misshapen
from fsstore.records import timestamp
from fsstore.steps import Steps, waiting

if TYPE_CHECKING:
    from fsstore.recipes.doors import Recipes

_WAY_OUT = "Mend the file, or call force(STATE)."


class StateMachine(Recipe):
    """A state and its history in one key, for any number of processes. Made by ``data_store.state_machine(key, ...)``.

    The key holds ``{"state": "running", "history": [{"from", "to", "at", "agent", "data"}, ...]}`` and whatever other
    members agents and people put there, which stay. Without a key the state is the initial one. A move is one update
    of that key: of two that are made at once, the second is judged by what the first has left.
    """

    __slots__ = ("_initial", "_maxlen", "_transitions")

    _kind = "state machine"

    def __init__(
        self,
        space: Recipes,
        name: str,
        transitions: Mapping[str, Sequence[str]],
        initial: str | None = None,
        *,
        maxlen: int = 100,
    ) -> None:
        super().__init__(space, name)
        self._transitions = _checked(transitions)
        self._initial = next(iter(self._transitions)) if initial is None else initial
        if self._initial not in self._transitions:
            raise ValueError(f"initial={initial!r} is none of the states {', '.join(self._transitions)}")
        if maxlen < 0:
            raise ValueError(f"maxlen={maxlen} is negative")
        self._maxlen = maxlen

    @property
    def state(self) -> str:
        """The state now. Raises `BadValue` if the key holds none that there is."""
        return self._shaped(self._space.get(self.name))[0]

    @property
    def allowed(self) -> tuple[str, ...]:
        """The states that it may go to now."""
        return self._transitions[self.state]

    @property
    def history(self) -> list[dict[str, Any]]:
        """The moves, oldest first: ``from``, ``to``, ``at`` (ISO 8601, UTC), ``agent``; ``data`` if there was any."""
        return self._shaped(self._space.get(self.name))[1]

    def to(self, state: str, expected: str | None = None, **data: Any) -> str:
        """Go to ``state``, with ``data`` noted in the history; the state then.

        Raises `IllegalTransition` if no transition leads there, and `Conflict` if the state is not the ``expected``
        one: then nothing is changed. So of several who all expect the same state, one succeeds.
        """
        for named in (state, expected):
            if named is not None and named not in self._transitions:
                raise ValueError(f"{named!r} is none of the states {', '.join(self._transitions)}")

        def move(value: Any) -> dict[str, Any]:
            current, history = self._taken_apart(value)
            if expected is not None and current != expected:
                raise self._stale(current, expected)
            if state not in self._transitions[current]:
                raise self._illegal(current, state)
            return self._moved(value, current, state, history, data)

        return self._change(move)

    def force(self, state: str, **data: Any) -> str:
        """Go to ``state`` from wherever it is, also from what is no state: the way out when a file was edited wrongly.

        It is a move in the history as any other. A history that makes no sense is begun anew.
        """
        if state not in self._transitions:
            raise ValueError(f"{state!r} is none of the states {', '.join(self._transitions)}")

        def move(value: Any) -> dict[str, Any]:
            value = value if isinstance(value, dict) else {}
            history = value.get("history")
            current = value.get("state", self._initial)
            return self._moved(value, current, state, history if isinstance(history, list) else [], data)

        try:
            return self._change(move)
        except BadValue:  # no JSON at all
            self._space.set(self.name, self._moved({}, None, state, [], data), ttl=math.inf)
            return state

    @waiting
    def wait(self, *states: str, timeout: float | None = None) -> Steps[str]:
        """Wait until it is in one of these states; which one. Raises `WaitTimeout` after ``timeout`` seconds.

        A state that it was in only for a moment may be missed: wait for what stays.
        """
        if not states or not set(states) <= set(self._transitions):
            raise ValueError(f"{states!r} are not some of the states {', '.join(self._transitions)}")
        if self._initial in states and self._space.get(self.name) is None:
            return self._initial

        def state_of(value: Any) -> Any:
            return value.get("state", self._initial) if isinstance(value, dict) else None

        value = yield self._arrival(lambda value: state_of(value) in states, timeout)
        state: str = state_of(value)
        return state

    def _change(self, move: Any) -> str:
        try:
            state: str = self._update_lasting(move)["state"]
        except Misshapen as error:
            raise self._bad(error, _WAY_OUT) from None
        return state

    def _moved(self, value: Any, current: Any, state: str, history: list[Any], data: dict[str, Any]) -> dict[str, Any]:
        entry = {"from": current, "to": state, "at": timestamp(time.time()), "agent": self._space.agent}
        if data:
            entry["data"] = data
        kept = [*history, entry][-self._maxlen :] if self._maxlen else []
        return {**(value or {}), "state": state, "history": kept}

    def _shaped(self, value: Any) -> tuple[str, list[dict[str, Any]]]:
        try:
            return self._taken_apart(value)
        except Misshapen as error:
            raise self._bad(error, _WAY_OUT) from None

    def _taken_apart(self, value: Any) -> tuple[str, list[dict[str, Any]]]:
        """State and history. Raises `Misshapen`."""
        if value is None:
            return self._initial, []
        if not isinstance(value, dict):
            raise Misshapen('it is to be an object with the members "state" and "history"')
        state, history = value.get("state", self._initial), value.get("history", [])
        if not isinstance(state, str) or state not in self._transitions:
            raise Misshapen(f'"state" is {state!r}, and none of {", ".join(self._transitions)}')
        if not isinstance(history, list):
            raise Misshapen('"history" is no list')
        return state, history

    def _illegal(self, current: str, wanted: str) -> IllegalTransition:
        allowed = self._transitions[current]
        ways = f"From there it goes to {', '.join(allowed)}." if allowed else "That is a final one."
        return IllegalTransition(
            f"{self._called} is in state {current!r} and does not go to {wanted!r}. {ways} Nothing was changed.",
            namespace=self._space.name,
            key=self.name,
            current=current,
            wanted=wanted,
            allowed=allowed,
        )

    def _stale(self, current: str, expected: str) -> Conflict:
        return self._conflict(
            f" is in state {current!r}, and not in {expected!r} as was expected. Nothing was changed: look at it "
            f"again, and decide anew.",
            expected,
            current,
        )


def _checked(transitions: Mapping[str, Sequence[str]]) -> dict[str, tuple[str, ...]]:
    """The transitions, each state with those that it may go to. Raises `ValueError` for what makes no sense."""
    if not transitions:
        raise ValueError("a state machine needs at least one state: {'pending': ['done'], 'done': []}")
    found = {}
    for state, targets in transitions.items():
        if isinstance(targets, str):
            raise ValueError(f"the states after {state!r} are a list: [{targets!r}]")
        found[state] = tuple(targets)
    unknown = sorted({target for targets in found.values() for target in targets} - set(found))
    if unknown:
        raise ValueError(f"{', '.join(map(repr, unknown))} is led to, and no state: a final one is named with []")
    return found
