"""Imports: what becomes of keys that are there, what is wrong with a line, and several importers at once."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from files.children import finish, line, start, tell
from files.mounts import small_disk

import fsstore
from fsstore import BadLine, Conflict, DiskFull, Imported, Store
from fsstore.moving import fitting, framing, importing
from fsstore.moving.importing import Import
from fsstore.ops import Expect
from fsstore.values import encode

from .conftest import files_of
from .test_round_trip import exported


def dump(items: dict[str, Any], **more: Any) -> bytes:
    return b"".join(json.dumps({"key": key, "value": value, **more}).encode() + b"\n" for key, value in items.items())


def imported(store: Store, raw: bytes, **options: Any) -> Imported:
    return store.import_ndjson(io.BytesIO(raw), **options)


def test_lines_without_a_namespace_go_to_the_handles_own(target: Store) -> None:
    assert imported(target, dump({"a": 1, "b": [2]})) == (2, 2, 0, 0, 0, 0, False)
    assert target.get_all() == {"a": 1, "b": [2]}
    assert target.info("a").created_by == "importer"


def test_a_namespace_may_get_another_name(target: Store) -> None:
    raw = dump({"a": 1}, namespace="old") + b'{"namespace":"old","rules":{"mine":1}}\n'
    assert imported(target, raw, namespace="new").rules == 1
    assert target.list_namespaces() == ["new"]
    assert target._engine.rules("new").members == {"mine": 1}
    with pytest.raises(BadLine, match="line 3: it is of namespace 'b', the lines before of 'old'"):
        imported(target, raw + dump({"a": 1}, namespace="b"), namespace="new")


def test_what_is_there_is_replaced_with_all_that_belongs_to_it(target: Store, scratch: Path) -> None:
    target.set("a", {"x": 1}, {"m": 1, "n": 2})
    target.set("b", 1, {"m": 1})
    target.set("c", 1)
    made = target.info("c").created_at
    (scratch / "target/default/c.json").write_text(" 1 ")
    done = imported(target, dump({"a": {"x": 1}}, metadata={"n": 3}) + dump({"b": 2, "c": 1, "d": None}))
    assert done == (4, 1, 3, 0, 0, 0, False)
    assert [target.info(key).metadata for key in "abcd"] == [{"n": 3}, {}, {}, {}]
    assert (scratch / "target/default/c.json").read_bytes() == b"1\n"
    assert target.info("c").created_at == made
    assert list(target.doctor()) == []


def test_what_is_the_same_is_not_written_again(odd: Store, target: Store, scratch: Path) -> None:
    raw = exported(odd)
    imported(target, raw)
    before = {path: path.stat().st_mtime_ns for path in (scratch / "target").rglob("*") if path.is_file()}
    journal = [path.read_bytes() for path in sorted((scratch / "target/.fsstore/journal").iterdir())]
    for on_conflict in ("overwrite", "skip", "error"):
        done = imported(target, raw, on_conflict=on_conflict)
        assert (done.created, done.updated, done.unchanged, done.skipped) == (0, 0, odd.count() + 2, 0)
    assert {path: path.stat().st_mtime_ns for path in (scratch / "target").rglob("*") if path.is_file()} == before
    assert [path.read_bytes() for path in sorted((scratch / "target/.fsstore/journal").iterdir())] == journal


def test_what_is_there_may_be_left_or_be_an_error(target: Store) -> None:
    target.set("b", "mine", {"m": 1})
    raw = dump({"a": 1, "b": 2, "c": 3})
    with pytest.raises(Conflict, match=r'the stream, line 2: key .b. of .*: "overwrite" replaces it') as caught:
        imported(target, raw, on_conflict="error")
    assert (caught.value.namespace, caught.value.key) == ("default", "b")
    assert target.get_all() == {"a": 1, "b": "mine"}
    assert imported(target, raw, on_conflict="skip") == (3, 1, 0, 1, 1, 0, False)
    assert target.get_all() == {"a": 1, "b": "mine", "c": 3}
    with pytest.raises(ValueError, match="on_conflict"):
        imported(target, raw, on_conflict="Skip")


def test_rules_that_are_there(target: Store) -> None:
    target._engine.set_rules("default", {"mine": 1, "both": 1}, target._writer)
    raw = b'{"rules":{"both":2,"theirs":2}}\n'
    with pytest.raises(Conflict, match=r"line 1: namespace 'default' has rules of its own \(both\)"):
        imported(target, raw, on_conflict="error")
    assert imported(target, raw, on_conflict="skip").rules == 1
    assert target._engine.rules("default").members == {"mine": 1, "both": 1, "theirs": 2}
    assert imported(target, raw).rules == 1
    assert target._engine.rules("default").members == {"mine": 1, "both": 2, "theirs": 2}


def test_a_dry_run_writes_nothing(target: Store, scratch: Path) -> None:
    target.set_many({"b": 1, "c": 3})
    before = files_of(scratch / "target")
    assert imported(target, dump({"a": 1, "b": 2, "c": 3}), dry_run=True) == (3, 1, 1, 1, 0, 0, False)
    assert imported(target, b'{"namespace":"x","rules":{"m":1}}', dry_run=True).rules == 1
    assert files_of(scratch / "target") == before


def test_a_key_that_comes_twice_is_what_the_last_line_says(target: Store) -> None:
    assert imported(target, dump({"a": 1}) + dump({"a": 2, "b": 1}) + dump({"a": 3})) == (4, 2, 2, 0, 0, 0, False)
    assert target.get_all() == {"a": 3, "b": 1}


def test_empty_lines_a_mark_and_several_headers_are_passed_over(target: Store) -> None:
    header = b'{"fsstore":"export","version":1}\r\n'
    end = b'{"end":{"keys":1}}\n'
    raw = b"\xef\xbb\xbf" + header + b"\n" + dump({"a": 1}) + end + header + b'{"key":"b","value":2}\n' + end
    assert imported(target, raw) == (7, 2, 0, 0, 0, 0, False)
    assert imported(target, b"") == (0, 0, 0, 0, 0, 0, False)


def test_a_bad_line_is_told_and_those_before_are_imported(target: Store, scratch: Path) -> None:
    path = scratch / "x.ndjson"
    path.write_bytes(dump({"a": 1, "b": 2}) + b'{"key":"c","value":[3,]}\n' + dump({"d": 4}))
    with pytest.raises(BadLine) as caught:
        target.import_ndjson(path)
    error = caught.value
    assert (error.path, error.line, error.column, error.reason) == (str(path), 3, 23, "Expecting value")
    assert str(error) == (
        f"{path}, line 3, column 23: Expecting value. The lines before it are imported. Mend it and import from the "
        "start again: what is there already is not written again; or skip the first 3 lines."
    )
    assert target.get_all() == {"a": 1, "b": 2}
    assert target.import_ndjson(path, skip=error.line) == (4, 1, 0, 0, 0, 0, False)
    assert target.get_all() == {"a": 1, "b": 2, "d": 4}


@pytest.mark.parametrize("cut", range(1, 22))
def test_a_file_that_was_cut_off_is_never_half_believed(target: Store, cut: int) -> None:
    raw = dump({"a": 1, "b": 2})
    with pytest.raises(BadLine, match="line 2"):
        imported(target, raw[: -cut - 1])
    assert target.get_all() == {"a": 1}


def test_a_line_that_the_store_refuses_is_told_and_those_before_are_imported(target: Store, scratch: Path) -> None:
    (scratch / "target/default/d.json").mkdir(parents=True)
    with pytest.raises(fsstore.Blocked, match=r"line 4: key 'd' .*The lines before it are imported") as caught:
        imported(target, dump({"a": 1, "b": 2, "c": 3, "d": 4, "e": 5}))
    assert caught.value.key == "d"
    assert target.get_many(list("abce")) == {"a": 1, "b": 2, "c": 3}


def test_a_value_over_the_limit(scratch: Path) -> None:
    fsstore.open(scratch / "small").close()
    marker = scratch / "small/fsstore.json"
    marker.write_text(marker.read_text().replace("{}", '{"max_value_bytes": 100}'))
    with fsstore.open(scratch / "small") as store:
        with pytest.raises(fsstore.TooLarge, match="line 2: key 'b'"):
            imported(store, dump({"a": 1, "b": "x" * 200, "c": 2}))
        assert store.get_all() == {"a": 1}


HEADER, ENDED = b'{"fsstore":"export","version":1}\n', b'{"end":{"keys":2}}\n'
CUT = {
    "at the end of a line": (HEADER + dump({"a": 1}), "ends without the last line"),
    "before any key": (HEADER, "ends without the last line"),
    "by a line in the middle": (HEADER + dump({"a": 1}) + ENDED, "line 3 ends an export of 2 keys, and there are 1"),
    "before another": (HEADER + HEADER + dump({"a": 1, "b": 2}) + ENDED, "line 2 begins another"),
    "where keys were added": (HEADER + dump({"a": 1, "b": 2, "c": 3}) + ENDED, "of 2 keys, and there are 3"),
}


@pytest.mark.parametrize("name", CUT)
def test_an_export_that_is_not_whole_is_told(name: str, target: Store, caplog: pytest.LogCaptureFixture) -> None:
    raw, told = CUT[name]
    done = imported(target, raw)
    assert done.cut
    assert done.created == raw.count(b'"key":')  # it is imported all the same
    assert [record.getMessage() for record in caplog.records if told in record.getMessage()]


def test_an_end_that_nobody_looks_at_is_seen(
    target: Store, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A flaw: what ends with a whole line is whole."""
    monkeypatch.setattr(framing.Framing, "is_cut", lambda self: False)
    with pytest.raises(AssertionError):
        test_an_export_that_is_not_whole_is_told("at the end of a line", target, caplog)


