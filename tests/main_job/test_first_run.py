"""The main job on a real source tree: what is on disk after it, and what it prints."""

from __future__ import annotations

import hashlib
import os
import pty
import re
import shutil
import subprocess
from pathlib import Path

import fsstore

from .job import ROOT, Job


def test_records_and_outlines_are_plain_files(job: Job) -> None:
    job.run()
    raw = (job.source / "json/decoder.py").read_bytes()
    assert job.value("files%3Alib/src%2F/json/decoder.py.json") == {
        "path": "json/decoder.py",
        "size": len(raw),
        "lines": raw.count(b"\n"),
        "sha256": hashlib.sha256(raw).hexdigest(),
    }
    outline = job.value("outlines%3Alib/src%2F/json/decoder.py.json")
    assert outline["summary"] == "Implementation of JSONDecoder"
    assert [each["name"] for each in outline["classes"]] == ["JSONDecodeError", "JSONDecoder"]
    assert outline["classes"][1]["methods"] == ["__init__", "decode", "raw_decode"]
    assert {"py_scanstring", "JSONObject", "JSONArray"} <= set(outline["functions"])
    for namespace in ("files%3Alib", "outlines%3Alib"):
        stored = (job.store / namespace / "src%2F").rglob("*.json")
        paths = sorted(path.relative_to(job.store / namespace / "src%2F").as_posix() for path in stored)
        assert paths == [f"{path}.json" for path in job.files]


def test_statistics_are_those_of_the_tree(job: Job) -> None:
    job.run()
    total = job.value("statistics%3Alib/total.json")
    raws = [(job.source / path).read_bytes() for path in job.files]
    assert total["files"] == len(raws)
    assert total["bytes"] == sum(map(len, raws))
    assert total["lines"] == sum(len(raw.splitlines()) for raw in raws)
    assert total["bad"] == 0
    packages = {path.stem: job.value(f"statistics%3Alib/package/{path.name}") for path in _packages(job)}
    assert set(packages) == {"-", "email", "json"}
    assert packages["-"]["files"] == 1
    assert packages["-"]["classes"] == 1
    assert {name: sum(each[name] for each in packages.values()) for name in total} == total


def _packages(job: Job) -> list[Path]:
    return list((job.store / "statistics%3Alib" / "package").iterdir())


def test_the_index_and_the_answers_lead_to_the_right_files(job: Job) -> None:
    source = '"""About Timbuktu."""\nclass ZanzibarTimbuktu:\n    def timbuktu_HTTPServer(self): ...\n'
    (job.source / "zanzibar.py").write_text(source)
    job.run()
    index = {word: job.value(f"keywords%3Alib/{word}.json") for word in ("zanzibar", "timbuktu", "decoder", "http")}
    assert index["zanzibar"] == {"src/zanzibar.py": 5 + 1}  # a path and a name
    assert index["timbuktu"] == {"src/zanzibar.py": 3 + 1 + 1}  # a summary and two names
    assert index["decoder"].keys() == {"src/json/decoder.py"}
    assert index["http"]["src/zanzibar.py"] == 1
    answers = job.value("answers%3Alib/Where is JSON decoded%3F.json")
    assert answers[0]["file"] == "json/decoder.py"
    assert answers[0]["matched"] == ["json", "decod"]
    assert len(answers) == 3


def test_who_wrote_what_is_noted(job: Job) -> None:
    job.run()
    with fsstore.open(job.store, create=False) as store:
        authors = {
            name: {store.use_namespace(name).info(key).updated_by for key in store.use_namespace(name)}
            for name in store.list_namespaces()
        }
        assert list(store.doctor()) == []
    assert authors == {
        "answers:lib": {"searcher"},
        "files:lib": {"indexer-1", "indexer-2"},
        "keywords:lib": {"keyworder"},
        "outlines:lib": {"indexer-1", "indexer-2"},
        "runs": {"reporter"},
        "settings": {"searcher", "summariser"},
        "statistics:lib": {"summariser"},
    }


def test_output_in_a_pipe_is_plain_and_says_what_was_done(job: Job) -> None:
    output = job.run()
    assert re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]", output) is None
    shards = re.findall(r"^indexing files \(\d of 2\): (\d+)$", output, re.MULTILINE)
    assert sum(map(int, shards)) == len(job.files)
    assert f"Run 1: {len(job.files)} files, of which {len(job.files)} new or changed, 0 unchanged; 0 gone." in output
    values = [path for path in job.store.glob("*/**/*.json") if ".fsstore" not in path.parts]
    size = sum(path.stat().st_size for path in values)
    assert f"The store has {len(values):,} keys in 7 namespaces, {size:,} bytes of JSON." in output
    assert re.search(r"^It took \d+\.\d\d s\.$", output, re.MULTILINE)
    assert f"├── files%3Alib/  ({len(job.files)} keys)" in output
    assert '"packages": ' not in output
    assert (job.store / "settings/packages.json").read_text() in output.replace("\n      ", "\n")


def test_a_watcher_is_told_of_every_key_and_by_whom(job: Job) -> None:
    output = job.run()
    assert output.index("What a watcher in another process was told meanwhile") < output.index("Packages")
    for namespace, authors in (("files:lib", "indexer-1, indexer-2"), ("keywords:lib", "keyworder")):
        files = (job.store / namespace.replace(":", "%3A")).rglob("*.json")
        count = sum(".meta" not in path.parts for path in files)
        assert re.search(rf"^  {namespace} +{count:,} created by {authors}$", output, re.MULTILINE)
    (job.source / "shlex.py").unlink()
    assert re.search(r"^  files:lib +1 deleted by indexer-[12]$", job.run(), re.MULTILINE)
    assert "  nothing: every value is as it was\n" in job.run()


def test_output_in_a_terminal_has_bars(job: Job) -> None:
    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "xterm"}
    with subprocess.Popen(job.command(), cwd=ROOT, stdout=theirs, stdin=theirs, env=environment) as process:
        os.close(theirs)
        seen = _read_terminal(ours)
    os.close(ours)
    assert process.returncode == 0
    assert "\x1b[" in seen
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", seen)
    for stage in ("indexing files (1 of 2)", "indexing files (2 of 2)", "summing up packages", "indexing words"):
        assert re.search(rf"{re.escape(stage)} +━+ +(\d+)/\1", plain)
    assert "It took" in seen


def _read_terminal(descriptor: int) -> str:
    pieces: list[bytes] = []
    while True:
        try:
            piece = os.read(descriptor, 65536)
        except OSError:  # Linux says EIO when the last writer is gone
            piece = b""
        if not piece:
            return b"".join(pieces).decode()
        pieces.append(piece)


def test_no_source_directory_is_a_usage_error(job: Job) -> None:
    shutil.rmtree(job.source)
    assert job.run(status=2) == f"ingest: there is no directory {job.source}\n"
    assert not job.store.exists()
