"""What is looked at before a value is stored: the schema of its namespace, and whether it looks like a credential.

It knows the seam, and no verb. Where there is no schema and no policy, it costs one look at the namespace's rules.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from fsstore import values
from fsstore.engine import Engine, Reader
from fsstore.errors import BadValue, CredentialRefused, InvalidValue, SchemaViolation, StoreError
from fsstore.keys import encode_namespace
from fsstore.ops import Op, Put, Update, Verdict
from fsstore.records import Rules

_STORING = (Put, Update)  # a union would be made anew for every op
_TOLD = 10_000
_told: set[tuple[str, ...]] = set()
"""The places that this process has warned of."""

Check = Callable[[str, bytes, Mapping[str, Any] | None], None]
"""Of a key, the value that it is to get, and the metadata that is given with it; raises what is against it."""


def guarded(engine: Engine, ops: Sequence[Op]) -> Sequence[Op]:
    """The same ops, once what they store is checked; what an `Update` makes is checked when it is made.

    Raises `SchemaViolation`, `CredentialRefused`, and `BadValue` for rules of a namespace that make no sense.
    """
    if engine.capabilities.credentials == "off" and not _have_schemas(engine, ops):  # it is so for most
        return ops
    checks: dict[str, list[Check]] = {}
    for op in ops:
        if isinstance(op, _STORING) and op.namespace not in checks:
            checks[op.namespace] = _checks_of(engine, op.namespace)
    return [_checked(op, checks[op.namespace]) if isinstance(op, _STORING) else op for op in ops]


def _have_schemas(engine: Engine, ops: Sequence[Op]) -> bool:
    known = None
    for op in ops:
        if op.namespace != known and isinstance(op, _STORING):
            known = op.namespace
            if engine.rules(known).schema is not None:
                return True
    return False


def _checks_of(engine: Engine, namespace: str) -> list[Check]:
    """The credentials first, as a violation quotes what it is about."""
    found: list[Check] = []
    rules = engine.rules(namespace)
    if (policy := engine.capabilities.credentials) != "off":
        found.append(_CredentialCheck(engine.place, namespace, policy))
    if rules.schema is not None:
        found.append(_SchemaCheck(engine, namespace, rules))
    return found


def _checked(op: Put | Update, checks: list[Check]) -> Put | Update:
    if isinstance(op, Put):
        for check in checks:
            check(op.key, op.raw, op.metadata)
        return op
    change, key = op.change, op.key

    def checked(old: Any) -> bytes | Verdict:
        made = change(old)
        if isinstance(made, bytes):
            for check in checks:
                check(key, made, None)
        return made

    return op._replace(change=checked)


class _SchemaCheck:
    def __init__(self, engine: Engine, namespace: str, rules: Rules) -> None:
        self._engine, self._namespace, self._rules = engine, namespace, rules

    def __call__(self, key: str, raw: bytes, metadata: Mapping[str, Any] | None) -> None:
        try:
            value = values.decode(raw)
        except values.Malformed as error:  # the very bytes of a file that is moved here
            raise InvalidValue(
                f"key {key!r} of namespace {self._namespace!r} was not set: it is no JSON value ({error.reason}), and "
                f"the namespace has a schema.",
                json_path="$",
            ) from None
        against = against_schema(self._rules, self._engine.place, self._namespace, key, value, "was not set")
        if against is not None:
            raise against


def against_schema(
    rules: Rules, place: str, namespace: str, key: str, value: Any, happened: str
) -> SchemaViolation | None:
    """What is wrong with a value by the rules of its namespace; ``happened`` is what became of the key.

    Raises `BadValue` if the schema is none.
    """
    if rules.schema is None:
        return None
    from fsstore.shape import violation

    try:
        found = violation(rules.schema, value)
    except InvalidValue as error:
        raise _no_schema(place, namespace, error) from None
    return None if found is None else found.error(namespace, key, happened)


def violation_in(reader: Reader, namespace: str, key: str, value: Any) -> SchemaViolation | None:
    """What is wrong with a value that is stored, and may be a person's; nothing where the rules cannot be read."""
    try:
        return against_schema(
            reader.rules(namespace), reader.place, namespace, key, value, "is not as its schema wants it"
        )
    except StoreError:  # `doctor` reports it; or the store was closed
        return None


def _no_schema(place: str, namespace: str, error: InvalidValue) -> BadValue:
    path = f"{place}/{encode_namespace(namespace)}/.meta/.namespace.json"
    return BadValue(
        f"the rules of namespace {namespace!r} make no sense: {path}: {error}. Mend the schema, or take it away: "
        f"store.schema({namespace!r}, None).",
        namespace=namespace,
        key="",
        path=path,
        reason=str(error),
        line=None,
        column=None,
    )


class _CredentialCheck:
    def __init__(self, place: str, namespace: str, policy: str) -> None:
        self._place, self._namespace, self._policy = place, namespace, policy

    def __call__(self, key: str, raw: bytes, metadata: Mapping[str, Any] | None) -> None:
        self._look(key, raw, "the value")
        if metadata:
            self._look(key, values.encode(dict(metadata)), "the metadata")

    def _look(self, key: str, raw: bytes, where: str) -> None:
        from fsstore.credentials import suspicion
        from fsstore.records import REFUSE

        found = suspicion(key, raw, meaning)
        if found is None:
            return
        what = (
            f"a key of namespace {self._namespace!r}, in its name"
            if found.in_key
            else (f"key {key!r} of namespace {self._namespace!r}, at {found.json_path} in {where}")
        )
        told = f"{what}, has what looks like a credential ({found.detector})"
        if self._policy == REFUSE:
            raise CredentialRefused(
                f"{told}, and was not set: git's history never forgets. Keep it in an environment variable or a secret "
                f'manager, and store a placeholder such as "${{API_KEY}}". If it is none, the setting "credentials" of '
                f'fsstore.json may be "warn" or "off".',
                namespace=self._namespace,
                key=key,
                json_path=found.json_path,
                detector=found.detector,
            )
        warn_once((self._place, self._namespace, key, where, found.json_path, found.detector), told)


def meaning(raw: bytes) -> Any:
    """The value that bytes are, or, where they are none, their text."""
    try:
        return values.decode(raw)
    except values.Malformed:
        return raw.decode(errors="replace")


def warn_once(name: tuple[str, ...], told: str) -> None:
    """Warn of a place where something looks like a credential, once in this process."""
    if name in _told:
        return
    if len(_told) >= _TOLD:
        _told.clear()
    _told.add(name)
    import logging

    logging.getLogger("fsstore").warning(
        "%s; git's history never forgets. Keep it in an environment variable or a secret manager.", told
    )