def test_exports_that_are_whole(source: Store, target: Store, caplog: pytest.LogCaptureFixture) -> None:
    source.set_many({"a": 1, "b": 2})
    whole = exported(source)
    assert whole.endswith(ENDED)
    assert not imported(target, whole).cut
    assert not imported(target, whole + whole).cut
    assert not imported(target, dump({"a": 1, "b": 2})).cut  # lines of one's own
    assert not imported(target, whole, skip=2).cut
    assert imported(target, whole.removesuffix(ENDED), skip=2).cut  # whose first line was passed over
    assert not imported(target, whole, skip=4).cut
    assert len(caplog.records) == 1


@pytest.mark.parametrize("rules", [{"ttl": -1}, {"expires": "x"}, {"schema": 5}, {"index": [1]}])
@pytest.mark.parametrize("dry_run", [True, False])
def test_rules_that_make_no_sense_are_refused(rules: Any, dry_run: bool, target: Store) -> None:
    """Stored, they would hinder every later write in the namespace."""
    line = json.dumps({"namespace": "n", "rules": rules}).encode()
    with pytest.raises(fsstore.InvalidValue, match="line 2"):
        imported(target, dump({"a": 1}) + line, dry_run=dry_run)
    assert target.count() == (0 if dry_run else 1)
    target.use_namespace("n").set("k", 1)
    assert imported(target, b'{"namespace":"n","rules":{"ttl":null}}').rules == 0


