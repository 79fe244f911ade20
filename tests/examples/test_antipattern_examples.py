"""The example agents that show what not to store, and what fsstore says to it."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import fsstore
from fsstore import Store

Run = Callable[..., Any]
EXAMPLES = Path(__file__).parents[2] / "scripts" / "examples"


def test_large_binary_is_refused_with_the_way_out(run: Run, store: Store, tmp_path: Path) -> None:
    path = tmp_path / "picture.png"
    path.write_bytes(bytes(range(256)))
    key = f"attachment:{path}"
    for _ in range(2):
        result = run("large_binary", file=str(path))
        assert "$.data: bytes" in result["refused"]
        assert "base64" in result["refused"]
        assert result["stored"] == "base64"
        assert base64.b64decode(store.get(key)["base64"]) == path.read_bytes()
    assert run("large_binary", file=str(path), inline_limit=255)["stored"] == "reference"
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    assert store.get(key) == {"sha256": digest, "bytes": 256, "path": str(path)}


def test_large_binary_leaves_the_old_value_when_refused(store: Store, text: Path) -> None:
    seen: list[Any] = []
    store.set(f"attachment:{text}", "old")

    def look(operation: fsstore.Operation) -> None:
        seen.append((operation.op, operation.found))

    fsstore.run_agent(EXAMPLES / "large_binary.py", {"file": str(text)}, store=store, ops=look)
    assert seen == [("set", True)]  # the refused one is no operation, and the old value was there until the second


def test_realtime_coordination_loses_updates_of_a_shared_key_only(run: Run, store: Store) -> None:
    writers = ["ann", "bob", "c:d"]
    assert run("realtime_coordination", writers=writers) == {"runs": 3, "shared": 1, "own": 3}
    assert run("realtime_coordination", writers=writers) == {"runs": 3, "shared": 2, "own": 6}
    assert store.get_prefix("counter:") == {"counter:ann": 2, "counter:bob": 2, "counter:c%3Ad": 2}


def test_polling_by_hand_looks_for_nothing_and_who_is_told_does_not(run: Run, store: Store) -> None:
    reads: list[str | None] = []

    def look(operation: fsstore.Operation) -> None:
        if operation.op == "get":
            reads.append(operation.key)

    done = {"job": "b", "state": "done"}
    for _ in range(2):
        result = run("polling_by_hand", jobs=["b", "a"])
        assert result.pop("looks") > 1
        assert result == {"polled": done, "waited": done, "told": ["a", "b"]}
    assert store.get_prefix("result:") == {"result:a": {"job": "a", "state": "done"}, "result:b": done}
    path = EXAMPLES / "polling_by_hand.py"
    looks = fsstore.run_agent(path, {"jobs": ["b"]}, store=store, ops=look)["looks"]
    assert reads == ["result:b"] * looks  # all of them the loop's


def test_credentials_are_in_no_file_of_the_store(
    run: Run, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHOP_KEY", "s3cret-of-the-shop")
    signature = hmac.new(b"s3cret-of-the-shop", b"order 7", "sha256").hexdigest()
    expected = {"service": "shop", "signature": signature}
    assert run("credentials", service="shop", variable="SHOP_KEY", message="order 7") == expected
    assert run("credentials", service="shop", message="order 7") == expected
    references = store.use_namespace("secret-references").get_all()
    assert references == {"shop": {"environment_variable": "SHOP_KEY"}}
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert [path for path in files if b"s3cret" in path.read_bytes()] == []
    monkeypatch.delenv("SHOP_KEY")
    with pytest.raises(LookupError, match=r"read from \$SHOP_KEY, which is not set"):
        run("credentials", service="shop", message="order 7")
