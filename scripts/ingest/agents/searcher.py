"""Searcher: answers questions about a tree from its keyword index alone.

Input: ``tree``, the name of the tree in the store.
Run:   fsstore run scripts/ingest/agents/searcher.py --input '{"tree": "fsstore"}'

``questions`` in the namespace ``settings`` is the list of what to answer: if there is none, the searcher starts with
three of its own; what a person writes there stays. ``answers:TREE`` has a key for each question, and no others.
"""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fsstore import data_store  # whoever runs the agent puts it among its globals

PREFIX = "src/"
BEST = 3
FIRST_QUESTIONS = ["Where is JSON decoded?", "How is an email address parsed?", "acquire and release a lock"]
COMMON = {
    "all",
    "and",
    "are",
    "can",
    "does",
    "for",
    "from",
    "how",
    "not",
    "that",
    "the",
    "this",
    "what",
    "where",
    "with",
}
ENDINGS = re.compile(r"(?:ings?|ers?|ors?|ed|es|s|e)\Z")


async def run(input_dict: dict[str, Any], tools: dict[str, Any]) -> dict[str, Any]:
    tree = input_dict["tree"]
    progress = tools.get("progress", lambda done, total: None)
    questions = questions_of(data_store.use_namespace("settings"))
    keywords = data_store.use_namespace(f"keywords:{tree}")
    answers = {}
    for question in questions:
        answers[question] = answer(question, keywords)
        progress(len(answers), len(questions))
    replaced = data_store.use_namespace(f"answers:{tree}").replace_all(answers)
    return {"questions": questions, "new": replaced.added, "removed": replaced.removed}


def questions_of(settings: Any) -> list[str]:
    questions = settings.set_default("questions", FIRST_QUESTIONS)
    if not isinstance(questions, list) or not all(isinstance(question, str) for question in questions):
        raise ValueError(f'{settings.info("questions").path}: a list of questions is wanted: ["Where is ...?"]')
    return list(dict.fromkeys(questions))


def answer(question: str, keywords: Any) -> list[dict[str, Any]]:
    """The files that have most to do with the words of the question; rare words tell more than frequent ones."""
    scores: defaultdict[str, float] = defaultdict(float)
    matched: defaultdict[str, list[str]] = defaultdict(list)
    for stem in stems_of(question):
        weights: Counter[str] = Counter()
        for files in keywords.get_prefix(stem).values():
            weights.update(files)
        for key, weight in weights.items():
            scores[key] += weight / (weight + 2) / math.log(len(weights) + 2)
            matched[key].append(stem)
    best = sorted(scores, key=lambda key: (-scores[key], key))[:BEST]
    return [{"file": key.removeprefix(PREFIX), "score": round(scores[key], 3), "matched": matched[key]} for key in best]


def stems_of(question: str) -> list[str]:
    """The words without their endings: what starts like this is taken for the same word."""
    words = [word.lower() for word in re.findall(r"[^\W\d_]{3,}", question)]
    words = [word for word in words if word not in COMMON]
    stems = [stem if len(stem := ENDINGS.sub("", word)) > 3 else word for word in words]
    return list(dict.fromkeys(stems))
