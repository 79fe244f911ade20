"""What looks like a credential: logged or refused by policy, named by its place, and never told itself."""

from __future__ import annotations

import base64
import hashlib
import json
import pickle
import socket
import subprocess
import sys
import traceback
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from history.stores import StoreRepo

import fsstore
from fsstore import CredentialRefused, Namespace, NotAStore, SchemaViolation, Store, Unsupported, guards, values

DATA = Path(__file__).parents[1] / "data"
SECRET = "hunter22-correct-horse"
GITHUB = "ghp_" + "a1B2" * 9
AWS = "AKIA" + "Z7QX" * 4
RANDOM = "aB3dE5fG7hJ9kL2mN4pQ6rS8"
SEEN: dict[str, tuple[str, Any, str, str]] = {
    "the key's name": ("api_key", "sk-secret-key", "$", "Secret Keyword"),
    "the last part of a key's name": ("service:github:api_key", "sk-secret-key", "$", "Secret Keyword"),
    "a member": ("config", {"name": "x", "api_key": SECRET}, "$.api_key", "Secret Keyword"),
    "far inside": (
        "config",
        {"a": [1, {"b c": {"db_password": SECRET}}]},
        '$.a[1]["b c"].db_password',
        "Secret Keyword",
    ),
    "a list": ("config", {"private_keys": [SECRET]}, "$.private_keys[0]", "Secret Keyword"),
    "a form": ("note", f"use {GITHUB} for it", "$", "GitHub Token"),
    "a key id": ("note", {"id": AWS}, "$.id", "AWS Access Key"),
    "an address": ("db", {"url": f"postgres://bob:{SECRET}@db/x"}, "$.url", "Basic Auth Credentials"),
    "a private key": ("pem", "-----BEGIN RSA PRIVATE KEY-----\nMIIE", "$", "Private Key"),
    "a file in a text": ("env", f'DEBUG=1\nPASSWORD="{SECRET}"\n', "$", "Secret Keyword"),
    "a member's name": ("map", {"a": {GITHUB: 1}}, "$.a", "GitHub Token"),
    "beyond ASCII": ("config", {"contraseña": SECRET}, '$["contraseña"]', "Secret Keyword"),
    "capitals": ("config", {"API_KEY": SECRET}, "$.API_KEY", "Secret Keyword"),
    "hyphens": ("config", {"headers": {"x-api-key": SECRET}}, '$.headers["x-api-key"]', "Secret Keyword"),
    "a token by name": ("config", {"access_token": RANDOM}, "$.access_token", "Secret Keyword"),
    "a header": ("config", {"Authorization": f"Bearer {RANDOM}"}, "$.Authorization", "Bearer Token"),
    "settings": ("env", f"DEBUG=1\nexport DB_PASSWORD={SECRET}\n", "$", "Secret Keyword"),
    "settings alone": ("env", f"AWS_SECRET_ACCESS_KEY={RANDOM}", "$", "Secret Keyword"),
    "YAML": ("text", f"db:\n  password: {SECRET}\n", "$", "Secret Keyword"),
    "a project's key": ("note", f"x:\nsk-proj-{RANDOM}-{RANDOM}", "$", "OpenAI Token"),
    "another one's key": ("note", f"sk-ant-api03-{RANDOM}", "$", "OpenAI Token"),
    "a fine-grained token": ("note", f"github_pat_11AAAAAAA0abcdefghijkl_{RANDOM}", "$", "GitHub Token"),
    "a search key": ("note", f"AIzaSy{RANDOM}{RANDOM}"[:39], "$", "Google API Key"),
    "an app's": ("note", "xapp-1-A0123456-0123456789-" + "a1" * 32, "$", "Slack Token"),
    "a model's": ("note", "hf_" + "aBcDeFgHiJk" * 3 + "1", "$", "Hugging Face Token"),
    "a registry's": ("note", "npm_" + "a1B2" * 9, "$", "NPM Token"),
    "a JWT": ("note", f"eyJhbGciOiJIUzI1NiJ9.eyJ{RANDOM}.{RANDOM}", "$", "JSON Web Token"),
    "an encrypted key": ("pem", "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMIIE", "$", "Private Key"),
}


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name == "fsstore"]


@pytest.fixture(autouse=True)
def _told_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guards, "_told", set())


