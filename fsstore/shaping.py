"""The schemas of a store's namespaces: given, and held against what is stored. It knows the seam, and no file."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

from fsstore import values
from fsstore.credentials import suspicion
from fsstore.engine import Engine, Reader
from fsstore.errors import BadValue, InvalidValue, StoreError
from fsstore.guards import violation_in
from fsstore.keys import path_of
from fsstore.records import OFF, Author, Finding
from fsstore.shape import require_schema


def schema_of(reader: Reader, namespace: str) -> Any:
    """A copy of the schema of a namespace, for whoever asks to do with it what they like; ``None`` if it has none."""
    return copy.deepcopy(reader.rules(namespace).schema)


def set_schema(engine: Engine, author: Author, namespace: str, wanted: Any) -> Any:
    """Give a namespace a schema, ``None`` for none, and tell it as it is kept. Raises `InvalidValue`."""
    if wanted is not None:
        try:
            require_schema(wanted)
        except InvalidValue as error:
            raise InvalidValue(
                f"the schema of namespace {namespace!r} was not set: {error}. "
                f"See https://json-schema.org/understanding-json-schema.",
                json_path=error.json_path,
            ) from None
    return copy.deepcopy(engine.set_rules(namespace, {"schema": wanted}, author).schema)


def findings(reader: Reader) -> Iterator[Finding]:
    """The values that the schema of their namespace does not allow, or that look like credentials.

    Reads the namespaces that have a schema; all of them where the policy about credentials is not ``off``.
    """
    for namespace in reader.namespaces():
        try:
            has_schema = reader.rules(namespace).schema is not None
        except BadValue:  # it is reported as a file that makes no sense
            has_schema = False
        if not has_schema and reader.capabilities.credentials == OFF:
            continue
        for key, value in reader.scan(namespace):
            if not isinstance(value, StoreError):
                yield from _findings_of(reader, namespace, key, value)


def _findings_of(reader: Reader, namespace: str, key: str, value: Any) -> Iterator[Finding]:
    error = violation_in(reader, namespace, key, value)
    if error is not None:
        detail = f"{error.json_path}: {error.reason} (schema: {error.schema_path}). Mend the value, or the schema."
        yield Finding(path_of(namespace, key), "schema-violation", detail)
    if reader.capabilities.credentials == OFF:
        return
    seen = suspicion(key, values.encode(value), lambda raw: value)
    if seen is not None:
        detail = (
            f"{seen.json_path} looks like a credential ({seen.detector}). Take it out, and change it where it counts."
        )
        yield Finding(path_of(namespace, key), "credential", detail)
