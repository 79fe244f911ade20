"""The benchmark runs and reports every row; how fast anything is, is not asserted here."""

from __future__ import annotations

import importlib.util
import json
import operator
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

SCRIPTS = Path(__file__).parents[1] / "scripts"
PROCESS = ("new process", "warm")
WATCHERS = ("raw inotify", "Observer", "watchfiles")
ROWS = {
    ("get", "diskcache"),
    ("get", "naive"),
    ("get", "lmdb"),
    ("get_all", "diskcache"),
    ("list_keys unchanged", "diskcache"),
    ("list_keys prefix", "diskcache"),
    ("list_keys of 1M first time", "naive"),
    ("list_keys of 1M unchanged", "naive"),
    ("list_keys of 1M one changed", "naive"),
    ("set new", "diskcache"),
    ("set new", "naive"),
    ("set over", "diskcache"),
    ("set over", "naive"),
    ("delete", "diskcache"),
    ("delete", "naive"),
    ("set new", "lmdb"),
    ("set_many of 1k", "diskcache"),
    ("set locked", "unlocked"),
    *((verb, "FileTreeStore") for verb in ("get", "set", "delete", "get_many", "set_many", "delete_many")),
    ("increment", "diskcache"),
    ("increment", "lmdb"),
    ("increment", "naive"),
    ("increment, 4 on one key", "diskcache"),
    ("slowest of these", "the fastest"),
    ("increment, 4 on own keys", "diskcache"),
    ("transact", "diskcache"),
    ("set, power", "diskcache FULL"),
    ("set_many of 1k, power", "diskcache FULL"),
    ("set_many of 10", "10 sets"),
    ("get_many of 100", "unchecked"),
    ("4 processes", "1 process"),
    ("memory of 100k streamed", "of 10k"),
    ("import fsstore", "import orjson"),
    ("memoize hit", "diskcache"),
    ("memoize hit, with expiry", "diskcache"),
    ("expire half of 10k", "diskcache"),
    *((f"snapshot {size}, {how}", "git commit") for size in ("1k", "10k", "100k") for how in PROCESS),
    *((f"snapshot 100k, {how}", other) for other in ("pygit2", "of 1k") for how in PROCESS),
    *((f"1k of 100k, {how}", "git commit") for how in PROCESS),
    *((f"sweep 100k, {how}", "git status") for how in PROCESS),
    *((f"durable 10k, {how}", "not durable") for how in PROCESS),
    *((f"100k in one, {how}", "git commit") for how in PROCESS),
    ("growth by a snapshot", "30 KB"),
    ("growth, after gc", "4 KB"),
    ("history of a key", "git log"),
    ("history, foreign commits", "git log"),
    ("restore 10 of 100k", "checkout_tree"),
    *(("set to callback", other) for other in WATCHERS),
    ("set to callback, p99", "raw inotify"),
    *(("drain of changes", other) for other in WATCHERS[:2]),
    ("events of a snapshot", "none"),
    ("events of 1,000 reads", "none"),
    ("idle wake-ups", "none"),
    ("in-place save, p99", "20 ms"),
    ("events of a vim save", "one"),
    ("sync", "raw inotify"),
    ("threads of 8 iterators", "one"),
    ("inotify descriptors of them", "one"),
    ("threads of a callback more", "one"),
    ("start of watching 100k", "walk with stat"),
    ("memory of a watched key", "330 bytes"),
    ("resume of watching 100k", "start"),
    ("edits of 100k, watched", "git status"),
    *((f"find in 100k, {when}", "scan") for when in ("warm", "new process", "one saved")),
    ("find, one edited, watching", "scan"),
    ("find in 100k in one, warm", "scan"),
    *((f"100k in one, {when}", "scan") for when in ("one saved", "watching")),
    ("push/pull", "diskcache"),
    ("put/get/ack", "diskcache push/pull"),
}


def bench(*arguments: str) -> str:
    """What scripts/bench runs, without installing the peers: those that are missing are skipped."""
    command = [sys.executable, "-m", "benchmark.main", "--rounds", "1", *arguments]
    environment = os.environ | {"PYTHONPATH": str(SCRIPTS)}
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300, env=environment)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_every_row_is_measured_and_nothing_is_left_behind(tmp_path: Path) -> None:
    report = json.loads(bench("--scale", "0.004", "--json", "--dir", str(tmp_path)))
    (run,) = report["runs"]
    rows = {(row["row"], row["against"]): row for row in run["rows"]}
    assert set(rows) == ROWS
    assert len(run["rows"]) == len(ROWS)
    for row in run["rows"]:
        check(row)
    assert run["directory"] == str(tmp_path)
    assert list(tmp_path.iterdir()) == []


def check(row: dict[str, Any]) -> None:
    if row["skipped"]:
        module, rest = row["skipped"].split(" ", 1)
        assert (importlib.util.find_spec(module), rest) == (None, "is not installed"), row
        return
    assert row["ratio"] > 0 or row["sense"] == "==", row
    for wanted, met in (("must", "must_met"), ("goal", "goal_met")):
        if row[wanted] is None:
            assert row[met] is None, row
        else:
            compare = {">=": operator.ge, "<=": operator.le, "==": operator.eq}[row["sense"]]
            assert row[met] is compare(row["ratio"], row[wanted]), row


def test_rows_are_chosen_by_name_and_each_directory_gets_a_table_of_its_own(tmp_path: Path) -> None:
    places = [tmp_path / "one", tmp_path / "two"]
    for place in places:
        place.mkdir()
    text = bench("--scale", "0.001", "--rows", "list_keys of *", *(f"--dir={place}" for place in places))
    assert [line.split(" (")[0] for line in text.splitlines() if line.startswith("/")] == [str(p) for p in places]
    named = [line[:28].rstrip() for line in text.splitlines() if line.startswith("list_keys")]
    assert named == ["list_keys of 1M first time", "list_keys of 1M unchanged", "list_keys of 1M one changed"] * 2
