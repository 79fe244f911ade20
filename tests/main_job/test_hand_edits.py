"""The main job and people: what they may edit by hand, and what is mended."""

from __future__ import annotations

import re
import shutil
import subprocess

import pytest

from .job import ROOT, Job


def test_the_agents_obey_settings_edited_by_hand(job: Job) -> None:
    first = job.run()
    assert job.value("settings/packages.json") == ["email", "json"]
    assert re.search(r"^  json +\d", first, re.MULTILINE)
    packages = '["email","nothing" ]'  # not as fsstore would write it, and no newline at the end
    (job.store / "settings/packages.json").write_text(packages)
    (job.store / "settings/questions.json").write_text('["Who splits a shell command?"]\n')
    output = job.run()
    assert re.search(r"^  email +\d", output, re.MULTILINE)
    assert re.search(r"^  json +\d", output, re.MULTILINE) is None
    assert re.search(r"^  nothing +there is no such package$", output, re.MULTILINE)
    assert re.search(r"^  Who splits a shell command\?  shlex\.py", output, re.MULTILINE)
    assert [path.name for path in (job.store / "answers%3Alib").iterdir()] == ["Who splits a shell command%3F.json"]
    assert (job.store / "settings/packages.json").read_text() == packages
    assert job.changed_by_a_run() == {"runs/lib.json"}


def test_settings_removed_by_hand_are_proposed_again(job: Job) -> None:
    job.run()
    (job.store / "settings/packages.json").unlink()
    shutil.rmtree(job.source / "email")
    job.run()
    assert job.value("settings/packages.json") == ["json"]


@pytest.mark.parametrize(
    ("name", "content", "complaint"),
    [
        ("packages", '["json"', "line 1, column "),
        ("packages", '{"json": 1}', "a list of package names is wanted"),
        ("questions", '["Where?",]', "line 1, column "),
        ("questions", "[1]", "a list of questions is wanted"),
    ],
)
def test_settings_broken_by_hand_are_named(job: Job, name: str, content: str, complaint: str) -> None:
    job.run()
    path = job.store / f"settings/{name}.json"
    path.write_text(content)
    message = job.run(status=1)
    assert message.startswith("ingest: ")
    assert str(path) in message
    assert complaint in message
    assert "Traceback" not in message
    assert path.read_text() == content


def test_records_broken_by_hand_are_made_anew(job: Job) -> None:
    job.run()
    damaged = {
        "files%3Alib/src%2F/json/decoder.py.json": "no json",
        "files%3Alib/src%2F/json/encoder.py.json": '["another shape"]',
        "outlines%3Alib/src%2F/json/scanner.py.json": '{"half',
        "keywords%3Alib/decoder.json": "",
        "statistics%3Alib/total.json": "{}",
    }
    before = {path: (job.store / path).read_text() for path in damaged}
    for path, content in damaged.items():
        (job.store / path).write_text(content)
    (job.store / "outlines%3Alib/src%2F/json/tool.py.json").unlink()
    job.run()
    assert {path: (job.store / path).read_text() for path in damaged} == before
    assert job.value("outlines%3Alib/src%2F/json/tool.py.json")["functions"] == ["main"]
    assert job.last_run()["indexed"] == 4


def test_notes_of_a_person_beside_the_records_stay(job: Job) -> None:
    job.run()
    note = job.store / "files%3Alib" / "notes.json"
    note.write_text('"look at json first"')
    job.run()
    assert note.read_text() == '"look at json first"'


def test_the_printed_commands_do_what_they_promise(job: Job) -> None:
    output = job.run()
    place, *commands = output.partition("and the agents obey\n\n")[2].partition("\n\n")[0].splitlines()
    assert place == f"  # in {ROOT}"
    assert len(commands) == 5
    script = "\n".join(["set -e", *commands])
    done = subprocess.run(["sh", "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True)
    assert job.value("settings/questions.json") == ["Where are temporary files made?"]
    assert "Where are temporary files made?" in done.stdout.partition(str(job.source))[0]
    assert re.search(r"^  Where are temporary files made\?  ", done.stdout, re.MULTILINE)
    assert job.last_run()["number"] == 2
