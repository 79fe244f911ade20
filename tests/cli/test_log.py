"""``fsstore log`` and ``fsstore show``: commits in lines, on a terminal, in JSON; one commit, one old value."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

import fsstore
from fsstore.cli import commits

from .command import Command, Result, on_terminal, process, shell

ESCAPES = "evil\x1b[2J\x07"


def git(*words: str) -> str:
    return subprocess.run(["git", *words], capture_output=True, text=True, check=True).stdout


def authors(result: Result) -> list[str]:
    assert result.status == 0, result
    return [line.split("\t")[2] for line in result.out.splitlines()]


def test_a_commit_is_a_line_of_four_columns(past: Path) -> None:
    result = process("log")
    assert (result.status, result.err) == (0, "")
    rows = [line.split("\t") for line in result.out.splitlines()]
    assert [len(row) for row in rows] == [4] * len(rows)
    newest, edit, oldest = rows[:3]
    assert [newest[2], edit[2], oldest[2]] == ["cleaner", "Ada", "planner"]
    assert git("rev-parse", "HEAD")[:10] == newest[0]
    assert newest[1] == git("log", "-1", "--format=%ad", "--date=format-local:%Y-%m-%dT%H:%M:%SZ").strip()
    assert newest[3] == git("log", "-1", "--format=%s").rstrip("\n")


def test_in_json_nothing_is_left_out(past: Path, cli: Command) -> None:
    newest, edit, oldest = cli("log", "--json").documents[:3]
    assert set(newest) == set(fsstore.Commit._fields)
    assert (newest["agent"], newest["run"], newest["parents"]) == ("cleaner", "run-2", [edit["id"]])
    assert (edit["author"], edit["email"], edit["agent"], edit["run"]) == ("Ada", "ada@example.org", None, None)
    assert oldest["id"] == git("rev-parse", "HEAD~2").strip()
    assert oldest["message"].startswith(f"{oldest['summary']}\n")


def test_what_is_left_out_on_demand(past: Path, cli: Command) -> None:
    assert authors(cli("log", "--limit", "2")) == ["cleaner", "Ada"]
    assert authors(cli("log", "--agent", "planner")) == ["planner"]
    assert authors(cli("log", "--run", "run-2")) == ["cleaner"]
    assert authors(cli("log", "--since", "HEAD~2")) == ["cleaner", "Ada"]
    assert authors(cli("log", "--since", "2000-01-01"))[:3] == ["cleaner", "Ada", "planner"]
    assert authors(cli("log", "--since", "2999-01-01")) == []
    assert authors(cli("log", "greeting")) == ["cleaner", "Ada", "planner"]
    assert authors(cli("log", "gone")) == ["cleaner", "planner"]
    assert authors(cli("log", "-n", "a:b")) == ["planner"]
    assert authors(cli("log", "-n", "a:b", "--", "x y")) == ["planner"]
    assert authors(cli("log", "x y")) == []


def test_the_agent_of_the_environment_chooses_nothing(
    past: Path, cli: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FSSTORE_AGENT", "planner")
    assert authors(cli("log"))[:3] == ["cleaner", "Ada", "planner"]


@pytest.mark.parametrize("words", [("--limit", "0"), ("--limit", "x"), ("a", "b")])
def test_usage_of_log(past: Path, cli: Command, words: tuple[str, ...]) -> None:
    assert cli("log", *words).status == 2


def test_a_terminal_shows_columns_and_colours(past: Path) -> None:
    plain = on_terminal("log", "--limit", "3").splitlines()
    assert [line.split()[2] for line in plain] == ["cleaner", "Ada", "planner"]
    assert len({line.index(line.split()[3]) for line in plain}) == 1
    coloured = on_terminal("log", "--limit", "3", TERM="xterm-256color")
    assert coloured.startswith(f"\x1b[33m{plain[0][:10]}\x1b[m")
    assert re.sub("\x1b\\[[0-9]*m", "", coloured).splitlines() == plain
    assert on_terminal("log", "--limit", "3", TERM="xterm", NO_COLOR="1").splitlines() == plain
    assert "\x1b" not in on_terminal("log", "--json", TERM="xterm")
    assert "\x1b" not in process("log", TERM="xterm").out


def test_a_run_that_failed_is_marked_on_a_terminal(past: Path) -> None:
    with (
        fsstore.open(past) as store,
        pytest.raises(ZeroDivisionError),
        store.run(agent="breaker") as data_store,
    ):
        data_store.set("k", 1)
        raise ZeroDivisionError
    assert on_terminal("log", "--limit", "1").rstrip().endswith("[failed]")
    assert "[failed]" not in process("log", "--limit", "1").out


def test_no_author_and_no_message_moves_the_cursor_or_breaks_a_line(past: Path) -> None:
    message = f"{ESCAPES} a\tb\n\n{ESCAPES}\ttabbed"
    git("-c", "user.name=E\x1b[2J\tve", "commit", "-q", "--allow-empty", "-m", message)
    assert process("log", "--limit", "1").out.split("\t")[2:] == [r"E\u001b[2J\tve", "evil\\u001b[2J\\u0007 a\\tb\n"]
    for words in (("log",), ("show",)):
        seen = on_terminal(*words).replace("\n", "").replace("\t", "")
        assert seen.isprintable()


def test_a_commit_is_told_before_the_next_is_read(past: Path, cli: Command) -> None:
    for message in ("lost", "newest"):
        git("commit", "-q", "--allow-empty", "-m", message)
    lost = git("rev-parse", "HEAD~1").strip()
    (past / ".git" / "objects" / lost[:2] / lost[2:]).unlink()
    result = cli("log")
    assert (result.status, result.out.count("\n"), result.err.count("\n")) == (4, 1, 1)
    assert result.out.endswith("\tnewest\n")
    assert cli("log", "--limit", "1") == (0, result.out, "")


def test_a_reader_that_leaves_is_no_error(past: Path) -> None:
    head = git("rev-parse", "HEAD^{tree}").strip()
    lines = "".join(
        f"commit refs/heads/long\ncommitter A <a@b> {1_600_000_000 + number} +0000\ndata 3\nall\n"
        f"{f'M 040000 {head} ' if number == 0 else ''}\n"
        for number in range(4000)
    )
    subprocess.run(["git", "fast-import", "--quiet"], input=lines.encode(), check=True)
    git("symbolic-ref", "HEAD", "refs/heads/long")
    assert len(process("log").out.splitlines()) == 4000
    done = shell('fsstore log | head -1; echo "${PIPESTATUS[0]}"')
    assert done.stdout.decode().splitlines()[1:] == ["141"]
    assert done.stderr == b""


# Showing


def test_show_tells_the_commit_and_its_changes(past: Path) -> None:
    shown = process("show").out
    head = git("rev-parse", "HEAD").strip()
    lines = shown.splitlines()
    assert lines[0] == f"commit {head}"
    assert lines[1].startswith("Author: cleaner <")
    assert lines[2].startswith("Date:   2")
    assert f"    {git('log', '-1', '--format=%s').strip()}" in lines
    assert "    Run-Id: run-2" in lines
    assert "\nremoved default gone\n- [\n-   1\n- ]\n" in shown
    assert "\nchanged default greeting\n@ /m\n+ [\n+   true,\n+   null\n+ ]\n" in shown


def test_show_of_another_commit(past: Path, cli: Command) -> None:
    shown = cli.ok("show", "HEAD~1")
    assert "Author: Ada <ada@example.org>\n" in shown
    assert shown.endswith("\n\nchanged default greeting\n@ /text\n  |\n    hello\n-   world\n+   World\n    end\n")
    assert cli.ok("show", cli.ok("log", "--limit", "1").split("\t")[0]) == cli.ok("show")


def test_show_of_the_first_commit(past: Path, cli: Command) -> None:
    root = git("rev-list", "--max-parents=0", "HEAD").strip()
    assert cli.ok("show", root).startswith(f"commit {root}\n")
    assert {each["kind"] for each in cli("show", root, "--json").document["changes"]} == {"added"}


def test_show_of_a_namespace(past: Path, cli: Command) -> None:
    assert "added a:b x y\n" not in cli.ok("show", "HEAD~2", "-n", "default")
    assert cli.ok("show", "HEAD~2", "-n", "a:b").split("\n\nadded ")[1:] == ['a:b x y\n+ "q"\n']


def test_show_in_json(past: Path, cli: Command) -> None:
    shown = cli("show", "--json").document
    assert set(shown) == {"commit", "changes"}
    assert shown["commit"] == cli("log", "--json").documents[0]
    removed, changed = (each for each in shown["changes"] if each["key"])
    assert removed == {
        "path": "default/gone.json",
        "namespace": "default",
        "key": "gone",
        "kind": "removed",
        "old": [1],
        "details": [],
    }
    assert changed["details"] == [{"op": "add", "path": "/m", "new": [True, None]}]
    assert (changed["old"]["n"], changed["new"]["m"]) == (1, [True, None])


def test_show_of_a_merge_is_against_the_branch_that_was_merged_into(past: Path, cli: Command) -> None:
    main = git("symbolic-ref", "--short", "HEAD").strip()
    git("switch", "-qc", "side", "HEAD~1")
    (past / "default" / "side.json").write_text("1\n")
    git("add", "-A")
    git("commit", "-qm", "on the side")
    git("switch", "-q", main)
    git("merge", "-q", "-m", "joined", "side")
    shown = cli.ok("show")
    assert re.search(r"\nMerge:  [0-9a-f]{10} [0-9a-f]{10}\n", shown)
    assert shown.endswith("\n    joined\n\nadded default side\n+ 1\n")


def test_show_of_a_key_is_its_value_then(past: Path, cli: Command) -> None:
    assert cli("show", "HEAD~2", "greeting").document == {"text": "hello\nworld\nend\n", "n": 1}
    assert cli.ok("show", "HEAD~1", "gone") == "[1]\n"
    assert cli.ok("show", "HEAD~1", "x y", "-n", "a:b") == '"q"\n'
    assert cli.ok("show", "HEAD~1", "x y", "-n", "a:b", "--raw") == "q\n"
    assert on_terminal("show", "HEAD~1", "gone") == "[\n  1\n]\n"
    commit = cli.ok("log", "--limit", "1").split("\t")[0]
    missing = f"fsstore: commit {commit} has no key 'gone' in namespace 'default'.\n"
    assert cli("show", "HEAD", "gone") == (1, "", missing)


@pytest.mark.parametrize("words", [("nonsense",), ("HEAD~99",), ("HEAD~99", "greeting"), ("",), ("~1",), ("--", "-x")])
def test_a_revision_that_is_none(past: Path, cli: Command, words: tuple[str, ...]) -> None:
    result = cli("show", *words)
    assert (result.status, result.out, result.err.count("\n")) == (1, "", 1)
    assert cli("show", "--json", *words).error["error"] == "UnknownRevision"


@pytest.mark.parametrize("verb", ["log", "show", "diff", "history", "blame", "restore", "gc"])
def test_without_git_it_says_so(directory: Path, cli: Command, verb: str) -> None:
    cli.ok("set", "greeting", "1")
    result = cli(verb, *{"history": ["greeting"], "blame": ["greeting"], "restore": ["HEAD", "greeting"]}.get(verb, []))
    assert (result.status, result.out, result.err.count("\n")) == (2, "", 1)
    assert "git" in result.err


def test_the_short_id_is_one_that_git_understands(past: Path, cli: Command) -> None:
    commit = next(iter(fsstore.open(past, read_only=True).log()))
    assert git("rev-parse", commits.short(commit)).strip() == commit.id


def test_before_the_first_snapshot_there_is_an_empty_log(directory: Path, cli: Command) -> None:
    cli.ok("init")
    assert cli("log") == (0, "", "")
    result = cli("show")
    assert (result.status, result.out) == (1, "")
    assert "there is no commit yet" in result.err


def test_reading_changes_nothing(past: Path, cli: Command) -> None:
    git("commit", "-q", "--allow-empty", "-m", "by hand")

    def state() -> dict[str, int]:
        ours = past / ".git" / "fsstore"
        return {str(path): path.stat().st_mtime_ns for path in past.rglob("*") if ours not in (path, *path.parents)}

    before = state()
    for words in (
        ("log",),
        ("log", "greeting"),
        ("show",),
        ("show", "HEAD", "greeting"),
        ("diff",),
        ("history", "greeting"),
        ("blame", "greeting"),
        ("restore", "HEAD~2", "--whole-store", "--dry-run"),
    ):
        assert cli(*words).status == 0, words
        assert state() == before, words


def test_a_damaged_repository_is_status_4(past: Path, cli: Command) -> None:
    for pack in (past / ".git" / "objects" / "pack").glob("*.pack"):
        pack.chmod(0o600)
        pack.write_bytes(pack.read_bytes()[:40])
    for words in (("log",), ("show",), ("diff",), ("show", "HEAD", "greeting")):
        result = cli(*words)
        assert (result.status, result.out, result.err.count("\n")) == (4, "", 1), words
        assert cli("--json", *words).error["error"] == "DamagedHistory"
    assert cli("get", "greeting").status == 0