def refusing(path: Path | str = ":memory:", policy: str = "refuse") -> Store:
    return fsstore.open(path, "agent", credentials=policy)


@pytest.mark.parametrize("name", SEEN)
def test_it_is_refused_with_its_place_and_not_told(name: str, caplog: pytest.LogCaptureFixture) -> None:
    key, value, json_path, detector = SEEN[name]
    with refusing() as store:
        with pytest.raises(CredentialRefused) as caught:
            store.set(key, value)
        error = caught.value
        assert (error.namespace, error.key, error.json_path, error.detector) == ("default", key, json_path, detector)
        assert "environment variable" in str(error)
        assert '"credentials"' in str(error)
        assert store.list_keys() == []
    everything = "".join([*traceback.format_exception(error), repr(error), *warnings(caplog)])
    everything += pickle.dumps(error).decode("latin-1")
    for secret in (SECRET, GITHUB, AWS, RANDOM, "sk-secret-key", "MIIE"):
        assert secret not in everything.split("store.set", 1)[0]
        assert secret not in str(error)


@pytest.mark.parametrize("name", SEEN)
def test_it_is_logged_once_for_a_place_and_not_told(name: str, caplog: pytest.LogCaptureFixture) -> None:
    key, value, json_path, detector = SEEN[name]
    with refusing(policy="warn") as store:
        for n in range(3):
            store.set(key, value)
            store.set(f"other{n}", 1)
        assert store.get(key) == value
    (told,) = warnings(caplog)
    for part in (repr(key), "'default'", f"at {json_path} ", detector):
        assert part in told
    for secret in (SECRET, GITHUB, AWS, RANDOM, "sk-secret-key", "MIIE"):
        assert secret not in told


