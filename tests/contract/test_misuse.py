"""What is easily said wrong is refused with the way out, and nothing is stored."""

from __future__ import annotations

from typing import Any

import pytest

from fsstore import Store, Unsupported, UnsupportedType


async def later(value: Any) -> Any:
    return value


def test_a_record_is_no_revision(store: Store) -> None:
    store.set("k", 1)
    record: Any = store.info("k")
    for write in (lambda: store.set("k", 2, if_match=record), lambda: store.delete("k", if_match=record)):
        with pytest.raises(UnsupportedType, match="revision, a str, not Record"):
            write()
    assert store.get("k") == 1


def test_a_function_that_waits(store: Store) -> None:
    for write in (lambda: store.update("k", later), lambda: store.transact(later)):
        with pytest.raises(UnsupportedType, match="plain function"):
            write()
    assert store.list_keys() == []


def test_a_transaction_has_one_durability(store: Store) -> None:
    with pytest.raises(Unsupported, match="whole commit"), store.transaction() as tx:
        tx.set("k", 1, durability="process")
    assert store.list_keys() == []
    with store.transaction(durability="process") as tx:
        tx.set("k", 1)
    assert store.get("k") == 1
