"""Every relative link of the documents leads to a file, and every #anchor to a heading; the README leads to each."""

from __future__ import annotations

import itertools
import os
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
DOCUMENTS = [ROOT / "README.md", *sorted(ROOT.glob("docs/**/*.md"))]
BLOCK = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"(`+)(?!`).*?(?<!`)\1(?!`)")
HEADING = re.compile(r"^#{1,6} (.+)$", re.MULTILINE)
LINKS = [
    re.compile(r"\]\(([^)]*)\)"),
    re.compile(r"^\[[^\]]+\]:\s*(\S+)", re.MULTILINE),
    re.compile(r"""(?:href|src)=["']([^"']*)"""),
]
ELSEWHERE = re.compile(r"[a-z][a-z0-9+.-]*:")


def anchors_of(text: str) -> set[str]:
    """The anchors of the headings, as GitHub makes them."""
    anchors: set[str] = set()
    for heading in HEADING.findall(BLOCK.sub("", text)):
        anchor = re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")
        more = (f"{anchor}-{number}" for number in itertools.count(1))
        anchors.add(next(name for name in itertools.chain([anchor], more) if name not in anchors))
    return anchors


def links_of(text: str) -> list[str]:
    """The targets within the repository; what stands in code is no link."""
    prose = CODE.sub("", BLOCK.sub("", text))
    return [link for form in LINKS for link in form.findall(prose) if not ELSEWHERE.match(link)]


def broken_links(document: Path, text: str) -> list[str]:
    broken = []
    for link in links_of(text):
        path, _, anchor = link.partition("#")
        target = Path(os.path.normpath(document.parent / path)) if path else document
        known = text if target == document else target.read_text() if target.is_file() else ""
        is_there = target.is_relative_to(ROOT) and target.exists()
        if not link or not is_there or ("#" in link and anchor not in anchors_of(known)):
            broken.append(link)
    return broken


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_leads_somewhere(document: Path) -> None:
    assert broken_links(document, document.read_text()) == []


def test_the_map_in_the_readme_has_each_document_once_under_its_title() -> None:
    section = (ROOT / "README.md").read_text().split("\n## Documents\n", 1)[1].split("\n## ", 1)[0]
    rows = re.findall(r"^\| \[(.+)\]\((.+)\) \| .+ \|$", section, re.MULTILINE)
    titles = [(HEADING.findall(path.read_text())[0], str(path.relative_to(ROOT))) for path in DOCUMENTS[1:]]
    assert sorted(rows) == sorted(titles)


def test_links_are_found_in_prose_alone() -> None:
    text = "[`get`](a.md) and `[b](b.md)` and [c](https://example.org/c.md)\n```sh\n[d](d.md)\n```\n[e]: e.md#f\n"
    assert links_of(text) == ["a.md", "e.md#f"]


def test_anchors_are_those_of_github() -> None:
    text = "# What lies in `.fsstore`\n\n## By hand, and with it\n\n## Work\n\n### Work\n\n```sh\n# none\n```\n"
    assert anchors_of(text) == {"what-lies-in-fsstore", "by-hand-and-with-it", "work", "work-1"}


@pytest.mark.parametrize(
    "link",
    [
        "",
        "#",
        "#nowhere",
        "nowhere.md",
        "docs/agents.md",
        "../docs/agents.md#nowhere",
        "../README.md#nowhere",
        "../scripts#run",
        "agents.md#Runs",
        "../../outside.md",
        "agents.md 'a title'",
    ],
)
def test_a_link_that_leads_nowhere_is_caught(link: str) -> None:
    right = "# Here\n\n[a](#here), [b](agents.md#runs), [c](../README.md), [d](../scripts/examples), [e](agents.md)\n"
    assert broken_links(ROOT / "docs/new.md", right.replace("[a](#here), ", "")) == []
    assert broken_links(ROOT / "docs/agents.md", right) == ["agents.md#runs"]
    assert broken_links(ROOT / "docs/agents.md", f"{right}\n## Runs\n\n[f]({link})\n") == [link]
