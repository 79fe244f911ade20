"""The trailers of a message, as git reads them."""

from __future__ import annotations

import subprocess

import pytest

from fsstore.commits import make_commit, trailers

MESSAGES = [
    "crawler: 3 set\n\nAgent: crawler\nRun-Id: 17\nStatus: ok\n",
    "subject\n\nbody: not the last\n\nAgent: a\n",
    "Agent: only a subject",
    "subject\nAgent: second line of the subject\n",
    "subject\n\ntext\nAgent: not all are trailers\n",
    "subject\n\ntext\nAgent: a\nSigned-off-by: Ann <a@b>\n",
    "subject\n\none\ntwo\nthree\nfour\nfive\nSigned-off-by: Ann <a@b>\n",
    "subject\n\nAgent: a\n  goes on\n\tand on\nStatus: ok\n",
    "subject\n\nAgent: a\n(cherry picked from commit 1234)\n",
    "subject\n\nAgent:\nStatus:ok\n",
    "subject\n\nAgent : spaced\n",
    "subject\n\nAgent: first\nAgent: second\n",
    "subject\n\nAgent: a: b: c\n\n\n",
    "subject\n\nNot an-agent é: x\n",
    "subject\n\n  Agent: indented\n",
    "subject\n \nAgent: after a blank line with a space\n",
    "",
    "\n\n",
]


@pytest.mark.parametrize("message", MESSAGES)
def test_they_are_those_that_git_finds(message: str) -> None:
    done = subprocess.run(
        ["git", "interpret-trailers", "--parse"], input=message, capture_output=True, text=True, check=True
    )
    parts = [line.partition(":") for line in done.stdout.splitlines() if not line.startswith("(")]
    assert trailers(message) == {name: value.strip() for name, _, value in parts}


def test_a_commit_says_what_its_trailers_say() -> None:
    message = "\ncrawler: 3 set\nmore\n\nAgent: crawler\nRun-Id: 17\nStatus: failed\n"
    commit = make_commit(b"\1" * 20, (b"\2" * 20,), "crawler", "c@x", 0.0, message)
    assert (commit.id, commit.parents) == ("01" * 20, ("02" * 20,))
    assert (commit.summary, commit.message) == ("crawler: 3 set", message)
    assert (commit.agent, commit.run, commit.status) == ("crawler", "17", "failed")
    assert commit.time == "1970-01-01T00:00:00.000000+00:00"
    assert commit.as_dict()["parents"] == ["02" * 20]
    person = make_commit(b"\1" * 20, (), "Ann", "a@x", 0.0, "agent: none\n")
    assert (person.agent, person.run, person.status) == (None, None, None)
