"""The example agents that show what not to store, and what fsstore says to it."""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import fsstore
from examples.conftest import EXAMPLES, FORMS
from fsstore import Store

Run = Callable[..., Any]


def test_large_binary_goes_in_as_base64_and_comes_back(run: Run, store: Store, tmp_path: Path) -> None:
    path = tmp_path / "picture.png"
    path.write_bytes(bytes(range(256)))
    for _ in range(2):
        assert run("large_binary", file=str(path)) == {"stored": "base64", "bytes": 256}
        value = store.get(f"attachment:{path}")
        assert base64.b64decode(value["data"]) == path.read_bytes()
        assert value["mime_type"] == "image/png"


def test_large_binary_stores_a_large_file_by_hand_and_else_where_it_is(
    run_before: Run, run_after: Run, store: Store, tmp_path: Path
) -> None:
    path = tmp_path / "picture.png"
    path.write_bytes(bytes(100_000))
    key = f"attachment:{path}"
    assert run_before("large_binary", file=str(path)) == {"stored": "base64", "bytes": 100_000}
    assert store.info(key).size > 133_000
    assert run_after("large_binary", file=str(path)) == {"stored": "reference", "bytes": 100_000}
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    assert store.get(key) == {"path": str(path), "mime_type": "image/png", "sha256": digest}


def test_bytes_are_refused_with_the_way_out_and_the_old_value_stays(store: Store, text: Path) -> None:
    seen: list[Any] = []
    key = f"attachment:{text}"
    store.set(key, "old")
    with pytest.raises(TypeError, match=r"\$\.data: bytes.*base64"):
        store.set(key, {"data": text.read_bytes()})
    assert store.get(key) == "old"

    def look(operation: fsstore.Operation) -> None:
        seen.append((operation.op, operation.found))

    for _ in range(2):
        fsstore.run_agent(EXAMPLES / "before" / "large_binary.py", {"file": str(text)}, store=store, ops=look)
    assert seen == [("set", True)] * 2  # the refused ones are no operations


def test_realtime_coordination_numbers_the_runs_and_tells_the_last_of_each_round(run: Run, store: Store) -> None:
    results = [run("realtime_coordination", agents=3) for _ in range(6)]
    assert [result["arrived"] for result in results] == [1, 2, 3, 4, 5, 6]
    assert [result["last"] for result in results] == [False, False, True] * 2
    assert store.get("counter") == 6


def test_polling_by_hand_returns_what_the_workers_stored(run: Run, store: Store, tmp_path: Path) -> None:
    paths = [tmp_path / name for name in ("a.txt", "b.txt")]
    for content in (b"first", b"second"):
        for path in paths:
            path.write_bytes(content)
        digests = {f"digest:{path}": hashlib.sha256(content).hexdigest() for path in paths}
        assert run("polling_by_hand", files=[str(path) for path in paths]) == {"results": digests}
        assert store.get_prefix("digest:") == digests


def test_polling_by_hand_looks_again_and_again_and_who_is_told_does_not(store: Store, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    looks: Counter[str] = Counter()
    often = threading.Event()

    def poll_or_wait(form: str) -> None:
        def look(operation: fsstore.Operation) -> None:
            if operation.op in ("get", "get_many") and operation.count == 0:
                looks[form] += 1
                if looks[form] == 5:
                    often.set()

        agent = EXAMPLES / form / "polling_by_hand.py"
        fsstore.run_agent(agent, {"files": [str(pipe)]}, store=store, ops=look)

    for form in FORMS:
        agent = threading.Thread(target=poll_or_wait, args=(form,))
        agent.start()
        with open(pipe, "w") as end:  # waits for the worker to be reading, who waits for the end of what it reads
            if form == "before":
                assert often.wait(60)
            end.write("contents")
        agent.join()
    assert looks["before"] >= 5
    assert looks["after"] <= 1


SECRET = "s3cret-of-the-shop"
SIGNED = {"service": "shop", "signature": hmac.new(SECRET.encode(), b"order 7", "sha256").hexdigest()}


def test_credentials_sign_also_where_the_variable_is_no_longer_named(
    run: Run, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHOP_KEY", SECRET)
    assert run("credentials", service="shop", variable="SHOP_KEY", message="order 7") == SIGNED
    assert run("credentials", service="shop", message="order 7") == SIGNED


def test_credentials_are_in_files_by_hand_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_KEY", SECRET)
    input = {"service": "shop", "variable": "SHOP_KEY", "message": "order 7"}
    for form in FORMS:
        fsstore.run_agent(EXAMPLES / form / "credentials.py", input, store=tmp_path / form)
        files = [path for path in (tmp_path / form).rglob("*") if path.is_file()]
        with_it = {path.name for path in files if SECRET.encode() in path.read_bytes()}
        assert with_it == ({"shop.json"} if form == "before" else set())


def test_credentials_with_recipes_need_their_variable(
    run_after: Run, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHOP_KEY", SECRET)
    run_after("credentials", service="shop", variable="SHOP_KEY", message="order 7")
    references = store.use_namespace("secret-references").get_all()
    assert references == {"shop": {"environment_variable": "SHOP_KEY"}}
    monkeypatch.delenv("SHOP_KEY")
    with pytest.raises(KeyError, match="SHOP_KEY"):
        run_after("credentials", service="shop", message="order 7")


def test_credentials_are_refused_where_the_store_is_told_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    secret = "AKIAIOSFODNN7EXAMPLE"
    monkeypatch.setenv("SHOP_KEY", secret)
    input = {"service": "shop", "variable": "SHOP_KEY", "message": "order 7"}
    with fsstore.open(tmp_path / "store", credentials="refuse") as store:
        for _ in range(2):
            with pytest.raises(fsstore.CredentialRefused, match="environment variable"):
                fsstore.run_agent(EXAMPLES / "before" / "credentials.py", input, store=store)
            assert store.list_namespaces() == []
        for _ in range(2):
            result = fsstore.run_agent(EXAMPLES / "after" / "credentials.py", input, store=store)
            assert result["signature"] == hmac.new(secret.encode(), b"order 7", "sha256").hexdigest()
    assert [path for path in tmp_path.rglob("*") if path.is_file() and secret.encode() in path.read_bytes()] == []