def test_a_secret_in_a_message_is_seen(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    """A flaw: the warning quotes what it found."""
    sound = guards.warn_once
    monkeypatch.setattr(guards, "warn_once", lambda name, told: sound(name, f"{told}: {SECRET}"))
    with pytest.raises(AssertionError):
        test_it_is_logged_once_for_a_place_and_not_told("a member", caplog)


def test_a_secret_in_a_key_is_not_told_either(caplog: pytest.LogCaptureFixture) -> None:
    with refusing() as store, pytest.raises(CredentialRefused) as caught:
        store.set(GITHUB, 1)
    assert GITHUB not in str(caught.value)
    with refusing(policy="warn") as store:
        store.set(GITHUB, 1)
    (told,) = warnings(caplog)
    assert GITHUB not in told


def test_metadata_is_looked_at_too() -> None:
    with refusing() as store, pytest.raises(CredentialRefused, match="in the metadata") as caught:
        store.set("k", 1, metadata={"token": {"auth_key": SECRET}})
    assert caught.value.json_path == "$.token.auth_key"


def test_metadata_that_nobody_looks_at_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """A flaw."""
    sound = guards._CredentialCheck.__call__
    monkeypatch.setattr(guards._CredentialCheck, "__call__", lambda self, key, raw, _: sound(self, key, raw, None))
    with pytest.raises(pytest.fail.Exception):
        test_metadata_is_looked_at_too()


WRITES: dict[str, Callable[[Namespace], Any]] = {
    "create": lambda space: space.create("k", {"api_key": SECRET}),
    "set_many": lambda space: space.set_many({"a": 1, "k": {"api_key": SECRET}}),
    "set_default": lambda space: space.set_default("k", {"api_key": SECRET}),
    "update": lambda space: space.update("old", lambda value: {"api_key": SECRET}),
    "append": lambda space: space.append("passwords:password", {"password": SECRET}),
    "merge": lambda space: space.merge("old", {"api_key": SECRET}),
    "patch": lambda space: space.patch("old", [{"op": "add", "path": "/api_key", "value": SECRET}]),
    "replace_all": lambda space: space.replace_all({"k": {"api_key": SECRET}}),
    "transact": lambda space: space.transact(lambda tx: tx.set("k", {"api_key": SECRET})),
    "move to a telling name": lambda space: space.move("plain", "api_key"),
}


@pytest.mark.parametrize("name", WRITES)
def test_every_verb_goes_by_it(name: str) -> None:
    with refusing() as store:
        store.set_many({"old": {}, "plain": SECRET})
        with pytest.raises(CredentialRefused):
            WRITES[name](store)
        assert store.get_all() == {"old": {}, "plain": SECRET}


NORMAL: dict[str, Any] = {
    "hashes": {
        "sha256": hashlib.sha256(b"x").hexdigest(),
        "md5": hashlib.md5(b"x").hexdigest(),
        "etag": '"33a64df551425fcc55e4d42a148795d9f25f89d4"',
    },
    "revisions": [hashlib.sha1(str(n).encode()).hexdigest() for n in range(200)],
    "key": hashlib.sha256(b"y").hexdigest(),
    "token": base64.b64encode(hashlib.sha256(b"z").digest()).decode(),
    "ids": [str(uuid.UUID(int=n * 7919**9 % 2**128)) for n in range(200)],
    "ulids": ["01HF7YAT31JZECE2NXKPYQ4NB1", "01ARZ3NDEKTSV4RRFFQ69G5FAV"],
    "times": {f"1699999999:{hashlib.sha1(b'x').hexdigest()}": "2026-11-26T10:00:00.000000+00:00"},
    "image": "data:image/png;base64," + base64.b64encode(hashlib.shake_256(b"image").digest(100_000)).decode(),
    "url": "https://example.org:8080/a/b?x=1&key=value#password",
    "mail": {"from": "bob@example.org", "subject": "your password was reset"},
    "usage": {"prompt_tokens": 12, "completion_tokens": 5, "max_tokens": 4096},
    "cache_key": "fetch:https://example.org/a",
    "next_page_token": "CAUQAA",
    "keyboard": "qwertz",
    "secretary": ["Ann", "Bob"],
    "author": "key holder",
    "placeholders": {"password": "${DB_PASSWORD}", "api_key": "<your key>", "secret": "***", "auth_key": "$KEY"},
    "empty": {"password": None, "api_key": "", "secret": False, "db_pass": 3},
    "secret_id": str(uuid.UUID(int=2**100)),
    "embedding": [0.123456789 * n for n in range(300)],
    "phone": "+49 30 901820",
    "version": "1.2.3",
    "path": "src/main/App.java",
    "apartment": "APARTMENTS12",
    "unicode": "日本語 ключ 🔑",
    "code": "def login(user, password):\n    secret = find_secret(user)\n    return check(user, password)\n",
    "spaces": {"pwd": "/home/bob/project1", "tokens": ["a", "b"], "token": "hello1"},
    "about": {"secret_name": "prod/db-1", "password_hint": "pet 1", "has_password": "yes 1", "api_key_id": "AB12"},
    "yours": {"api_key": "YOUR_API_KEY", "password": "change-me", "access_token": "your-access-token-0001"},
    "log": "INFO login of bob, password=*** token=<redacted>\nERROR: invalid password for user 'bob'",
    "letter": "Your password: please change it.\nsecret: 42\nToken of appreciation",
    "slug": "risk-assessment-2026-for-people-who sk-task-management-of-2026-for-all-people-who-like-words",
    "bearer": "the bearer authentication-with-long-names is off; send 'Authorization: Bearer ${TOKEN}'",
    "lock": {"integrity": "sha512-" + base64.b64encode(hashlib.shake_256(b"lock").digest(64)).decode()},
    "query": "https://example.org/a?X-Amz-Signature=" + hashlib.sha256(b"q").hexdigest() + "&token=abc",
    "schema": {"properties": {"password": {"type": "string", "description": "of the user"}}},
}


def test_what_agents_store_is_not_taken_for_one(caplog: pytest.LogCaptureFixture) -> None:
    vectors = json.loads((DATA / "key-vectors.json").read_text())
    with refusing() as store:
        store.set("vectors", vectors)
        store.set_many(dict(vectors["keys"]))
        store.set_many(NORMAL)
        for key, value in NORMAL.items():
            assert store.get(key) == value
    assert warnings(caplog) == []


def test_detectors_that_are_left_out_would_take_them_for_one() -> None:
    """What the choice of detectors is worth: those by entropy alone see a credential in every hash."""
    from detect_secrets.plugins.high_entropy_strings import Base64HighEntropyString, HexHighEntropyString

    text = values.encode(NORMAL["hashes"]).decode()
    assert any(
        any(each.analyze_string(text)) for each in (HexHighEntropyString(limit=3.0), Base64HighEntropyString(limit=4.5))
    )


def test_off_costs_nothing_and_imports_nothing() -> None:
    code = (
        "import sys, fsstore; store = fsstore.open(':memory:'); store.set('api_key', 'sk-secret-key');"
        "store.update('k', lambda value: 1); print(sorted({name.partition('.')[0] for name in sys.modules} & "
        "{'detect_secrets', 'jsonschema_rs', 'requests'}))"
    )
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_nobody_is_asked_whether_it_is_a_real_one(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []
    monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **_: asked.append(args))
    monkeypatch.setattr(socket.socket, "connect", lambda *args: asked.append(args))
    with refusing() as store:
        for value in (f'"{AWS}"\naws_secret_key = "{"aB3+" * 10}"', "sk_live_" + "a" * 24, "xoxb-123-abc"):
            with pytest.raises(CredentialRefused):
                store.set("k", value)
    assert asked == []


def test_long_values_do_not_take_hours() -> None:
    """Without a limit for what is looked at in one go, each of these takes minutes at least."""
    texts = {
        "names": "pwd" * 200_000,
        "prose": "password " * 50_000,
        "addresses": "https://example.org/a:b " * 20_000,
        "tokens": "eyJ" * 20_000,
        "hooks": "https://hooks.slack.com/services/T" * 2_000,
        "lines": ("secret" * 50 + "\n") * 10,
        "keys": "sk-" * 300_000,
        "more tokens": "eyJ" * 300_000,
        "settings": ("a" * 250 + "\n") * 3_000,
    }
    with refusing() as store:
        store.set_many(texts)
        assert store.get_all() == texts
    with refusing() as store, pytest.raises(CredentialRefused):
        store.set("late", "https://example.org/a:b " * 20_000 + GITHUB)


@pytest.mark.parametrize("before", [0, 3000, 3050, 3072, 4050, 4090, 4096, 7000, 100_000])
def test_it_is_found_wherever_it_lies_in_a_long_text(before: int) -> None:
    with refusing() as store, pytest.raises(CredentialRefused):
        store.set("k", " " * before + GITHUB)


def test_the_setting_counts_unless_the_program_says_otherwise(tmp_path: Path) -> None:
    fsstore.open(tmp_path / "s").close()
    marker = tmp_path / "s/fsstore.json"
    found = json.loads(marker.read_text())
    marker.write_text(json.dumps({**found, "settings": {"credentials": "refuse"}}))
    with fsstore.open(tmp_path / "s") as store, pytest.raises(CredentialRefused):
        store.set("api_key", SECRET)
    with fsstore.open(tmp_path / "s", credentials="off") as store:
        store.set("api_key", SECRET)
    marker.write_text(json.dumps({**found, "settings": {"credentials": "maybe"}}))
    with pytest.raises(NotAStore, match="off, warn, refuse; not 'maybe'"):
        fsstore.open(tmp_path / "s")
    with pytest.raises(Unsupported, match="off, warn, refuse; not 'maybe'"):
        fsstore.open(":memory:", credentials="maybe")


def test_the_doctor_reports_what_is_there_where_there_is_a_policy(tmp_path: Path) -> None:
    with fsstore.open(tmp_path / "s") as store:
        store.set("config", {"api_key": SECRET})
        assert list(store.doctor()) == []
    with refusing(tmp_path / "s", "warn") as store:
        (finding,) = store.doctor()
        assert (finding.path, finding.problem) == ("default/config.json", "credential")
        assert "$.api_key" in finding.detail
        assert SECRET not in finding.detail


@pytest.fixture
def repo(tmp_path: Path) -> StoreRepo:
    return StoreRepo(tmp_path / "store")


def set_policy(repo: StoreRepo, policy: str) -> None:
    marker = repo.root / "fsstore.json"
    found = json.loads(marker.read_text())
    marker.write_text(json.dumps({**found, "settings": {"credentials": policy}}))


def test_a_persons_edit_is_committed_with_a_warning(repo: StoreRepo, caplog: pytest.LogCaptureFixture) -> None:
    set_policy(repo, "warn")
    repo.write("config", json.dumps({"api_key": SECRET}))
    repo.snapshot()
    assert f"{SECRET}" in repo.git("show", "HEAD:default/config.json")
    (told,) = warnings(caplog)
    assert "default/config.json" in told
    assert "$.api_key" in told
    assert SECRET not in told


def test_a_persons_edit_stays_out_where_it_is_refused(repo: StoreRepo, caplog: pytest.LogCaptureFixture) -> None:
    set_policy(repo, "refuse")
    repo.write("config", json.dumps({"api_key": SECRET}))
    repo.write("other", "1")
    repo.snapshot()
    repo.snapshot()
    told = warnings(caplog)
    assert len(told) == 2  # each time
    assert "default/config.json stays out of the history: $.api_key in it looks like a credential" in told[0]
    assert SECRET not in "".join(told)
    assert repo.git("log", "--all", "--format=%s", "--", "default/config.json") == ""
    assert repo.git("show", "HEAD:default/other.json") == "1"
    assert repo.git("status", "--porcelain") == "?? default/config.json\n"
    with repo.open() as store:
        assert store.get("config") == {"api_key": SECRET}
        store.set("config", {"api_key": "${API_KEY}"})
        store.snapshot()
    assert "${API_KEY}" in repo.git("show", "HEAD:default/config.json")
    assert SECRET not in repo.git("log", "--all", "-p")
    assert repo.git("fsck") == ""


def test_an_edit_that_is_no_value_stays_out_too(repo: StoreRepo, caplog: pytest.LogCaptureFixture) -> None:
    set_policy(repo, "refuse")
    repo.write("broken", f'{{"note": "use {GITHUB}",}}')
    repo.write("harmless", "{")
    repo.snapshot()
    assert repo.git("log", "--all", "--format=%s", "--", "default/broken.json") == ""
    assert repo.git("show", "HEAD:default/harmless.json") == "{"
    (left,) = [told for told in warnings(caplog) if "broken" in told]
    assert "stays out of the history: $ in it looks like a credential (GitHub Token)" in left
    assert GITHUB not in left


def test_a_violation_does_not_quote_what_is_refused() -> None:
    with refusing() as store:
        store.schema("default", {"type": "object"})
        with pytest.raises(CredentialRefused) as caught:
            store.set("k", GITHUB)
    assert GITHUB not in str(caught.value)


def test_a_violation_that_comes_first_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """A flaw: the schema is asked before the policy, and quotes the value."""
    sound = guards._checks_of
    monkeypatch.setattr(guards, "_checks_of", lambda *args: sound(*args)[::-1])
    with pytest.raises(SchemaViolation, match=GITHUB):
        test_a_violation_does_not_quote_what_is_refused()


@pytest.mark.parametrize("key", [f"{GITHUB}:x", f"a:{GITHUB}:b", f"a/{GITHUB}"])
def test_all_of_a_key_is_looked_at(key: str) -> None:
    with refusing() as store, pytest.raises(CredentialRefused) as caught:
        store.set(key, 1)
    assert GITHUB not in str(caught.value)


def test_a_credential_after_words_that_begin_like_one_is_found() -> None:
    with refusing() as store:
        for before in ("sk-" * 1000 + " ", "eyJ" * 5000 + "\n", "x\t"):
            for form in ("a project's key", "a JWT"):
                with pytest.raises(CredentialRefused):
                    store.set("k", before + SEEN[form][1].split("\n")[-1])


def test_an_edit_that_is_committed_all_the_same_is_seen(
    repo: StoreRepo, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A flaw: a snapshot takes what it finds."""
    monkeypatch.setattr("fsstore.history.captures.guard", lambda *_: None)
    with pytest.raises(AssertionError):
        test_a_persons_edit_stays_out_where_it_is_refused(repo, caplog)


def test_bytes_are_refused_with_the_hint(tmp_path: Path) -> None:
    with fsstore.open(tmp_path / "s") as store, pytest.raises(fsstore.UnsupportedType, match="base64") as caught:
        store.set("image", {"data": b"\x89PNG"})
    assert caught.value.json_path == "$.data"


def test_large_values_warn_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with fsstore.open(tmp_path / "s") as store:
        for n in range(2):
            store.set("large", "x" * 1_100_000 + str(n))
    (told,) = warnings(caplog)
    assert "default/large.json: values of more than 1 MiB" in told