def test_text_that_has_no_bytes_is_told_and_those_before_are_imported(target: Store) -> None:
    with pytest.raises(BadLine, match='line 2: "raw" holds a lone surrogate at position 1'):
        imported(target, dump({"a": 1}) + b'{"key":"b","raw":"x\\ud800"}\n')
    assert target.get_all() == {"a": 1}


def test_a_key_whose_time_is_over_is_left_out(target: Store) -> None:
    assert imported(target, dump({"a": 1}, expires="2001-01-01T00:00:00+00:00")) == (1, 0, 0, 0, 1, 0, False)
    assert target.count() == 0


def test_what_the_file_raises_is_raised_and_the_lines_before_are_imported(target: Store) -> None:
    text: Any = io.StringIO("{}")

    class Failing(io.BytesIO):
        def readline(self, size: int | None = -1, /) -> bytes:
            if found := super().readline(size):
                return found
            raise OSError(5, "the disk is gone")

    with pytest.raises(OSError, match="the disk is gone"):
        target.import_ndjson(Failing(dump({"a": 1})))
    assert target.get_all() == {"a": 1}
    with pytest.raises(fsstore.UnsupportedType, match="binary"):
        target.import_ndjson(text)
    with pytest.raises(FileNotFoundError):
        target.import_ndjson("nowhere")


