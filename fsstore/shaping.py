"""The schemas of a store's namespaces: given, and held against what is stored. It knows the seam, and no file."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fsstore.engine import Engine, Reader
from fsstore.errors import BadValue, InvalidValue, StoreError
from fsstore.guards import violation_in
from fsstore.keys import path_of
from fsstore.records import Author, Finding
from fsstore.shape import require_schema


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
    return engine.set_rules(namespace, {"schema": wanted}, author).schema


def findings(reader: Reader) -> Iterator[Finding]:
    """The values that the schema of their namespace does not allow. Reads the namespaces that have one."""
    for namespace in reader.namespaces():
        try:
            if reader.rules(namespace).schema is None:
                continue
        except BadValue:  # it is reported as a file that makes no sense
            continue
        for key, value in reader.scan(namespace):
            error = None if isinstance(value, StoreError) else violation_in(reader, namespace, key, value)
            if error is not None:
                detail = (
                    f"{error.json_path}: {error.reason} (schema: {error.schema_path}). Mend the value, or the schema."
                )
                yield Finding(path_of(namespace, key), "schema-violation", detail)
