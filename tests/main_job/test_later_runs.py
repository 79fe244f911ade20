"""The main job again: what did not change is left alone, and only that."""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path

from .job import Job


def test_a_second_run_rewrites_nothing_but_the_run_counter(job: Job) -> None:
    job.run()
    assert job.changed_by_a_run() == {"runs/lib.json"}
    files = len(job.files)
    assert job.last_run() == {"number": 2, "files": files, "indexed": 0, "unchanged": files, "removed": 0}


def test_a_touched_file_is_not_a_changed_one(job: Job) -> None:
    job.run()
    os.utime(job.source / "json/decoder.py", (1, 1))
    assert job.changed_by_a_run() == {"runs/lib.json"}


def test_a_changed_file_changes_what_depends_on_it_and_no_more(job: Job) -> None:
    job.run()
    path = job.source / "json/scanner.py"
    path.write_text(path.read_text() + "\ndef zanzibar(): ...\n")
    assert job.changed_by_a_run() == {
        "files%3Alib/src%2F/json/scanner.py.json",
        "outlines%3Alib/src%2F/json/scanner.py.json",
        "keywords%3Alib/zanzibar.json",
        "statistics%3Alib/package/json.json",
        "statistics%3Alib/total.json",
        "runs/lib.json",
    }
    assert job.value("files%3Alib/src%2F/json/scanner.py.json")["sha256"] == _digest(path)
    assert "zanzibar" in job.value("outlines%3Alib/src%2F/json/scanner.py.json")["functions"]
    assert job.value("keywords%3Alib/zanzibar.json") == {"src/json/scanner.py": 1}
    assert job.last_run()["indexed"] == 1
    path.write_text(path.read_text().replace("zanzibar", "timbuktu"))
    job.run()
    assert not (job.store / "keywords%3Alib/zanzibar.json").exists()
    assert job.value("keywords%3Alib/timbuktu.json") == {"src/json/scanner.py": 1}


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_what_vanishes_from_the_tree_vanishes_from_the_store(job: Job) -> None:
    job.run()
    assert (job.store / "keywords%3Alib/scanner.json").exists()
    gone = [path for path in job.files if path.startswith("json/")]
    shutil.rmtree(job.source / "json")
    output = job.run()
    assert f"0 new or changed, {len(job.files) - len(gone)} unchanged; {len(gone)} gone." in output
    for namespace in ("files%3Alib", "outlines%3Alib"):
        assert not (job.store / namespace / "src%2F/json/decoder.py.json").exists()
        assert (job.store / namespace / "src%2F/email/parser.py.json").exists()
    assert not (job.store / "statistics%3Alib/package/json.json").exists()
    assert not (job.store / "keywords%3Alib/scanner.json").exists()
    assert "src/json" not in "".join(path.read_text() for path in (job.store / "keywords%3Alib").iterdir())
    assert "json/" not in (job.store / "answers%3Alib/Where is JSON decoded%3F.json").read_text()


def test_files_that_do_not_parse_are_recorded_as_such(job: Job) -> None:
    bad = {
        "syntax.py": b"x = 1\ndef f(:\n",
        "encoding.py": b'"""caf\xe9"""\n',
        "null.py": b"x = 1\0\n",
        "deep.py": b"(" * 5000 + b")" * 5000,
    }
    for name, raw in bad.items():
        (job.source / name).write_bytes(raw)
    (job.source / "odd.py").write_text(r'"""half a pair: \ud800"""' + "\ndef ünder_ßcore(): ...\n")
    job.run()
    records = {name: job.value(f"files%3Alib/src%2F/{name}.json") for name in bad}
    assert records["syntax.py"]["problem"].startswith("line 2: ")
    assert [record["size"] for record in records.values()] == [len(raw) for raw in bad.values()]
    assert all(record["problem"] for record in records.values())
    assert [name for name in bad if (job.store / f"outlines%3Alib/src%2F/{name}.json").exists()] == []
    assert job.value("outlines%3Alib/src%2F/odd.py.json")["summary"] == "half a pair: ?"
    assert job.value("statistics%3Alib/total.json")["bad"] == 4
    assert job.changed_by_a_run() == {"runs/lib.json"}


def test_a_file_that_breaks_loses_its_outline_and_gets_it_back_when_mended(job: Job) -> None:
    job.run()
    path, outline = job.source / "shlex.py", job.store / "outlines%3Alib/src%2F/shlex.py.json"
    source, before = path.read_text(), outline.read_text()
    path.write_text(source + "\n)\n")
    job.run()
    assert not outline.exists()
    assert "problem" in job.value("files%3Alib/src%2F/shlex.py.json")
    path.write_text(source)
    job.run()
    assert outline.read_text() == before
    assert "problem" not in job.value("files%3Alib/src%2F/shlex.py.json")


def test_what_is_not_the_trees_own_source_is_left_out(job: Job) -> None:
    for place in ("site-packages/other", ".hidden", "json/__pycache__", "test/tokenizedata", "lib2to3/tests/data"):
        (job.source / place).mkdir(parents=True, exist_ok=True)
        (job.source / place / "module.py").write_text("x = 1\n")
    (job.source / "data").mkdir()
    (job.source / "data" / "module.py").write_text("x = 1\n")
    (job.source / "notes.txt").write_text("no Python")
    job.run()
    stored = (job.store / "files%3Alib").rglob("*.json")
    keys = {path.relative_to(job.store / "files%3Alib/src%2F").as_posix().removesuffix(".json") for path in stored}
    assert keys == {*job.files, "data/module.py"}


def test_two_trees_share_a_store_and_do_not_mix(job: Job) -> None:
    job.run()
    before = job.states()
    shutil.rmtree(job.source / "json")
    job.run("--tree", "acme/lib@2")
    after = job.states()
    assert {path: after[path] for path in before} == before
    assert (job.store / "files%3Aacme%2Flib@2/src%2F/email/parser.py.json").exists()
    assert not (job.store / "files%3Aacme%2Flib@2/src%2F/json").exists()