def test_progress_is_told_in_bytes(target: Store, scratch: Path) -> None:
    raw = dump({str(number): number for number in range(50)})
    (scratch / "x.ndjson").write_bytes(raw)
    told: list[tuple[int, int | None]] = []
    target.import_ndjson(scratch / "x.ndjson", progress=lambda *at: told.append(at))
    assert told[-1] == (len(raw), len(raw))
    assert len(told) == 50
    of_a_stream: list[tuple[int, int | None]] = []
    imported(target, raw, progress=lambda *at: of_a_stream.append(at))
    assert of_a_stream[-1] == (len(raw), None)


def test_a_run_commits_what_it_imports(target: Store) -> None:
    with target.run(agent="mover", run_id="r") as run:
        target.import_ndjson(io.BytesIO(dump({"a": 1})))
    assert run.agent == "mover"
    assert [(commit.agent, commit.run) for commit in target.log(key="a")] == [("mover", "r")]


def test_a_full_disk_is_told_with_the_line_and_what_fits_is_there(scratch: Path) -> None:
    raw = dump({f"{number:03}": "x" * 5000 for number in range(400)})
    with small_disk(scratch / "disk", "size=1m") as disk:
        store = fsstore.open(disk / "store", git=False)
        with store:
            with pytest.raises(DiskFull, match=r"the stream, line \d+: .*Free some space") as caught:
                imported(store, raw)
            assert caught.value.errno in (28, 122)
            stored = store.list_keys()
            assert stored == [f"{number:03}" for number in range(len(stored))]
            assert 0 < len(stored) < 400
            assert f"line {len(stored) + 1}:" in str(caught.value)


# -- several at once -------------------------------------------------------------------------------

IMPORTER = """
import sys, fsstore
with fsstore.open(sys.argv[1], agent=sys.argv[3]) as store:
    print("ready", flush=True)
    sys.stdin.readline()
    print(*map(int, store.import_ndjson(sys.argv[2])), flush=True)
"""


def test_four_processes_import_the_same_file_at_once(target: Store, scratch: Path) -> None:
    items = {f"k:{number}": [number] for number in range(2500)}
    path = scratch / "x.ndjson"
    path.write_bytes(dump(items, metadata={"m": 1}))
    processes = [start(IMPORTER, scratch / "target", path, name) for name in ("ann", "bob", "cyd", "dee")]
    assert [line(process) for process in processes] == ["ready"] * 4
    for process in processes:
        tell(process, "go")
    done = [Imported._make(map(int, finish(process).split())) for process in processes]
    assert sum(each.created for each in done) == 2500
    assert [(each.created + each.unchanged, each.updated, each.skipped) for each in done] == [(2500, 0, 0)] * 4
    assert target.get_all() == items
    assert list(target.doctor()) == []


def two_at_once(target: Store, monkeypatch: pytest.MonkeyPatch) -> tuple[Imported, Imported]:
    """An import that runs whole after another one has looked at the store and before it writes."""
    sound, others = Import._plan, list[Imported]()

    def plan(self: Import, *args: Any, **options: Any) -> Any:
        planned = sound(self, *args, **options)
        if not others:
            others.append(Imported(0, 0, 0, 0, 0, 0))
            others[0] = imported(target, dump({"a": 1, "b": 2}, metadata={"m": 1}))
        return planned

    monkeypatch.setattr(Import, "_plan", plan)
    return imported(target, dump({"a": 1, "b": 2}, metadata={"m": 1})), others[0]


def require_once(both: tuple[Imported, Imported]) -> None:
    assert [(each.created, each.unchanged) for each in both] == [(0, 2), (2, 0)]


