"""The agents of the main job, each by itself."""

from __future__ import annotations

import os
import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any

import fsstore

from .job import AGENTS, ROOT, STDLIB, Job


def _run(store: fsstore.Store, agent: str, **input: Any) -> Any:
    return fsstore.run_agent(AGENTS / f"{agent}.py", {"tree": "lib", **input}, store=store)


def test_each_agent_runs_alone_on_any_store(job: Job) -> None:
    with fsstore.open(":memory:") as store:
        counts = _run(store, "indexer", source=str(job.source))
        files = len(job.files)
        assert counts == {"files": files, "indexed": files, "unchanged": 0, "removed": 0}
        assert _run(store, "summariser") == {"packages": 3, "changed": 4}
        assert _run(store, "summariser") == {"packages": 3, "changed": 0}
        words = _run(store, "keyworder")["words"]
        assert words == store.use_namespace("keywords:lib").count()
        store.use_namespace("settings").set("questions", ["json scanner", "json scanner"])
        assert _run(store, "searcher") == {"questions": ["json scanner"], "new": ["json scanner"], "removed": []}
        assert store.use_namespace("answers:lib")["json scanner"][0]["file"] == "json/scanner.py"


def test_the_command_lines_in_their_docstrings_run(tmp_path: Path) -> None:
    fsstore.open(tmp_path / "store").close()
    tools = os.path.dirname(sys.executable)
    environment = os.environ | {"FSSTORE_DIR": str(tmp_path / "store"), "PATH": f"{tools}:{os.environ['PATH']}"}
    for agent in ("indexer", "summariser", "keyworder", "searcher"):
        command = (AGENTS / f"{agent}.py").read_text().partition("\nRun:")[2].partition("\n\n")[0]
        assert f"scripts/ingest/agents/{agent}.py" in command
        subprocess.run(["sh", "-ec", command], cwd=ROOT, env=environment, capture_output=True, timeout=60, check=True)
    assert (tmp_path / "store/files%3Afsstore/src%2F/keys.py.json").exists()
    assert (tmp_path / "store/answers%3Afsstore/acquire and release a lock.json").exists()


def test_indexers_share_the_files_between_them_and_go_on_where_one_broke_off(job: Job) -> None:
    with fsstore.open(":memory:") as store:
        first = _run(store, "indexer", source=str(job.source), shard=0, shards=3)
        assert 0 < first["files"] < len(job.files)
        assert store.use_namespace("files:lib").count() == first["files"]
        rest = [_run(store, "indexer", source=str(job.source), shard=shard, shards=3) for shard in (1, 2)]
        assert first["files"] + sum(each["files"] for each in rest) == len(job.files)
        again = _run(store, "indexer", source=str(job.source))
        assert (again["indexed"], again["unchanged"]) == (0, len(job.files))


def test_the_default_tree_is_large_and_has_no_other_peoples_packages() -> None:
    python_files = runpy.run_path(str(AGENTS / "indexer.py"))["python_files"]
    keys = [key for key, _ in python_files(str(STDLIB))]
    assert len(keys) == len(set(keys)) > 400
    assert {"src/json/decoder.py", "src/asyncio/base_events.py", "src/ast.py"} <= set(keys)
    assert [key for key in keys if "site-packages" in key or "dist-packages" in key] == []