def test_who_comes_second_finds_it_done(target: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    require_once(two_at_once(target, monkeypatch))


def test_an_import_that_trusts_its_first_look_is_seen(target: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    sound = fitting.put

    def flawed(*args: Any, last: bool) -> Any:
        return sound(*args, last=last)._replace(expect=Expect.ANYTHING)

    monkeypatch.setattr(importing, "put", flawed)
    with pytest.raises(AssertionError):
        require_once(two_at_once(target, monkeypatch))


def test_a_key_that_is_written_all_the_time_is_overwritten_in_the_end(
    target: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    sound: Callable[..., Any] = Import._plan

    def plan(self: Import, *args: Any, **options: Any) -> Any:
        planned = sound(self, *args, **options)
        target.increment("n")
        return planned

    monkeypatch.setattr(Import, "_plan", plan)
    imported(target, dump({"n": "new"}))
    assert target.get("n") == "new"


def test_another_writers_value_is_not_lost_with_skip(target: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    sound: Callable[..., Any] = Import._plan

    def plan(self: Import, batch: Any, *, last: bool) -> Any:
        planned = sound(self, batch, last=last)
        target.set_default("n", "theirs")
        return planned

    monkeypatch.setattr(Import, "_plan", plan)
    assert imported(target, dump({"m": 1, "n": "new"}), on_conflict="skip") == (2, 1, 0, 0, 1, 0, False)
    assert target.get_all() == {"m": 1, "n": "theirs"}


# -- one commit for many keys ----------------------------------------------------------------------


def committed(target: Store, monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Which keys were committed together."""
    monkeypatch.setattr(importing, "BATCH", 3)
    with target.watch() as changes:
        imported(target, dump(dict.fromkeys("abcdefgh", 1)))
        target.sync()
        events = list(iter(lambda: changes.get(timeout=0), None))
    together: dict[str | None, list[str]] = {}
    for event in events:
        together.setdefault(event.commit, []).append(event.key)
    return sorted(map(sorted, together.values()))


def test_many_keys_are_one_commit(target: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    assert committed(target, monkeypatch) == [list("abc"), list("def"), list("gh")]


def test_an_import_that_writes_key_after_key_is_seen(target: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    sound = Import.__init__

    def flawed(self: Import, engine: Any, commit: Any, *args: Any) -> None:
        def one_by_one(puts: Sequence[Any]) -> Any:
            return [commit([put])[0] for put in puts]

        sound(self, engine, one_by_one, *args)

    monkeypatch.setattr(Import, "__init__", flawed)
    assert committed(target, monkeypatch) != [list("abc"), list("def"), list("gh")]


def test_large_values_are_fewer_in_a_commit(target: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importing, "_BATCH_BYTES", 3 * len(encode("x" * 100)))
    sizes: list[int] = []
    sound = Import._settle

    def settle(self: Import, batch: Any) -> None:
        sizes.append(len(batch))
        sound(self, batch)

    monkeypatch.setattr(Import, "_settle", settle)
    imported(target, dump({str(number): "x" * 100 for number in range(7)}))
    assert sizes == [3, 3, 1]


# -- what a set would refuse -----------------------------------------------------------------------


def test_values_are_checked_by_the_schema_that_is_there(target: Store) -> None:
    target.schema("default", {"type": "number"})
    raw = dump({"a": 1, "b": "unfit", "c": 2})
    with pytest.raises(fsstore.SchemaViolation, match="line 2: key 'b'") as caught:
        imported(target, raw)
    assert (caught.value.key, caught.value.json_path) == ("b", "$")
    assert target.get_all() == {"a": 1}
    assert imported(target, raw, skip=2).created == 1
    with pytest.raises(fsstore.InvalidValue, match=r"line 1: key 'd' .* no JSON value"):
        imported(target, b'{"key":"d","raw":"{"}')
    assert target.get_all() == {"a": 1, "c": 2}


def test_a_schema_that_comes_after_its_keys_does_not_check_them(source: Store, target: Store, scratch: Path) -> None:
    source.set("a", "unfit")
    source.schema("default", {"type": "number"})
    imported(target, exported(source))
    assert target.get_all() == {"a": "unfit"}
    assert target.schema("default") == {"type": "number"}
    assert files_of(scratch / "target") == files_of(scratch / "source")


def test_a_schema_that_is_none_is_refused(target: Store) -> None:
    with pytest.raises(fsstore.InvalidValue, match="line 1"):
        imported(target, b'{"rules":{"schema":{"type":"nonsense"}}}')
    with pytest.raises(fsstore.StoreError, match="line 1"):
        imported(target, b'{"rules":{"schema":5}}')
    assert target.schema("default") is None


def test_what_looks_like_a_credential_is_refused_where_that_is_the_policy(scratch: Path) -> None:
    secret = "AKIA" + "IOSFODNN7EXAMPLQ"
    with fsstore.open(scratch / "guarded", credentials="refuse") as store:
        with pytest.raises(fsstore.CredentialRefused, match="line 2"):
            imported(store, dump({"a": 1, "b": {"aws": secret}}))
        with pytest.raises(fsstore.CredentialRefused):
            imported(store, b'{"key":"c","raw":"{ ' + secret.encode() + b'"}')
        assert store.get_all() == {"a": 1}
